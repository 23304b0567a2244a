//! The highest rate at which three nodes keep up: no like waits for a second before its peers have it, and a
//! second after the load has stopped all nodes are equal.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Scale;
use crate::cluster::{self, Node, View};
use crate::load::Load;

/// Above this a node does not keep up.
const LAG_MAX: Duration = Duration::from_secs(1);

/// Below this share of a rate the load has not got through.
const REACHED_MIN: f64 = 0.9;

/// How often a rate is tried: something else may have taken the machine for a second.
const ATTEMPTS: usize = 2;

/// Rates that are tried, each a quarter more than the one before: up to 28 times the first.
const STEPS: usize = 16;

/// Time between two looks at the lag.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn run(folder: &Path, scale: Scale) {
    println!("### The highest rate into one of three nodes at which all keep up\n");
    println!("| likes a second | reached | longest wait for a peer | equal after |");
    println!("|---:|---:|---:|---:|");
    let nodes = cluster::start(folder, 3);
    let (mut rate, mut first, mut highest) = (scale.first_rate, 0, 0.0);
    for _ in 0..STEPS {
        let mut keep_up = (0..ATTEMPTS).map(|_| attempt(&nodes, rate, &mut first, scale));
        let Some(reached) = keep_up.find_map(|reached| reached) else { break };
        highest = reached;
        rate += rate / 4;
    }
    println!("\nThree nodes keep up with {highest:.0} likes a second.\n");
}

/// The rate that was reached, where all nodes kept up with it.
fn attempt(nodes: &[Node], rate: u32, first: &mut u64, scale: Scale) -> Option<f64> {
    let mut connection = nodes[0].connection();
    let load = Load::start(&nodes[0], rate, *first);
    let started = Instant::now();
    let mut lag = Duration::ZERO;
    while started.elapsed() < scale.rate_time {
        lag = lag.max(View::ask(&mut connection).lag());
        std::thread::sleep(LOOK);
    }
    *first += load.done() + u64::from(rate);
    let reached = load.stop();
    let equal = cluster::until_equal(nodes);
    let (wait, equal_after) = (lag.as_millis(), equal.as_secs_f64());
    println!("| {rate} | {reached:.0} | {wait} ms | {equal_after:.2} s |");
    // Where less is reached, the node that takes the likes is the limit and not its peers.
    let keep_up = lag.max(equal) <= LAG_MAX && reached >= REACHED_MIN * f64::from(rate);
    keep_up.then_some(reached)
}
