//! What a cluster costs while nothing is asked of it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Scale;
use crate::cluster::{self, Node};

const NODES: usize = 5;

/// Time after the start in which nodes get to know each other.
const SETTLING: Duration = Duration::from_secs(5);

pub(crate) fn run(folder: &Path, scale: Scale) {
    println!(
        "### Five nodes that have nothing to do, each of them, {} s\n",
        scale.idle_time.as_secs()
    );
    println!(
        "| CPU | gossip bytes a second | link bytes a second | memory |\n|---:|---:|---:|---:|"
    );
    let nodes = cluster::start(folder, NODES);
    std::thread::sleep(SETTLING.min(scale.idle_time));
    let sum = |of: fn(&Node) -> f64| nodes.iter().map(of).sum::<f64>();
    let figures: [fn(&Node) -> f64; 3] = [
        |node| node.process.cpu_seconds(),
        |node| node.counter("likewise_gossip_bytes_total", "direction=\"sent\""),
        |node| node.counter("likewise_link_bytes_total", "direction=\"sent\""),
    ];
    let before = figures.map(sum);
    let started = Instant::now();
    std::thread::sleep(scale.idle_time);
    let after = figures.map(sum);
    let node_seconds = started.elapsed().as_secs_f64() * NODES as f64;
    let [cpu, gossip, links] = std::array::from_fn(|at| (after[at] - before[at]) / node_seconds);
    let memory = sum(|node| node.process.resident_bytes()) / NODES as f64;
    println!("| {:.2}% | {gossip:.0} | {links:.0} | {:.1} MB |\n", cpu * 100.0, memory / 1e6);
}
