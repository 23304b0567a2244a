//! What clients see while voters are killed, wiped, paused and cut off, judged by the checker that judges the
//! simulator too.

use std::time::{Duration, Instant};

use super::ask::{PATIENCE, check, get, until};
use super::load::Load;
use super::nodes::{Cluster, Node};
use super::partition;
use super::wires::Network;
use super::witnesses::Witnesses;

/// Replies between two troubles.
const SOME: usize = 250;

/// The same where requests to some nodes wait until they are given up.
const FEW: usize = 60;

/// How long a cut lasts at least: until each side has given the other up.
const APART: Duration = Duration::from_secs(8);

/// Waits until a node has its vote.
pub(crate) fn until_votes(node: &Node) {
    until(&format!("{} votes", node.setup.name), PATIENCE, || {
        let view = get(&format!("{}/v1/cluster", node.url))?;
        check(view["standing"] == "active", || view.to_string())
    });
}

fn urls(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.url.clone()).collect()
}

/// Four nodes, three of which vote; while they suffer, both levels are asked at once.
#[test]
fn what_is_seen_while_voters_die_is_what_one_copy_would_have_shown() {
    let mut cluster = Cluster::start_with(4, &["--voters", "a,b,c"]);
    cluster.nodes[..3].iter().for_each(until_votes);
    let targets = urls(&cluster.nodes);
    let witnesses =
        ["linearizable", "quorum"].map(|level| Witnesses::start(targets.clone(), level));
    // Others write to other posts meanwhile, and nobody stands behind that but the node that takes it.
    let load = Load::start(targets, 0);
    let some = || witnesses.iter().for_each(|witnesses| witnesses.until_more(SOME));
    some();
    for voter in 0..3 {
        cluster.nodes[voter].kill();
        some();
        cluster.nodes[voter].restart();
        until_votes(&cluster.nodes[voter]);
        some();
    }
    for voter in [0, 2] {
        cluster.nodes[voter].wipe();
        some();
        cluster.nodes[voter].restart();
        until_votes(&cluster.nodes[voter]);
        some();
    }
    cluster.nodes[1].pause();
    witnesses.iter().for_each(|witnesses| witnesses.until_more(FEW));
    cluster.nodes[1].resume();
    some();
    // All at once: nobody answers, and then all do, with what they had on their disks.
    cluster.nodes.iter_mut().for_each(Node::kill);
    cluster.nodes.iter_mut().for_each(Node::restart);
    cluster.nodes[..3].iter().for_each(until_votes);
    some();
    drop(load.stop());
    let judged: Vec<usize> = witnesses.into_iter().map(Witnesses::judge).collect();
    eprintln!("{judged:?} replies fit one copy");
}

/// Five voters: two are cut off, then two others, and one dies meanwhile.
#[test]
fn what_is_seen_on_both_sides_of_a_cut_is_what_one_copy_would_have_shown() {
    if !partition::possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(5);
    let mut nodes = partition::start(&network, folder.path(), &["--voters", "a,b,c,d,e"]);
    nodes.iter().for_each(until_votes);
    let witnesses = Witnesses::start(urls(&nodes), "linearizable");
    witnesses.until_more(SOME);
    for (cut, dies) in [([3, 4], 4), ([0, 1], 1), ([2, 4], 0)] {
        network.cut(&cut);
        let began = Instant::now();
        witnesses.until_more(FEW);
        nodes[dies].kill();
        if cut.contains(&dies) {
            // Three of five are left, and go on.
            witnesses.until_more(FEW);
        } else {
            let before = witnesses.replies();
            eprintln!("{before} replies when no majority was left");
        }
        until("the time apart is over", APART * 2, || {
            let apart = began.elapsed();
            check(apart >= APART, || format!("{apart:?}"))
        });
        network.mend();
        nodes[dies].restart();
        until_votes(&nodes[dies]);
        witnesses.until_more(SOME);
    }
    eprintln!("{} replies fit one copy", witnesses.judge());
}
