//! The threads of Likewise in many orders. Helpers here, one file a crate that is tried.
//!
//! A failure prints the schedule that led to it, which `shuttle::replay` takes. Each run tries the same
//! schedules; `SCHEDULES=1000000 cargo test -p likewise-schedules` tries others, so many of them a test.
#![expect(clippy::unwrap_used, reason = "a test that can't go on stops where it is")]
#![expect(clippy::print_stdout, reason = "what a test has tried is shown with its failure")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use likewise_state::delta::Delta;
use likewise_state::id::{Like, PostId};
use likewise_state::length::CausalLength;
use likewise_state::state::{Keys, State};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

mod slots;
mod slow_disk;
mod writer;

/// The seed of the schedules that every run tries.
const SEED: u64 = 1;

/// How many threads a schedule of the second kind holds back at the worst moment.
const DEPTH: usize = 3;

/// Room for the recovery of a journal, of which each thread of a test may need one.
const STACK_BYTES: usize = 1 << 20;

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    // The warning is of memory orders: see the head of the crate.
    config.silence_warnings = true;
    config
}

/// Tries `schedules` orders: one half at random, one half with few switches of thread at places that
/// are random, which finds what needs one thread to be held back for long.
fn explore(schedules: usize, test: impl Fn() + Send + Sync + 'static) {
    let asked = std::env::var("SCHEDULES").ok().map(|asked| asked.parse::<usize>().unwrap());
    let half = asked.unwrap_or(schedules) / 2;
    let (random, held_back) = match asked {
        Some(_) => (RandomScheduler::new(half), PctScheduler::new(DEPTH, half)),
        None => (
            RandomScheduler::new_from_seed(SEED, half),
            PctScheduler::new_from_seed(SEED, DEPTH, half),
        ),
    };
    let test = Arc::new(test);
    run(random, test.clone());
    run(held_back, test);
}

/// Tries every order.
fn exhaust(test: impl Fn() + Send + Sync + 'static) {
    run(DfsScheduler::new(None, false), Arc::new(test));
}

fn run<S: Scheduler + 'static>(scheduler: S, test: Arc<impl Fn() + Send + Sync + 'static>) {
    let schedules = Arc::new(AtomicUsize::new(0));
    let count = schedules.clone();
    let _told = Tried { kind: std::any::type_name::<S>(), schedules };
    Runner::new(scheduler, config()).run(move || {
        count.fetch_add(1, Ordering::Relaxed);
        test();
    });
}

/// Tells at the end of a test, also of one that fails, how many schedules it has tried.
struct Tried {
    kind: &'static str,
    schedules: Arc<AtomicUsize>,
}

impl Drop for Tried {
    fn drop(&mut self) {
        println!("{} schedules of the {}", self.schedules.load(Ordering::Relaxed), self.kind);
    }
}

fn state() -> State {
    State::new(Keys::for_tests())
}

fn post(id: &str) -> PostId<'_> {
    PostId::new(id).unwrap()
}

fn raise_to(state: &State, post: &str, user: &str, length: u32) -> bool {
    let length = CausalLength::new(length).unwrap();
    state.raise(Like::new(post, "like", user).unwrap(), |_| Some(length)).changed()
}

fn length(state: &State, post: &str, user: &str) -> u32 {
    state.length(Like::new(post, "like", user).unwrap()).value()
}
/// One entry, of a like that no other number has and that is as long as they come: four fill a segment.
fn delta(number: u64) -> Delta {
    let mut delta = Delta::default();
    let (post, user) = ids(number);
    delta.push(Like::new(&post, "like", &user).unwrap(), CausalLength::LIKED_ONCE);
    delta
}

fn ids(number: u64) -> (String, String) {
    (format!("{:0>500}", number / 2), format!("{number:0>500}"))
}
