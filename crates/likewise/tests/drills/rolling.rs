//! A rolling update: every node of a cluster is stopped and started as another version, one after the other,
//! while clients go on who repeat a request once, at another node.
//!
//! The update goes there and back again. Unless a binary of an earlier release is given (`--old`), the binary
//! under test is the earlier one, and this program the one after it: see [`super::next`].

use std::path::PathBuf;

use super::Drill;
use super::nodes::{BINARY, Cluster, Node};
use super::record::Record;
use super::steady::Steady;
use super::tally::Tally;
use super::update::{replace, until_votes};

pub(crate) const ROLLING: Drill = Drill {
    name: "rolling",
    tried: "each of five nodes, three of them voters, stopped by SIGTERM and started as another version in turn, the next as soon as it is ready; clients repeat a request once, at another node",
    waits: false,
    run: rolling,
};

const NODES: u8 = 5;

/// What nodes log, so that they tell of the version that is spoken on a link.
const LOG: &str = "info,likewise::cluster::link=debug";

const VOTERS: [&str; 3] = ["a", "b", "c"];

/// Acknowledgements between two steps.
const SOME: usize = 100;

/// Users of a round's clients: more than they get to.
const SHIFT: usize = 1_000_000;

fn rolling(tally: &mut Tally) -> Result<(), String> {
    let releases = Releases::new(tally.old.clone());
    let mut cluster =
        Cluster::of(&releases.old, NODES, &["--voters", &VOTERS.join(","), "--log", LOG]);
    cluster.running().filter(|node| VOTERS.contains(&&*node.setup.name)).for_each(until_votes);
    let mut all = Record::default();
    for round in 0..tally.asked {
        let clients = Steady::start(cluster.urls(), round * SHIFT, true);
        clients.until_more(SOME);
        let there = round % 2 == 0;
        for number in 0..usize::from(NODES) {
            releases.assert_still_old(&cluster.nodes[number], round);
            cluster.nodes[number].setup.binary = releases.of(there).clone();
            let step = replace(&mut cluster, number, &clients);
            tally.worst("stopped", step.stopped);
            tally.worst("ready again", step.ready);
            tally.count("likes of the last milliseconds came after readiness", step.late);
            tally.rounds += 1;
        }
        releases.assert_negotiated(&cluster, there);
        clients.until_more(SOME);
        tally.requests += clients.acknowledgements();
        let (record, seen) = clients.stop();
        tally.likes += record.likes.values().filter(|known| known.acknowledged > 0).count();
        tally.count("answered by voters", seen.voted);
        tally.count("retried at another node", seen.retried.values().sum());
        tally.worst("answer", seen.slowest);
        eprintln!("retried because of {:?}", seen.retried);
        let failed = &seen.failed;
        assert!(
            failed.is_empty(),
            "{} requests failed, as {:#?}",
            failed.len(),
            &failed[..failed.len().min(5)]
        );
        all.merge(&record);
        tally.audit_all(&cluster.running().collect::<Vec<&Node>>(), &all);
    }
    Ok(())
}

/// What is updated from, and to.
struct Releases {
    old: PathBuf,
    new: PathBuf,
    /// Whether each says which version of the protocol it speaks on a link.
    tells: bool,
}

impl Releases {
    fn new(old: Option<PathBuf>) -> Self {
        let ours = PathBuf::from(BINARY);
        match old {
            Some(old) => Self { old, new: ours, tells: false },
            None => Self { old: ours, new: std::env::current_exe().unwrap(), tells: true },
        }
    }

    const fn of(&self, there: bool) -> &PathBuf {
        if there { &self.new } else { &self.old }
    }

    /// A node that was never replaced has only spoken the version that it knows, whatever others know.
    fn assert_still_old(&self, node: &Node, round: usize) {
        let is_old = self.tells && round == 0;
        assert!(!is_old || !spoke(node, 2), "{} spoke a version it does not know", node.setup.name);
    }

    /// The last node that was replaced speaks with the others what they all know; the first one did so too
    /// when all the others were of another release.
    fn assert_negotiated(&self, cluster: &Cluster, there: bool) {
        if !self.tells {
            return;
        }
        let (first, last) = (&cluster.nodes[0], &cluster.nodes[usize::from(NODES) - 1]);
        assert!(spoke(first, 1), "the first of its release spoke the version of the others");
        assert_eq!(
            there && spoke(last, 2),
            there,
            "the last one speaks the version of its release"
        );
    }
}

/// Whether a node ever spoke this version of the protocol on a link.
fn spoke(node: &Node, version: u8) -> bool {
    let version = format!("version={version}");
    node.line(|line| line.contains("link opened") && line.contains(&version)).is_some()
}
