//! The highest rate at which three nodes keep up: no like waits for a second before its peers have it, and a
//! second after the load has stopped all nodes are equal.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Scale;
use crate::cluster::{self, View};
use crate::load::Load;

/// Above this a node does not keep up.
const LAG_MAX: Duration = Duration::from_secs(1);

/// Rates that are tried, each a quarter more than the one before: up to 28 times the first.
const STEPS: usize = 16;

/// Time between two looks at the lag.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn run(folder: &Path, scale: Scale) {
    println!("### The highest rate into one of three nodes at which all keep up\n");
    println!("| likes a second | reached | longest wait for a peer | equal after |");
    println!("|---:|---:|---:|---:|");
    let nodes = cluster::start(folder, 3);
    let mut connection = nodes[0].connection();
    let (mut rate, mut first, mut highest) = (scale.first_rate, 0, 0.0);
    for _ in 0..STEPS {
        let load = Load::start(&nodes[0], rate, first);
        let started = Instant::now();
        let mut lag = Duration::ZERO;
        while started.elapsed() < scale.rate_time {
            lag = lag.max(View::ask(&mut connection).lag());
            std::thread::sleep(LOOK);
        }
        first += load.done() + u64::from(rate);
        let reached = load.stop();
        let equal = cluster::until_equal(&nodes);
        println!(
            "| {rate} | {reached:.0} | {} ms | {:.2} s |",
            lag.as_millis(),
            equal.as_secs_f64()
        );
        if lag > LAG_MAX || equal > LAG_MAX {
            break;
        }
        highest = reached.max(highest);
        // The node that takes the likes is the limit, not its peers.
        if reached < 0.9 * f64::from(rate) {
            break;
        }
        rate += rate / 4;
    }
    println!("\nThree nodes keep up with {highest:.0} likes a second.\n");
}
