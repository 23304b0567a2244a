//! A step of a rolling update: a node is stopped, and its successor started.
//!
//! What a node promises when it says that it is ready is that it holds what a peer held when it came. So all
//! peers are waited for until they hold what was acknowledged so far; only then does the node come, and all
//! of that must be there in the moment in which it says that it is ready.

use std::time::{Duration, Instant};

use super::ask::{PATIENCE, check, get, until};
use super::holdings::{held, lacking};
use super::nodes::{Cluster, Node};
use super::record::Record;
use super::steady::Steady;

/// Acknowledgements while the node is away.
const SOME: usize = 100;

/// What a step has shown.
#[derive(Debug)]
pub(crate) struct Step {
    /// From SIGTERM to the end of the process.
    pub(crate) stopped: Duration,
    /// From the start of its successor to its being ready.
    pub(crate) ready: Duration,
    /// Likes that it lacked then and that some other node had acknowledged in the milliseconds before.
    pub(crate) late: usize,
}

/// Waits until a node has its vote.
pub(crate) fn until_votes(node: &Node) {
    until(&format!("{} votes", node.setup.name), PATIENCE, || {
        let view = get(&format!("{}/v1/cluster", node.url))?;
        check(view["standing"] == "active", || view.to_string())
    });
}

/// Stops a node by SIGTERM, starts its successor over its data, and waits until that is ready.
pub(crate) fn replace(cluster: &mut Cluster, number: usize, clients: &Steady) -> Step {
    let began = Instant::now();
    cluster.nodes[number].terminate();
    let status = cluster.nodes[number].ended();
    assert!(status.success(), "node {number} ended with {status}");
    let stopped = began.elapsed();
    clients.until_more(SOME);
    let before = clients.record();
    for peer in cluster.running() {
        until(&format!("{} holds what was acknowledged", peer.setup.name), PATIENCE, || {
            let lacking = lacking(&held(&peer.url).0, &before);
            check(lacking.is_empty(), || format!("{} are lacking", lacking.len()))
        });
    }
    let began = Instant::now();
    let node = &mut cluster.nodes[number];
    node.restart();
    let mut just_before = Record::default();
    until(&format!("{} is ready", node.setup.name), PATIENCE, || {
        just_before = clients.record();
        let status = node.readiness()?;
        check(status == 200, || format!("/readyz: {status}"))
    });
    let ready = began.elapsed();
    let held = held(&node.url).0;
    let promised = lacking(&held, &before);
    assert!(promised.is_empty(), "node {number} said that it was ready, and lacked {promised:?}");
    Step { stopped, ready, late: lacking(&held, &just_before).len() }
}
