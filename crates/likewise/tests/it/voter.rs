//! A voter that is started again, killed, and damaged: what it may still vote for.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use super::process::{PATIENCE, Process, command};

const LEVEL: &str = "consistency=linearizable&timeout=10s";

fn voter(data: &Path) -> Process {
    Process::start(data, &["--voters", "tested", "--consistency", "linearizable"])
}

fn ask(node: &Process, method: &str, path: &str) -> Value {
    let url = format!("{}{path}", node.url);
    let answer = match method {
        "PUT" => ureq::put(&url).send_empty(),
        _ => ureq::get(&url).call(),
    };
    let text = answer.unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_single_voter_votes_again_after_a_stop_and_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    for (start, stops_well) in [(1, true), (2, false), (3, true)] {
        let node = voter(folder.path());
        let written = ask(&node, "PUT", &format!("/v1/posts/p/likes/user-{start}"));
        assert_eq!(written["version"], 1, "{written}");
        let count = ask(&node, "GET", &format!("/v1/posts/p?{LEVEL}"));
        assert_eq!(count["likes"], start, "{count}");
        if stops_well {
            assert!(node.terminate().success());
        } else {
            node.kill();
        }
    }
    // Without what it keeps of its seat it has nobody to copy from, and nobody to ask but itself.
    std::fs::remove_file(folder.path().join("seats")).unwrap();
    assert_eq!(ask(&voter(folder.path()), "GET", "/v1/posts/p")["likes"], 3);
}

#[test]
fn a_file_of_seats_that_makes_no_sense_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    assert!(voter(folder.path()).terminate().success());
    let file = folder.path().join("seats");
    let text = std::fs::read_to_string(&file).unwrap();
    // The file is in order, and what it keeps is of a version that is not known.
    let body = text.split("crc32c ").next().unwrap().replace("kept 01", "kept 7f");
    let sum = crc32c::crc32c(body.as_bytes());
    std::fs::write(&file, format!("{body}crc32c {sum:08x}\n")).unwrap();
    let output = command(folder.path(), &["--voters", "tested"]).stdin(Stdio::null()).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&*file.to_string_lossy()), "{said}");
    assert!(said.contains("remove the file") && said.contains("copies from the other"), "{said}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ask(&voter(folder.path()), "GET", "/v1/posts/p")["likes"], 0);
}

/// A voter whose majority is missing holds up nobody who wants to stop it.
#[test]
fn a_node_stops_though_somebody_waits_for_votes() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = ["--voters", "tested,zoe", "--cluster", "127.0.0.1:0"];
    let node = Process::start(folder.path(), &cluster);
    let url = format!("{}/v1/posts/p?consistency=linearizable&timeout=30s", node.url);
    let waiting = std::thread::spawn(move || ureq::get(&url).call().is_err());
    let metrics = format!("{}/metrics", node.url);
    let deadline = Instant::now() + PATIENCE;
    let waits = || {
        let text = ureq::get(&metrics).call().unwrap().body_mut().read_to_string().unwrap();
        text.lines().any(|line| line == "likewise_votes_waiting_requests 1")
    };
    while !waits() {
        assert!(Instant::now() < deadline, "nobody waits");
    }
    let began = Instant::now();
    assert!(node.terminate().success());
    let took = began.elapsed();
    assert!(took.as_secs() < 20, "{took:?}, and only 10 s are for requests in flight");
    assert!(waiting.join().unwrap());
}
