//! How long the checker takes for histories as the simulator makes them. It prints, and judges nothing.
//!
//! ```text
//! cargo run --release -p likewise-history --example speed
//! ```
#![expect(clippy::disallowed_methods, reason = "a clock is what this is about")]
#![expect(clippy::print_stdout, reason = "and telling what it showed")]

use std::time::Instant;

use likewise_history::Verdict;

use crate::atomic::{Shape, lines};
use crate::chance::Chance;
use crate::seen::{STEPS_MAX, history};

#[path = "../tests/it/atomic.rs"]
mod atomic;
#[path = "../tests/it/chance.rs"]
mod chance;
#[path = "../tests/it/post.rs"]
mod post;
#[path = "../tests/it/seen.rs"]
mod seen;

const RUNS: u64 = 2_000;

fn main() {
    let usual = Shape {
        operations: 200,
        clients: 8,
        users: 6,
        unended: 10,
        only_likes: false,
        blind: false,
    };
    for (name, shape, broken) in [
        ("short", Shape { operations: 60, unended: 4, ..usual }, false),
        ("usual", usual, false),
        ("usual, a count is one too low", usual, true),
        ("only likes", Shape { only_likes: true, ..usual }, false),
        ("only likes, a count is one too low", Shape { only_likes: true, ..usual }, true),
        ("30 of unknown outcome", Shape { unended: 30, ..usual }, false),
        ("30 of unknown outcome, a count is one too low", Shape { unended: 30, ..usual }, true),
        ("blind", Shape { blind: true, ..usual }, false),
        ("blind, a count is one too low", Shape { blind: true, ..usual }, true),
        ("16 clients", Shape { clients: 16, ..usual }, false),
        ("2,000 operations", Shape { operations: 2_000, ..usual }, false),
        ("20 users", Shape { users: 20, ..usual }, false),
    ] {
        measure(name, shape, broken);
    }
}

fn measure(name: &str, shape: Shape, broken: bool) {
    let mut times = Vec::new();
    let mut verdicts = [0; 3];
    for seed in 0..RUNS {
        let mut chance = Chance(seed);
        let mut lines = lines(&mut chance, shape);
        if broken {
            break_a_count(&mut lines, &mut chance);
        }
        let history = history(&lines);
        let begin = Instant::now();
        let verdict = history.check(STEPS_MAX);
        times.push(begin.elapsed());
        verdicts[match verdict {
            Verdict::Linearizable => 0,
            Verdict::Violated(_) => 1,
            Verdict::Undecided => 2,
        }] += 1;
    }
    times.sort_unstable();
    let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let [fine, wrong, undecided] = verdicts;
    println!("{name}: {fine} linearizable, {wrong} violated, {undecided} undecided");
    println!("    half {:?}, 99 of 100 {:?}, worst {:?}", of(0.5), of(0.99), of(1.0));
}

/// The count may well be possible all the same.
fn break_a_count(lines: &mut [seen::Seen], chance: &mut Chance) {
    let from = chance.below(lines.len() as u64) as usize;
    for line in lines.iter_mut().skip(from) {
        if let Some((_, likewise_history::Reply::Count(count))) = &mut line.end {
            *count = count.saturating_sub(1);
            return;
        }
    }
}
