//! The whole service under load, beside Redis where `redis-server` is installed.
//!
//! `cargo bench -p likewise --bench service` prints tables of Markdown. `-- --quick` does little of
//! everything, to show that it works; `-- throughput`, `-- memory` and `-- restart` do one part. The
//! files need about 3 GB in the target folder, or in the folder that `LIKEWISE_BENCH_FOLDER` names.
//!
//! Load and server share the machine, so the figures compare the two services within one run; those
//! for a second of the server's processor time are the ones to compare between machines.
#![expect(clippy::print_stdout, reason = "the tables are what this program is for")]

mod asked;

mod process;

mod likes;

mod service;

mod redis;

mod throughput;

mod memory;

mod restart;

use std::path::Path;

use asked::Asked;

/// How much is measured.
#[derive(Clone, Copy)]
struct Scale {
    /// Runs, of which the median counts.
    runs: usize,
    /// Seconds of one run.
    seconds: f64,
    /// Likes of one bulk run, and of each shape in memory.
    likes: u32,
    /// Likes of the two restarts.
    restarts: [u32; 2],
}

const FULL: Scale =
    Scale { runs: 3, seconds: 4.0, likes: 1_000_000, restarts: [1_000_000, 10_000_000] };

const QUICK: Scale = Scale { runs: 1, seconds: 0.3, likes: 20_000, restarts: [20_000, 50_000] };

/// Measures in a folder, beside Redis or not, and prints a table.
type Measure = fn(folder: &Path, scale: Scale, with_redis: bool);

fn main() {
    let asked = Asked::from_command_line();
    let scale = if asked.quick { QUICK } else { FULL };
    let folder = asked.temporary("service-bench-");
    let redis = redis::version();
    println!(
        "Beside it: {}.\n",
        redis.as_deref().unwrap_or("nothing, redis-server is not installed")
    );
    let measures: [(&str, Measure); 3] =
        [("throughput", throughput::run), ("memory", memory::run), ("restart", restart::run)];
    for (name, measure) in measures {
        if asked.includes(name) {
            measure(folder.path(), scale, redis.is_some());
        }
    }
}

/// A number with a space between its thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
