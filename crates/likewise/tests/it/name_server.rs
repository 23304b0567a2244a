//! A name server that never answers must not hold a node back that wants to stop.

use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{PATIENCE, Process, command};

/// Where the name server listens, on the port that all name servers have.
const SERVER: &str = "127.0.0.94";

/// How long a look-up waits for it, in seconds: longer than a test may take.
const LOOKUP_SECONDS: u32 = 30;

/// How long a node without peers and requests may take to stop.
const STOP_TIME: Duration = Duration::from_secs(10);

/// Takes the port of a name server, which only root may. A machine that checks changes has to be able to.
fn silent_server() -> Option<UdpSocket> {
    match UdpSocket::bind((SERVER, 53)) {
        Ok(server) => Some(server),
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "CI must be able to take port 53: {why}");
            // Past the harness, which keeps what a test prints to itself unless it fails.
            let skipped = format!("SKIPPED the test of name servers: can't take port 53: {why}\n");
            std::io::stderr().write_all(skipped.as_bytes()).unwrap();
            None
        }
    }
}

#[test]
fn a_name_server_that_never_answers_does_not_hold_back_the_end() {
    let Some(server) = silent_server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let resolver = folder.path().join("resolv.conf");
    let text = format!("nameserver {SERVER}\noptions timeout:{LOOKUP_SECONDS} attempts:1\n");
    std::fs::write(&resolver, text).unwrap();
    let data = folder.path().join("data");
    let node = command(&data, &["--cluster", "127.0.0.1:0", "--join", "likes-9.likes.test:9293"]);
    // In a namespace of mounts of its own, the node finds that name server and nobody else does.
    let mut asking = Command::new("unshare");
    asking.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]);
    asking.arg(&resolver).arg(node.get_program()).args(node.get_args());
    asking.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let node = Process::started_by(asking);
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    server.recv(&mut [0; 512]).expect("the node looks its seed up");
    let begun = Instant::now();
    assert!(node.terminate().success());
    assert!(begun.elapsed() < STOP_TIME, "it took {:?}", begun.elapsed());
}
