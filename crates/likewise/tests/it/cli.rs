//! The commands of a client, by the real binary against a real node.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::process::Process;

/// What a command came to.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run_with_input(url: &str, arguments: &[&str], input: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
    command.args(arguments).env("LIKEWISE_URL", url).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(url: &str, arguments: &[&str]) -> Ended {
    run_with_input(url, arguments, "")
}

/// The output of a command that succeeds and says nothing else.
fn output(url: &str, arguments: &[&str]) -> String {
    let ended = run(url, arguments);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}: {ended:?}");
    ended.stdout
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn node(folder: &Path) -> Process {
    Process::start(folder, &[])
}

#[test]
fn a_count_that_is_not_as_expected_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    let url = &node.url;
    output(url, &["like", "p", "ann"]);
    assert_eq!(output(url, &["count", "p", "--expect", "1"]), "         1  p\n");
    // It is waited for.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| output(url, &["count", "p", "q", "--expect", "1"]));
        output(url, &["like", "q", "bob"]);
        assert_eq!(waiting.join().unwrap(), "         1  p\n         1  q\n");
    });
    let ended = run(url, &["count", "p", "--expect", "2"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("\"p\" has 1 likes") && ended.stderr.contains("not 2"));
}

#[test]
fn likes_are_written_counted_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    let url = &node.url;
    assert_eq!(output(url, &["like", "p", "ann"]), "ann likes p: 1 likes, version 1\n");
    assert_eq!(output(url, &["like", "p", "ann"]), "ann likes p, as before: 1 likes, version 1\n");
    let post = "https://example.org/?a=1&b=\u{1f600}";
    output(url, &["like", post, "b/ob"]);
    output(url, &["like", post, "ann"]);
    assert_eq!(output(url, &["users", post]), "ann\nb/ob\n");
    assert_eq!(output(url, &["users", post, "--json"]), "\"ann\"\n\"b/ob\"\n");
    let counts = json_lines(&output(url, &["count", "p", post, "none", "--json"]));
    let expected = [("p", 1), (post, 2), ("none", 0)];
    assert_eq!(counts, expected.map(|(post, likes)| json!({ "post": post, "likes": likes })));
    assert_eq!(output(url, &["count", "p"]), "         1  p\n");
    let top = json_lines(&output(url, &["top", "--limit", "1", "--json"]));
    assert_eq!(top, [json!({ "post": post, "likes": 2 })]);
    let unliked = json_lines(&output(url, &["unlike", "p", "ann", "--json"]));
    assert_eq!(unliked[0]["version"], 2);
    // A late duplicate of the first like does not undo the unlike.
    let late = output(url, &["like", "p", "ann", "--seen", "0"]);
    assert_eq!(late, "ann does not like p, as before: 0 likes, version 2\n");
    output(url, &["like", "p", "ann", "--kind", "heart"]);
    assert_eq!(output(url, &["count", "p", "--kind", "heart"]), "         1  p\n");
    assert!(output(url, &["health"]).contains("\"ready\":true"));
}

#[test]
fn commands_ask_for_what_is_to_stand_behind_their_answers() {
    let folder = tempfile::tempdir().unwrap();
    let node = Process::start(folder.path(), &["--voters", "tested"]);
    let url = &node.url;
    let asking = |words: &[&'static str]| {
        let level = ["--consistency", "linearizable", "--timeout", "10s"];
        output(url, &[words, &level].concat())
    };
    assert_eq!(asking(&["like", "p", "ann"]), "ann likes p: version 1\n");
    assert_eq!(asking(&["unlike", "p", "ann"]), "ann does not like p: version 2\n");
    let one =
        output(url, &["like", "p", "ann", "--consistency", "quorum", "--seen", "2", "--json"]);
    assert_eq!(json_lines(&one)[0]["version"], 3);
    assert_eq!(asking(&["count", "p", "none"]), "         1  p\n         0  none\n");
    assert_eq!(asking(&["users", "p"]), "ann\n");
    let refused = run(url, &["count", "p", "--consistency", "quorum"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("add consistency=linearizable"), "{refused:?}");
    let refused = run(url, &["users", "p", "--timeout", "2s"]);
    assert!(refused.stderr.contains("parameter \"timeout\" means nothing"), "{refused:?}");
    let members = output(url, &["members"]);
    let line = "voters: tested active; 1 make a majority; this node is active";
    assert!(members.lines().any(|found| found == line), "{members}");
}

#[test]
fn an_export_imported_elsewhere_is_the_same_state_to_the_version() {
    let (folder, other_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (node, other) = (node(folder.path()), node(other_folder.path()));
    let lines: String = (0..25_000)
        .map(|like| {
            let (post, user) = (like % 700, like / 7);
            let kind = if like % 10 == 0 { "heart" } else { "like" };
            format!(
                "{{\"post\":\"post/{post}\",\"user\":\"\u{1f600}{user}\",\"kind\":\"{kind}\"}}\n"
            )
        })
        .collect();
    let ended = run_with_input(&node.url, &["import", "-"], &lines);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "accepted 25000 lines, 25000 changed a like, 0 rejected\n");
    // One like that is far beyond what a node believes in one step, and one that was taken back.
    let steps = ["1000", "2000", "2500"].map(|seen| {
        format!("{{\"post\":\"often\",\"user\":\"ann\",\"liked\":false,\"seen\":{seen}}}\n")
    });
    assert_eq!(run_with_input(&node.url, &["import", "-"], &steps.concat()).code, Some(0));
    output(&node.url, &["unlike", "post/1", "\u{1f600}0"]);

    let file = folder.path().join("likes.ndjson");
    let file = file.to_str().unwrap();
    assert_eq!(output(&node.url, &["export", file]), "");
    let exported = std::fs::read_to_string(file).unwrap();
    assert_eq!(exported.lines().count(), 25_003);
    let again = json_lines(&output(&other.url, &["import", file, "--json"]));
    assert_eq!(again[0]["accepted"], 25_003);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let copy = output(&other.url, &["export", "-"]);
    assert_eq!(sorted(&copy), sorted(&exported));
    assert!(copy.contains("\"user\":\"ann\",\"liked\":false,\"seen\":2500}"));
    // To import it once more changes nothing.
    let once_more = json_lines(&output(&other.url, &["import", file, "--json"]));
    assert_eq!((&once_more[0]["changed"], &once_more[0]["rejected"]), (&json!(0), &json!(0)));
}

#[test]
fn bad_lines_are_named_by_their_number_and_reject_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    let good = "{\"post\":\"p\",\"user\":\"ann\"}\n";
    let input = format!("{good}nonsense\n\n{{\"post\":\"\",\"user\":\"u\"}}\n{good}");
    let ended = run_with_input(&node.url, &["import", "-"], &input);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout, "accepted 2 lines, 1 changed a like, 2 rejected\n");
    assert!(ended.stderr.contains("line 2: ") && ended.stderr.contains("line 4: "), "{ended:?}");
}

#[test]
fn the_lines_of_an_import_are_done_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    // One change of the same like in each chunk that the node makes of a long body.
    let filler = "{\"post\":\"p\",\"user\":\"u\"}\n".repeat(4_095);
    let change = |number: usize| {
        format!(
            "{{\"post\":\"x\",\"user\":\"u\",\"liked\":{}}}\n{filler}",
            number.is_multiple_of(2)
        )
    };
    let input: String = (0..200).map(change).collect();
    assert_eq!(run_with_input(&node.url, &["import", "-"], &input).code, Some(0));
    let last = json_lines(&output(&node.url, &["unlike", "x", "u", "--json"]));
    assert_eq!((&last[0]["version"], &last[0]["changed"]), (&json!(200), &json!(false)));
}

#[test]
fn exit_codes_tell_refusals_wrong_usage_and_absence_apart() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    let refused = run(&node.url, &["like", "p", &"x".repeat(513)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("user has 513 bytes: give it at most 512"), "{refused:?}");
    assert_eq!(run(&node.url, &["like", "p"]).code, Some(2));
    assert_eq!(run("ftp://localhost", &["count", "p"]).code, Some(2));
    assert_eq!(run(&node.url, &["import", "/not/there"]).code, Some(1));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for arguments in [&["count", "p"][..], &["health"], &["export", "-"], &["bench"]] {
        let absent = run(&format!("http://{closed}"), arguments);
        assert_eq!(absent.code, Some(3), "{arguments:?}: {absent:?}");
        assert!(absent.stderr.contains(&closed.to_string()), "{absent:?}");
    }
}

#[test]
fn an_export_that_breaks_off_leaves_no_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let half = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf\n\r\n";
        stream.write_all(half).unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("likes.ndjson");
    let ended = run(&format!("http://{address}"), &["export", file.to_str().unwrap()]);
    server.join().unwrap();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_bench_prints_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    let table = output(&node.url, &["bench", "--seconds", "1", "--connections", "4"]);
    assert_eq!(table.lines().filter(|line| line.starts_with("| ")).count(), 5, "{table}");
    assert!(output(&node.url, &["top"]).contains("bench-"));
}

#[test]
fn keygen_never_writes_over_a_file_and_keeps_only_what_is_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.key");
    let name = file.to_str().unwrap();
    let (make, keep) = (["keygen", name], ["keygen", "--keep", name]);
    assert_eq!(output("unused", &keep), "");
    let key = std::fs::read(&file).unwrap();
    assert_eq!(output("unused", &keep), "");
    let refused = run("unused", &make);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(std::fs::read(&file).unwrap(), key);
    std::fs::write(&file, &key[..key.len() / 2]).unwrap();
    let refused = run("unused", &keep);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains(name), "{refused:?}");
    assert_eq!(std::fs::read(&file).unwrap(), key[..key.len() / 2]);
}
