//! A key file is read as it was made, and whatever is wrong with one is said without showing a secret.

use super::*;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn problem(text: &str) -> String {
    let problem = KeyFile::parse(Path::new("FILE"), text).err().unwrap().to_string();
    assert!(problem.contains("FILE"), "{problem}");
    assert!(!problem.contains(&KEY[..16]), "{problem}");
    problem
}

#[test]
fn a_new_file_is_a_key_file_and_each_is_another() {
    let (one, other) = (generate().unwrap(), generate().unwrap());
    let [one, other] = [one, other].map(|text| KeyFile::parse(Path::new("FILE"), &text).unwrap());
    assert!(one.first != other.first && one.digests != other.digests);
    assert!(one.first != one.digests && one.others.is_empty());
}

#[test]
fn comments_blanks_and_several_keys_are_read_in_order() {
    let (one, two, three) = (KEY, KEY.replace('0', "1"), KEY.replace('0', "2"));
    let text = format!("# c\n\n  key {one}\nkey\t{two}  \ndigests {three}\n");
    let file = KeyFile::parse(Path::new("FILE"), &text).unwrap();
    assert_eq!((hex(&file.first), hex(&file.others[0])), (one.to_owned(), two));
    assert_eq!(hex(&file.digests), three);
}

#[test]
fn whatever_is_wrong_is_named_with_its_line_and_a_remedy() {
    let digests = format!("digests {}", KEY.replace('0', "3"));
    for (text, expected) in [
        (digests.clone(), "no key line"),
        (format!("key {KEY}"), "no digests line"),
        (
            format!("key {KEY}\n{digests}\n{}", digests.replace('3', "4")),
            "line 3 is a second digests",
        ),
        (format!("{digests}\nkey {KEY}\nkey {KEY}"), "line 3 repeats the secret of line 2"),
        (format!("{digests}\nkey {}", &KEY[1..]), "line 2 should be the word key"),
        (format!("{digests}\nkey {}x", &KEY[1..]), "other characters among the digits"),
        (format!("{digests}\nkey {KEY} {KEY}"), "something follows the digits"),
        (format!("{digests}\nkey"), "nothing follows the word"),
        (format!("{digests}\n{KEY}"), "line 2 begins with neither"),
    ] {
        let problem = problem(&text);
        assert!(problem.contains(expected), "{problem}");
    }
    let keys = (0..=KEYS_MAX).map(|n| format!("key {}\n", format!("{n:x}").repeat(64)));
    assert!(problem(&keys.collect::<String>()).contains("one key more than the 8"));
}

#[test]
fn a_path_that_leads_elsewhere_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = KeyFile::read(&folder.path().join("none")).err().unwrap().to_string();
    assert!(missing.contains("none") && missing.contains("--cluster-key-file"), "{missing}");
    let long = folder.path().join("long");
    std::fs::write(&long, vec![b'#'; 70 << 10]).unwrap();
    assert!(KeyFile::read(&long).err().unwrap().to_string().contains("longer than any key file"));
    std::fs::write(&long, [0xff, 0xfe]).unwrap();
    assert!(KeyFile::read(&long).err().unwrap().to_string().contains("is not text"));
}

#[cfg(unix)]
#[test]
fn a_file_of_somebody_else_may_be_read_by_the_group_that_the_node_is_in() {
    for (mode, is_ours, expected) in [
        (0o600, true, false),
        (0o640, true, true),
        (0o440, false, false),
        (0o640, false, false),
        (0o660, false, true),
        (0o444, false, true),
    ] {
        assert_eq!(lets_others_in(mode, is_ours), expected, "{mode:o} {is_ours}");
    }
}
