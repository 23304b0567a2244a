//! One run of a seed, or of a part of what the seed asks for; and the search for the smallest part that
//! still fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::options::Options;
use crate::schedule::{Planned, schedule};
use crate::trace::Trace;
use crate::world::{Failure, Figures, World};

/// Which run: a seed, and what is left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// The seed.
    pub seed: u64,
    /// The faults that take place, by number; all without.
    pub only: Option<Vec<usize>>,
    /// What is left out, by the names of [`Options::CALMS`].
    pub without: Vec<String>,
}

impl Which {
    /// All that a seed asks for.
    #[must_use]
    pub fn seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> Options {
        let mut options = Options::of(self.seed);
        for name in &self.without {
            options.calm(name);
        }
        options
    }

    /// Its faults, with their numbers.
    #[must_use]
    pub fn schedule(&self) -> Vec<(usize, Planned)> {
        // The list belongs to the seed as it is, so that the numbers stay what they are.
        let all = schedule(&Options::of(self.seed)).into_iter().enumerate();
        let is_in = |number: &usize| self.only.as_ref().is_none_or(|only| only.contains(number));
        all.filter(|(number, _)| is_in(number)).collect()
    }

    /// The arguments that repeat this run.
    #[must_use]
    pub fn arguments(&self) -> String {
        let mut arguments = format!("--seed {}", self.seed);
        if let Some(only) = &self.only {
            let only: Vec<String> = only.iter().map(ToString::to_string).collect();
            arguments += &format!(
                " --only {}",
                if only.is_empty() { "none".into() } else { only.join(",") }
            );
        }
        if !self.without.is_empty() {
            arguments += &format!(" --without {}", self.without.join(","));
        }
        arguments
    }
}

/// Runs it.
///
/// # Errors
/// What was wrong; a panic of the code under test is wrong too.
pub fn run(which: &Which, trace: Trace) -> (Result<Figures, Failure>, Trace) {
    let options = which.options();
    let machines = options.machines;
    let planned = which.schedule().into_iter().map(|(_, planned)| planned);
    let planned = planned.filter(|planned| planned.fault.is_about_less_than(machines)).collect();
    let mut world = World::new(options, planned, trace);
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    let at = world.time();
    let result = result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let detail = text.unwrap_or_else(|| "a panic without words".to_owned());
        Err(Failure { check: "nothing panics", detail, at })
    });
    (result, world.into_trace())
}

/// Looks for a smaller run that fails the same check: leaves out faults, alone and in groups, then whatever
/// else can be left out. At most so many runs.
#[must_use]
pub fn shrink(which: &Which, failure: &Failure, runs_max: usize) -> (Which, Failure) {
    let mut best = (which.clone(), failure.clone());
    let mut runs = 0;
    let mut try_it = |best: &mut (Which, Failure), smaller: Which| {
        runs += 1;
        if runs > runs_max {
            return false;
        }
        let (result, _) = run(&smaller, Trace::silent());
        let same = result.err().filter(|it| it.check == failure.check);
        let fails = same.is_some();
        if let Some(same) = same {
            *best = (smaller, same);
        }
        fails
    };
    let mut has_shrunk = true;
    while has_shrunk {
        has_shrunk = false;
        let mut only: Vec<usize> =
            best.0.schedule().into_iter().map(|(number, _)| number).collect();
        // Halves first, then smaller and smaller pieces (A. Zeller's delta debugging).
        let mut piece = only.len().div_ceil(2);
        while piece > 0 {
            let mut at = 0;
            while at < only.len() {
                let mut fewer = only.clone();
                fewer.drain(at..(at + piece).min(only.len()));
                let smaller = Which { only: Some(fewer.clone()), ..best.0.clone() };
                if try_it(&mut best, smaller) {
                    only = fewer;
                    has_shrunk = true;
                } else {
                    at += piece;
                }
            }
            piece /= 2;
        }
        for (name, _) in Options::CALMS {
            if best.0.without.iter().any(|known| known == name) {
                continue;
            }
            let mut smaller = best.0.clone();
            smaller.without.push((*name).to_owned());
            has_shrunk |= try_it(&mut best, smaller);
        }
    }
    best
}

/// What many runs came to together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// How many runs.
    pub runs: u64,
    /// All figures added up; the longest time until all was equal.
    pub figures: Figures,
    /// Runs in which nodes were equal when all was well.
    pub slowest: Duration,
}

/// One in so many histories may be left undecided: of more, the checks would say little.
const UNDECIDED_ONE_IN: u64 = 1_000;

impl Sum {
    /// Whether hardly any history was left undecided.
    #[must_use]
    pub const fn is_decided(&self) -> bool {
        self.figures.undecided * UNDECIDED_ONE_IN <= self.figures.histories
    }

    /// Adds a run.
    pub fn add(&mut self, run: &Figures) {
        self.runs += 1;
        let it = &mut self.figures;
        self.slowest = self.slowest.max(run.converged_after);
        it.simulated += run.simulated;
        it.acknowledged += run.acknowledged;
        it.faults += run.faults;
        add_each(&mut it.faults_by_kind, run.faults_by_kind);
        it.starts += run.starts;
        it.overflows += run.overflows;
        it.links_overflowed += run.links_overflowed;
        it.overloads += run.overloads;
        it.stalls += run.stalls;
        it.snapshots += run.snapshots;
        it.repairs += run.repairs;
        it.whole_slots += run.whole_slots;
        it.deaths += run.deaths;
        it.renewals += run.renewals;
        it.voted += run.voted;
        it.histories += run.histories;
        it.undecided += run.undecided;
        add_each(&mut it.rounds, run.rounds);
        it.unanswered += run.unanswered;
        it.contended += run.contended;
        it.held += run.held;
        it.votes_lost += run.votes_lost;
        it.images_of_voters += run.images_of_voters;
        it.came_back += run.came_back;
        it.lines += run.lines;
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], more: [u64; N]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}
