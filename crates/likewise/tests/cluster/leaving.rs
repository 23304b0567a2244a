//! Nodes that go for good: they say so, hand over what they hold, and can be forgotten.

use std::time::{Duration, Instant};

use super::ask::{DETECTION, check, until};
use super::load::{Load, write_all};
use super::nodes::{Cluster, Node, run};
use super::record::Record;

/// Acknowledgements by the node that leaves.
const SOME: usize = 300;

/// Likes in one request, of which the leaver has not handed over all when it is told to go.
const MANY: usize = 20_000;

/// Likes in a request each.
const FEW: usize = 300;

/// How long peers take before they take anything: less than a node waits for them, and than anybody takes them
/// for dead.
const SLOW: Duration = Duration::from_secs(1);

/// In less time than it takes to find a dead node.
const PROMPTLY: Duration = Duration::from_secs(1);

/// Lets the last node go by `leave` while clients write to it alone. What it acknowledged is with the others.
fn goes(leave: impl FnOnce(&mut Node)) {
    let mut cluster = Cluster::start(3);
    let id = cluster.nodes[2].id();
    let mut record = Record::default();
    let load = Load::start(vec![cluster.nodes[2].url.clone()], MANY);
    load.until_more(SOME);
    write_all(&cluster.nodes[2], 0, MANY, &mut record);
    leave(&mut cluster.nodes[2]);
    let status = cluster.nodes[2].ended();
    assert!(status.success(), "{status}");
    record.merge(&load.stop());

    for node in cluster.running() {
        until("who left is shown as such", PROMPTLY, || {
            let view = node.view()?;
            check(view.state(&id) == "left", || format!("{view:?}"))
        });
    }
    cluster.until_together();
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
    // Later it is still said to have left, not to be down.
    let view = cluster.nodes[0].view().unwrap();
    assert_eq!(view.state(&id), "left", "{view:?}");
}

#[test]
fn a_node_told_by_sigterm_hands_over_what_it_acknowledged() {
    goes(Node::terminate);
}

#[test]
fn a_node_told_to_leave_hands_over_what_it_acknowledged() {
    goes(|node| {
        let output = run(&["leave", "--url", &node.url]);
        assert!(output.status.success(), "{output:?}");
    });
}

/// Its disk may be thrown away: what it acknowledged must be with the others before it goes, though they take
/// their time.
#[test]
fn a_node_that_goes_waits_for_peers_that_are_slow() {
    let mut cluster = Cluster::start(3);
    let mut record = Record::default();
    cluster.nodes[..2].iter_mut().for_each(Node::pause);
    // One after the other, so that they are in more frames than it sends without an acknowledgement.
    for user in 0..FEW {
        write_all(&cluster.nodes[2], user, 1, &mut record);
    }
    cluster.nodes[2].terminate();
    let began = Instant::now();
    let mut status = None;
    until("it has had time to go", DETECTION, || {
        status = cluster.nodes[2].child.as_mut().and_then(|child| child.try_wait().unwrap());
        check(status.is_some() || began.elapsed() > SLOW, || "it waits".to_owned())
    });
    assert_eq!(status, None, "it went before anybody else had what it acknowledged");
    cluster.nodes[..2].iter_mut().for_each(Node::resume);
    let status = cluster.nodes[2].ended();
    assert!(status.success(), "{status}");
    cluster.nodes.pop();
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
}

#[test]
fn a_node_that_left_is_welcome_again() {
    let mut cluster = Cluster::start(2);
    let id = cluster.nodes[1].id();
    let mut record = Record::default();
    cluster.nodes[1].terminate();
    assert!(cluster.nodes[1].ended().success());
    write_all(&cluster.nodes[0], 0, 100, &mut record);
    cluster.nodes[1].restart();
    cluster.until_together();
    assert_eq!(cluster.nodes[1].id(), id);
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
}

#[test]
fn a_dead_member_is_forgotten_by_all_and_a_living_one_by_none() {
    let mut cluster = Cluster::start(3);
    let id = cluster.nodes[2].id();
    cluster.nodes[2].kill();
    cluster.running().for_each(|node| node.until_shows(&id, "down"));
    let url = cluster.nodes[0].url.clone();
    let refused = run(&["forget", "b", "--url", &url]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let unknown = run(&["forget", "nobody", "--url", &url]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    let forgotten = run(&["forget", "c", "--url", &url]);
    assert!(forgotten.status.success(), "{forgotten:?}");
    for node in cluster.running() {
        until("it is forgotten", DETECTION, || {
            let view = node.view()?;
            check(view.member(&id).is_none(), || format!("{view:?}"))
        });
    }
    cluster.until_together();

    cluster.nodes[2].restart();
    cluster.until_together();
    assert_eq!(cluster.nodes[2].id(), id);
}
