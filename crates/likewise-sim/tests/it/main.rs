//! The simulator itself under test: it repeats itself to the letter, meets every danger that it knows,
//! finds what is broken on purpose, and finds nothing else.
#![expect(clippy::unwrap_used, reason = "a test that can't go on stops where it is")]

use likewise_sim::run::{Which, run};
use likewise_sim::trace::Trace;

mod determinism;
mod mutations;
mod seeds;
mod sweeps;
