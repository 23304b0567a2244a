//! One event a request, where it is asked for.

use serde_json::Value;

use crate::api::client::Client;
use crate::process::{Process, command};

fn node(folder: &std::path::Path, more: &[&str]) -> (Process, Client) {
    // The banner, which says where the node is, comes with logs for people alone.
    let node = Process::started_by(command(folder, more));
    let address = node.url.trim_start_matches("http://").parse().unwrap();
    (node, Client::connect(address))
}

#[test]
fn a_request_is_logged_with_its_path_and_never_its_query() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--access-log=true", "--trusted-proxies", "127.0.0.1"];
    let (node, mut client) = node(folder.path(), &more);
    let headers = [("x-request-id", "7f-3"), ("x-forwarded-for", "198.51.100.7")];
    let answer = client.request("PUT", "/v1/posts/p/likes/u?kind=secret", &headers, b"");
    assert_eq!(answer.header("x-request-id"), Some("7f-3"));
    let line = node.logs("likewise::access");
    for part in [
        "method=PUT",
        "path=\"/v1/posts/p/likes/u\"",
        "status=200",
        "microseconds=",
        &format!("bytes={}", answer.body.len()),
        "client=198.51.100.7",
        "node=\"tested\"",
        "request_id=\"7f-3\"",
    ] {
        assert!(line.contains(part), "{part} is missing from {line}");
    }
    assert!(!line.contains("secret"), "{line}");
    let answer = client.request("GET", "/nowhere", &[("x-request-id", "a b")], b"");
    assert_eq!(answer.header("x-request-id"), None);
    let line = node.logs("/nowhere");
    assert!(line.contains("status=404") && line.contains("client=127.0.0.1"), "{line}");
    assert!(!line.contains("request_id"), "{line}");
}

#[test]
fn nothing_is_logged_where_nobody_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (node, mut client) = node(folder.path(), &[]);
    let answer = client.request("GET", "/v1/posts/p", &[("x-request-id", "7f-3")], b"");
    assert_eq!((answer.status, answer.header("x-request-id")), (200, None));
    node.signal("HUP");
    // Logged after it, and without a file to read.
    let lines = node.logs_until("SIGHUP");
    assert!(
        !lines.iter().any(|line| line.contains("/v1/posts/p ") || line.contains("access")),
        "{lines:?}"
    );
    assert_eq!(client.get("/livez").status, 200, "and the node goes on");
}

#[test]
fn in_json_each_part_is_a_field() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &["--log-format", "json", "--access-log=true"]);
    let mut child = command.spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut asked = false;
    for event in events {
        if event["message"] == "ready" {
            let url = event["url"].as_str().unwrap();
            let address = url.trim_start_matches("http://").parse().unwrap();
            assert_eq!(Client::connect(address).get("/v1/posts/p").status, 200);
            asked = true;
        }
        if event["target"] == "likewise::access" {
            assert!(asked);
            assert_eq!(event["status"], 200);
            assert_eq!(event["path"], "/v1/posts/p");
            assert_eq!(event["client"], "127.0.0.1");
            assert!(event["microseconds"].is_u64() && event["bytes"].is_u64(), "{event}");
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(asked);
}
