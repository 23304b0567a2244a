//! A cluster of real nodes on loopback: how soon a like is everywhere, how much the cluster takes, and what
//! it costs to start a node with nothing and to do nothing.
//!
//! `cargo bench -p likewise --bench replication` prints tables of Markdown; what repair costs is printed by
//! `cargo bench -p likewise-replica`. `-- --quick` does little of everything, to show that it works;
//! `-- visibility`, `-- rate`, `-- bootstrap`, `-- idle` and `-- votes` do one part. The files need about 2 GB in the
//! target folder, or in the folder that `LIKEWISE_BENCH_FOLDER` names.
//!
//! The nodes and the load share the machine, which each of them would have for itself otherwise.
#![expect(clippy::print_stdout, reason = "the tables are what this program is for")]

#[path = "../service/asked.rs"]
mod asked;

#[path = "../service/process.rs"]
mod process;

mod connection;

mod cluster;

mod load;

mod visibility;

mod rate;

mod bootstrap;

mod idle;

mod votes;

use std::path::Path;
use std::time::Duration;

use asked::Asked;

/// How much is measured.
#[derive(Clone, Copy)]
struct Scale {
    /// Likes a second under which visibility is measured.
    rates: &'static [u32],
    /// Likes of which is measured when they are visible, at each rate.
    samples: usize,
    /// The first rate that is tried for the highest one, and how long each is.
    first_rate: u32,
    rate_time: Duration,
    /// Likes that an empty node is given.
    likes: u32,
    /// How long nothing is done.
    idle_time: Duration,
}

const FULL: Scale = Scale {
    rates: &[100, 1_000, 10_000, 50_000, 100_000],
    samples: 300,
    first_rate: 40_000,
    rate_time: Duration::from_secs(5),
    likes: 10_000_000,
    idle_time: Duration::from_secs(20),
};

const QUICK: Scale = Scale {
    rates: &[100, 1_000],
    samples: 20,
    first_rate: 1_000_000,
    rate_time: Duration::from_millis(300),
    likes: 20_000,
    idle_time: Duration::from_secs(1),
};

/// Measures in a folder and prints a table.
type Measure = fn(folder: &Path, scale: Scale);

fn main() {
    let asked = Asked::from_command_line();
    let scale = if asked.quick { QUICK } else { FULL };
    let measures: [(&str, Measure); 5] = [
        ("visibility", visibility::run),
        ("rate", rate::run),
        ("bootstrap", bootstrap::run),
        ("idle", idle::run),
        ("votes", votes::run),
    ];
    for (name, measure) in measures {
        if asked.includes(name) {
            // Each part begins with nothing, and its files are gone when it is done.
            measure(asked.temporary("replication-bench-").path(), scale);
        }
    }
}

/// The time below which a share of the sorted `times` are, in milliseconds.
fn quantile(times: &[Duration], share: f64) -> String {
    let at = (times.len() as f64 * share) as usize;
    let time = times.get(at.min(times.len().saturating_sub(1)));
    time.map_or_else(|| "-".to_owned(), |time| format!("{:.1} ms", time.as_secs_f64() * 1e3))
}

/// The same of what a closed loop has measured.
fn quantile_of(measured: &likewise::load::Measured, share: f64) -> String {
    format!("{:.1} ms", measured.quantile(share).as_secs_f64() * 1e3)
}
