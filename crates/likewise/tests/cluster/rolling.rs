//! Every node of a cluster is replaced, one after the other, as in a rolling update: nobody notices who repeats
//! a request once, at another node. The drill of the same name does it with more nodes, and other versions.

use super::nodes::{Cluster, Node};
use super::steady::Steady;
use super::update::{Step, replace, until_votes};

#[test]
fn nobody_who_repeats_a_request_once_notices_that_all_nodes_are_replaced() {
    let mut cluster = Cluster::start_with(3, &["--voters", "a,b,c"]);
    cluster.running().for_each(until_votes);
    let clients = Steady::start(cluster.urls(), 0, true);
    for number in 0..3 {
        let Step { stopped, ready, late } = replace(&mut cluster, number, &clients);
        eprintln!("node {number} stopped in {stopped:?}, ready in {ready:?}, {late} likes later");
    }
    let (record, seen) = clients.stop();
    assert!(seen.failed.is_empty(), "{:#?}", seen.failed);
    let retried: usize = seen.retried.values().sum();
    assert!(retried > 0, "no node was ever away");
    assert!(seen.voted > 0, "no voter was ever asked");
    record.assert_exactly(&cluster.running().collect::<Vec<&Node>>());
}
