//! Ten thousand connections that say nothing.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Drill;
use super::ask::{DETECTION, check, metric, until};
use super::load::Load;
use super::nodes::{Node, Setup};
use super::reader::Reader;
use super::tally::Tally;

pub(crate) const IDLE: Drill = Drill {
    name: "idle-connections",
    tried: "10 000 connections opened at once that say nothing",
    waits: false,
    run: idle,
};

const CONNECTIONS: u64 = 10_000;

/// Connections that are opened before the node is asked whether it has accepted them: fewer than may wait.
const BURST: usize = 1_000;

/// Files that the drill and its node have open besides.
const OTHER_FILES: u64 = 500;

/// How long a connection may idle, and what a busy machine may add.
const IDLE_TIME: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(10);

/// Reads meanwhile must not take longer, half of them.
const READ_MAX: Duration = Duration::from_millis(250);

/// Makes room for the connections, and answers with how many there may be.
fn make_room() -> u64 {
    let wanted = CONNECTIONS + OTHER_FILES;
    let old = getrlimit(Resource::Nofile);
    let maximum = old.maximum.map(|maximum| maximum.max(wanted));
    let new = Rlimit { current: maximum, maximum };
    // Only root may go beyond the hard limit.
    if setrlimit(Resource::Nofile, new).is_err() {
        let within = Rlimit { current: old.maximum, maximum: old.maximum };
        setrlimit(Resource::Nofile, within).unwrap();
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    CONNECTIONS.min(files.saturating_sub(OTHER_FILES))
}

/// Memory of a node, in bytes.
fn memory(node: &Node) -> u64 {
    let process = node.child.as_ref().unwrap().id();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes << 10
}

fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 16]) {
        Ok(0) => true,
        Ok(_) => panic!("an answer to nothing"),
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

fn idle(tally: &mut Tally) -> Result<(), String> {
    let count = make_room();
    if count < CONNECTIONS {
        tally
            .note(format!("only {count} connections: the hard limit of open files allows no more"));
    }
    let mut grown_most = 0;
    // A round takes a dozen seconds.
    for _ in 0..tally.asked.div_ceil(4) {
        let folder = tempfile::tempdir().unwrap();
        let more = ["--connections-max", "10100"];
        let node = Setup::new("a", folder.path()).with(&more).start();
        let load = Load::start(vec![node.url.clone()], 0);
        load.until_more(300);
        let before = memory(&node);
        let began = Instant::now();
        let address = node.url.trim_start_matches("http://");
        let mut connections: Vec<TcpStream> = Vec::new();
        while (connections.len() as u64) < count {
            let burst = BURST.min(count as usize - connections.len());
            connections.extend((0..burst).map(|_| TcpStream::connect(address).unwrap()));
            until("connections are accepted", DETECTION, || {
                let open = metric(&node.url, "likewise_http_connections")?;
                check(open >= connections.len() as f64, || format!("{open} connections"))
            });
        }
        for connection in &connections {
            connection.set_nonblocking(true).unwrap();
        }
        let opened = began.elapsed();
        tally.worst("all opened", opened);
        let reader = Reader::start(&node.url);
        load.until_more(300);
        let grown = memory(&node).saturating_sub(before);
        grown_most = grown.max(grown_most);
        let times = reader.stop();
        assert!(times.median < READ_MAX, "others wait: {times:?}");
        tally.worst("p99 of reads by others", times.p99);
        until("idle connections are closed", IDLE_TIME + GRACE, || {
            connections.retain_mut(|stream| !is_closed(stream));
            check(connections.is_empty(), || format!("{} are open", connections.len()))
        });
        let lasted = began.elapsed();
        assert!(lasted >= IDLE_TIME, "closed before their time, after {lasted:?}");
        tally.worst("the last one closed by the node", lasted);
        let record = tally.stop(load);
        tally.audit_all(&[&node], &record);
        tally.rounds += 1;
    }
    tally.note(format!("{:.0} MB more memory", grown_most as f64 / 1e6));
    Ok(())
}
