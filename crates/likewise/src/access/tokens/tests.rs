//! Files of tokens: what is taken, what is found, and what is an error that shows nothing.

use super::*;

fn parse(text: &str) -> Result<Tokens, String> {
    Tokens::parse(Path::new("FILE"), text.as_bytes()).map_err(|error| error.to_string())
}

/// A token and the hash of it that `printf %s TOKEN | sha256sum` gives.
const TOKEN: &str = "a-token-of-our-own-with-32-bytes";
const HASH: &str = "2cff189d46b24af69f3a7d337c195aa51f55940f9576e913614510dd5e535d75";

fn holder(right: Right, name: &str) -> Option<Caller> {
    Some(Caller::Holder { right, name: name.to_owned() })
}

#[test]
fn a_token_that_was_made_is_found_with_its_right_and_name() {
    let made = Right::ALL.map(|right| (right, make(right, right.as_str()).unwrap()));
    let text: String = made.iter().map(|(_, made)| format!("{}\n", made.line)).collect();
    let tokens = parse(&text).unwrap();
    for (right, made) in &made {
        assert_eq!(tokens.find(&made.token), holder(*right, right.as_str()));
        assert!(!made.line.contains(&made.token[PREFIX.len()..]), "the line holds no secret");
        assert!(crate::access::is_token(&made.token));
        let cut = &made.token[..made.token.len() - 1];
        assert_eq!(tokens.find(cut), None);
        assert_eq!(tokens.find(&made.token.to_uppercase()), None);
    }
    assert_ne!(made[0].1.token, make(Right::Read, "").unwrap().token);
    assert_eq!(make(Right::Read, "").unwrap().line.split(' ').count(), 2);
}

#[test]
fn a_token_that_somebody_else_hashed_is_found_too() {
    let upper = HASH.to_uppercase();
    for text in [
        format!("write sha256:{HASH} web shop "),
        format!("# comment\n\n \t# more\r\nwrite\tsha256:{upper}   web shop\r\n"),
    ] {
        assert_eq!(parse(&text).unwrap().find(TOKEN), holder(Right::Write, "web shop"));
    }
}

#[test]
fn a_short_token_has_no_match_even_where_its_hash_is_there() {
    let short = &TOKEN[..TOKEN_BYTES_MIN - 1];
    let line = |token: &str| format!("admin sha256:{}\n", hex(&hash(token.as_bytes())));
    let tokens = parse(&[line(short), line(""), line(TOKEN)].concat()).unwrap();
    assert_eq!((tokens.find(short), tokens.find("")), (None, None));
    assert_eq!(tokens.find(TOKEN), holder(Right::Admin, ""));
}

#[test]
fn what_is_wrong_is_named_by_its_line_and_never_shown() {
    let good = format!("read sha256:{HASH}\n");
    let long_name = "n".repeat(NAME_BYTES_MAX + 1);
    for (line, expected) in [
        (format!("{TOKEN} sha256:{HASH}"), "begins with none of read, write, admin"),
        (format!("Read sha256:{HASH}"), "begins with none of read, write, admin"),
        (format!("read {TOKEN}"), "should have sha256: and 64 hexadecimal digits"),
        (format!("read {HASH}"), "should have sha256: and 64"),
        (format!("read sha256:{}", &HASH[1..]), "should have sha256: and 64"),
        (format!("read sha256:{HASH}0"), "should have sha256: and 64"),
        (format!("read sha256:{}g", &HASH[1..]), "should have sha256: and 64"),
        (format!("read sha256:{}\u{e9}", &HASH[2..]), "should have sha256: and 64"),
        ("read".to_owned(), "should have sha256: and 64"),
        (format!("write sha256:{HASH}"), "has the token of line 1 again"),
        (
            format!("write sha256:{} {long_name}", "0".repeat(64)),
            "has a name that should be at most 64",
        ),
        (
            format!("write sha256:{} a\u{7}b", "0".repeat(64)),
            "has a name that should be at most 64",
        ),
    ] {
        let error = parse(&format!("{good}\n{line}\n")).err().unwrap();
        assert!(error.starts_with(&format!("tokens file FILE: line 3 {expected}")), "{error}");
        assert!(!error.contains(TOKEN) && !error.contains(&HASH[..8]), "{error}");
        assert!(error.matches(": ").count() >= 2, "no remedy in {error}");
    }
    for text in ["", "\n", "# read sha256:0"] {
        assert!(parse(text).err().unwrap().starts_with("tokens file FILE holds no token"));
    }
    let error = Tokens::parse(Path::new("FILE"), b"\xff").err().unwrap().to_string();
    assert_eq!(error, "tokens file FILE is not text: check the path");
}

#[test]
fn a_file_has_a_bounded_number_of_tokens() {
    let line = |number: usize| format!("read sha256:{number:064}\n");
    let many: String = (0..TOKENS_MAX).map(line).collect();
    assert_eq!(parse(&many).unwrap().0.len(), TOKENS_MAX);
    let error = parse(&(many + &line(TOKENS_MAX))).err().unwrap();
    assert!(error.contains("line 65 is one token more than the 64"), "{error}");
}
