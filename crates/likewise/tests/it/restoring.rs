//! `likewise backup` and `likewise restore`, by the real binary against real nodes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use likewise::backup::reader::{Content, Reader};
use likewise_state::state::{Keys, State};
use serde_json::{Value, json};

use super::process::{PATIENCE, Process};
use crate::api::client::Client;

fn run(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
    command.args(arguments).env("LIKEWISE_URL", url).stdin(Stdio::null());
    command.output().unwrap()
}

/// The output of a command that succeeds and says nothing else.
#[track_caller]
fn output(url: &str, arguments: &[&str]) -> String {
    let output = run(url, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and standard error of a command that says nothing else.
#[track_caller]
fn failure(url: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(url, arguments);
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A node with some likes, one of which has changed often, and the digest of them.
fn import(node: &Process, folder: &Path, lines: impl Iterator<Item = String>) -> String {
    let file = folder.join("lines");
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    output(&node.url, &["import", file.to_str().unwrap()]);
    digest(node)
}

fn digest(node: &Process) -> String {
    let mut client = client(&node.url);
    client.get("/v1/cluster").json()["digest"].as_str().unwrap().to_owned()
}

fn client(url: &str) -> Client {
    Client::connect(url.trim_start_matches("http://").parse().unwrap())
}

fn exported(node: &Process) -> Vec<String> {
    let mut lines: Vec<String> =
        output(&node.url, &["export", "-"]).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn line(post: &str, user: &str, liked: bool, seen: u32) -> String {
    let line = json!({ "post": post, "user": user, "liked": liked, "seen": seen });
    format!("{line}\n")
}

fn some_lines() -> impl Iterator<Item = String> {
    let often =
        ["1000", "2000", "2500"].map(|seen| line("often", "ann", false, seen.parse().unwrap()));
    let many =
        (0..20_000).map(|n| line(&format!("post/{}", n % 700), &format!("\u{1f600}{n}"), true, 0));
    let unliked = (0..50).map(|n| line("taken back", &format!("{n}"), false, 1));
    let kind = r#"{"post":"post/1","user":"ann","kind":"heart"}"#.to_owned() + "\n";
    often.into_iter().chain(many).chain(unliked).chain([kind])
}

/// Likes by users whose names have no pattern, so that the file is long: over one request and under three.
fn many_lines() -> impl Iterator<Item = String> {
    let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(n | 1);
    let name = move |n| format!("{:016x}{:016x}", hash(n), hash(!n));
    (1..100_000).map(move |n| line("p", &name(n), true, 0))
}

#[test]
fn a_restored_node_holds_exactly_what_the_other_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let file = path("likes.backup");
    let file = file.to_str().unwrap();
    let node = Process::start(&path("a"), &[]);
    let before = import(&node, folder.path(), some_lines());
    let said = output(&node.url, &["backup", file]);
    assert!(said.contains("20001 likes and 51 that were taken back, of node tested"), "{said}");
    assert!(output(&node.url, &["restore", "--check", file]).contains("is whole: 20001 likes"));

    let empty = Process::start(&path("b"), &[]);
    let said = json_of(&output(&empty.url, &["restore", file, "--json"]));
    let told = (&said["entries"], &said["restored"], &said["changed"], &said["likes"]);
    assert_eq!(told, (&json!(20_052), &json!(20_052), &json!(20_052), &json!(20_001)));
    assert_eq!(digest(&empty), before);
    // Once more, and after a restart: it is on the disk.
    let said = output(&empty.url, &["restore", file]);
    assert!(said.contains("; 0 of 20052 were news to the node"), "{said}");
    empty.kill();
    let empty = Process::start(&path("b"), &[]);
    assert_eq!(digest(&empty), before);

    // Another cluster has another key of digests, and divides posts into other slots.
    let key = path("key");
    output("http://127.0.0.1:1", &["keygen", key.to_str().unwrap()]);
    let of_another = ["--cluster", "127.0.0.1:0", "--cluster-key-file", key.to_str().unwrap()];
    let other = Process::start(&path("c"), &of_another);
    output(&other.url, &["restore", file]);
    assert_ne!(digest(&other), before);
    assert_eq!(exported(&other), exported(&node));
}

#[test]
fn a_restore_takes_nothing_back_that_was_done_since() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let file = file.to_str().unwrap();
    let node = Process::start(&folder.path().join("a"), &[]);
    for user in ["stays", "undone", "redone"] {
        output(&node.url, &["like", "p", user]);
    }
    output(&node.url, &["like", "p", "back"]);
    output(&node.url, &["unlike", "p", "back"]);
    output(&node.url, &["backup", file]);
    output(&node.url, &["unlike", "p", "undone"]);
    output(&node.url, &["unlike", "p", "redone"]);
    output(&node.url, &["like", "p", "redone"]);
    output(&node.url, &["like", "p", "back"]);
    output(&node.url, &["like", "p", "new"]);
    let before = digest(&node);
    let said = output(&node.url, &["restore", file]);
    assert!(said.contains("; 0 of 4 were news"), "{said}");
    assert_eq!(digest(&node), before);
    assert_eq!(output(&node.url, &["users", "p"]), "back\nnew\nredone\nstays\n");
    // A node that has lost some of it gets that back, and keeps what it has of its own.
    let other = Process::start(&folder.path().join("b"), &[]);
    output(&other.url, &["like", "p", "own"]);
    output(&other.url, &["restore", file]);
    assert_eq!(output(&other.url, &["users", "p"]), "own\nredone\nstays\nundone\n");
}

#[test]
fn nothing_of_a_damaged_file_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let name = file.to_str().unwrap();
    let node = Process::start(&folder.path().join("a"), &[]);
    import(&node, folder.path(), many_lines());
    output(&node.url, &["backup", name]);
    let whole = std::fs::read(&file).unwrap();
    let empty = Process::start(&folder.path().join("b"), &[]);
    let mut flipped = whole.clone();
    // In the last block: all others are in order.
    let at = flipped.len() - 200;
    flipped[at] ^= 1;
    for (damaged, expected) in [
        (&whole[..whole.len() - 1], "it ends in the middle of its footer"),
        (&whole[..whole.len() - 400], "it ends in the middle of its block"),
        (&flipped, "the block has another checksum than its bytes"),
        (b"", "it ends in the middle of its header"),
        (b"{\"post\":\"p\"}\n", "it does not begin as a backup of likewise does"),
    ] {
        std::fs::write(&file, damaged).unwrap();
        for arguments in [&["restore", name][..], &["restore", "--check", name]] {
            let (code, said) = failure(&empty.url, arguments);
            assert_eq!(code, Some(1), "{said}");
            assert!(
                said.contains(expected) && said.contains("is not in order: at byte "),
                "{said}"
            );
            assert!(said.contains("use another copy of it"), "{said}");
        }
    }
    assert_eq!(exported(&empty).len(), 0);
    let (code, said) = failure(&empty.url, &["restore", "-"]);
    assert!(code == Some(2) && said.contains("give the name of a file"), "{said}");
}

#[test]
fn a_backup_replaces_no_file_unless_told_and_leaves_no_half_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let name = file.to_str().unwrap();
    let node = Process::start(&folder.path().join("data"), &[]);
    output(&node.url, &["like", "p", "ann"]);
    std::fs::write(&file, "precious").unwrap();
    let (code, said) = failure(&node.url, &["backup", name]);
    assert!(code == Some(1) && said.contains("replace it with --force"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    let said = json_of(&output(&node.url, &["backup", name, "--force", "--json"]));
    assert_eq!((&said["entries"], &said["node"]), (&json!(1), &json!("tested")));
    // Standard output gets the same bytes but for their times.
    let piped = run(&node.url, &["backup", "-"]).stdout;
    let kept = entries_of(&std::fs::read(&file).unwrap());
    assert_eq!(entries_of(&piped).root_digest(), kept.root_digest());

    // What answers here sends a part of a backup, and ends as if that were all.
    let half = piped[..piped.len() - 20].to_vec();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", half.len());
            stream.write_all(&[head.as_bytes(), &half].concat()).unwrap();
        }
    });
    let (code, said) = failure(&url, &["backup", folder.path().join("g").to_str().unwrap()]);
    assert!(code == Some(1) && said.contains("no whole backup: at byte "), "{said}");
    let piped = run(&url, &["backup", "-"]);
    assert_eq!(piped.status.code(), Some(1), "{piped:?}");
    server.join().unwrap();
    let names = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["data", "f"]);
}

/// What a whole backup holds, with its lengths.
fn entries_of(bytes: &[u8]) -> State {
    let state = State::new(Keys::for_tests());
    let mut reader = Reader::default();
    reader.push(bytes);
    while let Some(part) = reader.next_part().unwrap() {
        if let Content::Block(delta) = part.content {
            state.merge_delta(&delta);
        }
    }
    reader.finish().unwrap();
    state
}

/// Passes one connection on to `to`, and breaks it off when the client has sent so many bytes.
fn relay_that_breaks(listener: &TcpListener, to: SocketAddr, bytes: u64) {
    let (client, _) = listener.accept().unwrap();
    let server = TcpStream::connect(to).unwrap();
    let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let answers = std::thread::spawn(move || {
        let (mut from, mut to) = back;
        let _ = std::io::copy(&mut from, &mut to);
    });
    let _ = std::io::copy(&mut (&client).take(bytes), &mut &server);
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    answers.join().unwrap();
}

#[test]
fn a_restore_that_was_interrupted_is_begun_again_and_then_complete() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let name = file.to_str().unwrap();
    let node = Process::start(&folder.path().join("a"), &[]);
    let all = import(&node, folder.path(), many_lines());
    output(&node.url, &["backup", name]);
    let size = file.metadata().unwrap().len();
    assert!((1_200_000..3_000_000).contains(&size), "{size} bytes");

    let empty = Process::start(&folder.path().join("b"), &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let to = empty.url.trim_start_matches("http://").parse().unwrap();
    let relay = std::thread::spawn(move || relay_that_breaks(&listener, to, 1_150_000));
    let (code, said) = failure(&url, &["restore", name]);
    relay.join().unwrap();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(" blocks of ") && said.contains("to begin it again is safe"), "{said}");
    assert!(!said.contains("the first 0 of"), "{said}");
    let likes = |node: &Process| client(&node.url).get("/v1/posts/p").json()["likes"].as_u64();
    let restored = likes(&empty).unwrap();
    assert!(restored > 0 && restored < 99_999, "{restored} likes");
    let said = json_of(&output(&empty.url, &["restore", name, "--json"]));
    assert_eq!(said["restored"], 99_999);
    let news = said["changed"].as_u64().unwrap();
    assert!(news > 0 && news <= 99_999 - restored, "{said} after {restored}");
    assert_eq!(digest(&empty), all);
}

/// Tells writers to stop when it is dropped, in a test that fails too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn everything_acknowledged_before_a_backup_began_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let name = file.to_str().unwrap();
    let node = Process::start(&folder.path().join("a"), &[]);
    import(&node, folder.path(), some_lines());
    let acknowledged = Mutex::new(Vec::new());
    let is_over = AtomicBool::new(false);
    let write = |writer: usize| {
        let mut client = client(&node.url);
        for n in 0.. {
            let (post, user) = (format!("w{}", n / 2 % 97), format!("{writer}-{}", n / 2));
            let path = format!("/v1/posts/{post}/likes/{user}");
            let written = if n % 2 == 0 { client.put(&path) } else { client.delete(&path) };
            let version = written.json()["version"].as_u64().unwrap();
            acknowledged.lock().unwrap().push((post, user, version as u32));
            if is_over.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    let wait_for = |count: usize| {
        let end = std::time::Instant::now() + PATIENCE;
        while acknowledged.lock().unwrap().len() < count {
            assert!(std::time::Instant::now() < end, "the writers don't get on");
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let (write, _over) = (&write, Over(&is_over));
        (0..4).for_each(|writer| drop(scope.spawn(move || write(writer))));
        for round in 1..4 {
            wait_for(100 * round);
            let before = acknowledged.lock().unwrap().clone();
            output(&node.url, &["backup", name, "--force"]);
            let after = acknowledged.lock().unwrap().len();
            assert!(after > before.len(), "nobody wrote meanwhile");
            let state = entries_of(&std::fs::read(&file).unwrap());
            for (post, user, version) in &before {
                let like = likewise_state::id::Like::new(post, "like", user).unwrap();
                assert!(state.length(like).value() >= *version, "{post} {user} {version}");
            }
        }
    });
    // What it holds was: merged back, it is nothing new.
    let said = output(&node.url, &["restore", name]);
    assert!(said.contains("; 0 of "), "{said}");
}
