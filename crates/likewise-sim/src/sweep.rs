//! Many runs, in whatever order they end: what comes of them is the same with any number of threads.
//!
//! Seeds are given out in order, and what came of them is taken in order too: a run that ends early waits for
//! those of lower seeds. So the first failure told is that of the lowest seed, not that of the fastest thread.
//! Seeds are no longer given out once enough have failed; all lower ones have been given out by then, and
//! what ends beyond the last failure that is told counts for nothing.

use std::collections::BTreeMap;

use crate::run::Sum;
use crate::world::{Failure, Figures};

/// A sweep of seeds.
#[derive(Debug)]
pub struct Sweep {
    next: u64,
    end: u64,
    failures_max: usize,
    /// How many have failed, told or not.
    failed: usize,
    /// The lowest seed that has not been taken in.
    lowest: u64,
    /// What has ended before a run of a lower seed: no more than was given out while that one took place.
    early: BTreeMap<u64, Result<Figures, Failure>>,
    sum: Sum,
    failures: Vec<(u64, Failure)>,
}

impl Sweep {
    /// So many seeds from this one on, until so many have failed.
    #[must_use]
    pub fn new(start: u64, runs: u64, failures_max: usize) -> Self {
        Self {
            next: start,
            end: start.saturating_add(runs),
            failures_max,
            failed: 0,
            lowest: start,
            early: BTreeMap::new(),
            sum: Sum::default(),
            failures: Vec::new(),
        }
    }

    /// The next seed to run, if there is any.
    pub fn next_seed(&mut self) -> Option<u64> {
        let seed = self.next;
        if seed >= self.end || self.failed >= self.failures_max {
            return None;
        }
        self.next += 1;
        Some(seed)
    }

    /// What came of a seed that was given out. Answers the failures that can be told now.
    pub fn ended(&mut self, seed: u64, result: Result<Figures, Failure>) -> &[(u64, Failure)] {
        self.failed += usize::from(result.is_err());
        self.early.insert(seed, result);
        let told = self.failures.len();
        while self.failures.len() < self.failures_max {
            let Some(result) = self.early.remove(&self.lowest) else { break };
            match result {
                Ok(figures) => self.sum.add(&figures),
                Err(failure) => self.failures.push((self.lowest, failure)),
            }
            self.lowest += 1;
        }
        &self.failures[told..]
    }

    /// What the good runs came to together.
    #[must_use]
    pub const fn sum(&self) -> &Sum {
        &self.sum
    }

    /// The failures that were told, lowest seed first.
    #[must_use]
    pub fn failures(&self) -> &[(u64, Failure)] {
        &self.failures
    }
}
