//! A node that has no file descriptor left, because of its clients, while its journal needs a new segment
//! and its peer comes back.

use std::net::TcpStream;
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::Drill;
use super::ask::{DETECTION, check, until};
use super::ballast::{Ballast, Refusal};
use super::holdings::held;
use super::load::Load;
use super::nodes::{Node, Setup, until_together};
use super::reader::Reader;
use super::record::Record;
use super::tally::Tally;

pub(crate) const EXHAUSTED: Drill = Drill {
    name: "no-descriptors",
    tried: "the limit of open files lowered to what a node of two has open, 100 connections more, its journal in need of files and its peer restarted meanwhile; the connections closed; then no descriptor at all; then `kill -9`",
    waits: false,
    run: exhausted,
};

/// Connections that no descriptor is left for.
const CONNECTIONS: usize = 100;

/// Descriptors that the node finds free when the limit is lowered.
const FREE: usize = 8;

/// Half megabytes of ballast that two segments can't hold.
const GROWTHS: usize = 70;

const SOME: usize = 200;

fn pid(node: &Node) -> Pid {
    Pid::from_child(node.child.as_ref().unwrap())
}

fn open_files(node: &Node) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", pid(node))).unwrap().count()
}

fn exhausted(tally: &mut Tally) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup::new("a", folder.path()).start();
    let mut peer = Setup::new("b", folder.path()).join(&node.address).start();
    until_together(&[&node, &peer]);
    let mut ballast = Ballast::new();
    let mut all = Record::default();
    for round in 0..tally.asked {
        let load = Load::start(vec![node.url.clone()], round * 100_000);
        let reader = Reader::start(&node.url);
        load.until_more(SOME);
        // On a connection that it keeps.
        ballast.grow(&node.url).unwrap();
        exhaust(&node, &mut peer, &mut ballast, tally);
        tally.worst("p99 of reads meanwhile", reader.stop().p99);
        until_together(&[&node, &peer]);
        until("a new connection is served", DETECTION, || {
            let status = node.readiness()?;
            check(status == 200, || format!("/readyz: {status}"))
        });
        load.until_more(SOME);
        node.kill();
        node.restart();
        node.until_ready();
        all.merge(&tally.stop(load));
        tally.audit_all(&[&node, &peer], &all);
        ballast.audit(tally, &node.url, &held(&node.url).0);
        tally.rounds += 1;
    }
    ballast.count(tally);
    Ok(())
}

fn exhaust(node: &Node, peer: &mut Node, ballast: &mut Ballast, tally: &mut Tally) {
    let files = open_files(node) + FREE;
    // The hard limit, which the node inherited, stays.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit { current: Some(files as u64), maximum };
    prlimit(Some(pid(node)), Resource::Nofile, limit).unwrap();
    let address = node.url.trim_start_matches("http://");
    let connections: Vec<TcpStream> =
        (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    until("no descriptor is left", DETECTION, || {
        let open = open_files(node);
        check(open >= files, || format!("{open} of {files} files"))
    });
    peer.kill();
    peer.restart();
    // The journal keeps the file of its next segment open, so it outlives this.
    for _ in 0..GROWTHS {
        if let Err(refused) = ballast.grow(&node.url) {
            assert_polite(&refused);
            tally.count("writes refused for want of a file", 1);
            break;
        }
    }
    let reported = node.line(|line| line.contains("can't accept connections"));
    assert!(reported.is_some(), "the log says nothing of it");
    drop(connections);
    until_taken(node, ballast, "writes go on after the connections are gone", tally);

    // No descriptor at all, not even one that was just given back.
    let none = Rlimit { current: Some(3), maximum };
    prlimit(Some(pid(node)), Resource::Nofile, none).unwrap();
    let refused = (0..GROWTHS).find_map(|_| ballast.grow(&node.url).err());
    assert_polite(&refused.expect("the journal needs files that it can't have"));
    tally.count("writes refused for want of a file", 1);
    prlimit(Some(pid(node)), Resource::Nofile, limit).unwrap();
    until_taken(node, ballast, "writes go on after the limit is raised", tally);
}

fn assert_polite(refused: &Refusal) {
    assert_eq!((refused.status, &*refused.problem), (503, "/problems/read-only"), "{refused:?}");
    for word in ["open files", "limit", "reads go on"] {
        assert!(refused.detail.contains(word), "{refused:?} does not say {word:?}");
    }
}

fn until_taken(node: &Node, ballast: &mut Ballast, what: &'static str, tally: &mut Tally) {
    let began = Instant::now();
    until("writes are taken again", DETECTION, || {
        ballast.grow(&node.url).map_err(|refused| refused.detail)
    });
    tally.worst(what, began.elapsed());
}
