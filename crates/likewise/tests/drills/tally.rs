//! What a drill has done and found, as far as it came.

use std::path::PathBuf;
use std::time::Duration;

use super::load::{Load, Random};
use super::record::Record;

/// What a drill has done and found.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Rounds that were asked for.
    pub(crate) asked: usize,
    /// The binary of an earlier release, if one was given.
    pub(crate) old: Option<PathBuf>,
    /// Draws what a drill does by chance.
    pub(crate) random: Random,
    /// How often the fault was made.
    pub(crate) rounds: usize,
    /// Likes of which a change was acknowledged.
    pub(crate) likes: usize,
    /// Requests that were acknowledged for them, each like twice at least if all were.
    pub(crate) requests: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    notes: Vec<String>,
    worst: Vec<(&'static str, Duration)>,
    counts: Vec<(&'static str, usize)>,
}

impl Tally {
    pub(crate) fn new(asked: usize, seed: u64) -> Self {
        Self {
            asked,
            old: None,
            random: Random::new(seed),
            rounds: 0,
            likes: 0,
            requests: 0,
            lost: Vec::new(),
            doubled: Vec::new(),
            notes: Vec::new(),
            worst: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Stops the clients, counts what was acknowledged to them, and answers with what they know.
    pub(crate) fn stop(&mut self, load: Load) -> Record {
        self.requests += load.acknowledgements();
        let record = load.stop();
        self.likes += record.likes.values().filter(|known| known.acknowledged > 0).count();
        record
    }

    /// Something that belongs into the table, once.
    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A time of which the longest belongs into the table.
    pub(crate) fn worst(&mut self, what: &'static str, took: Duration) {
        match self.worst.iter_mut().find(|(known, _)| *known == what) {
            Some((_, worst)) => *worst = took.max(*worst),
            None => self.worst.push((what, took)),
        }
    }

    /// A number whose sum belongs into the table.
    pub(crate) fn count(&mut self, what: &'static str, more: usize) {
        match self.counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += more,
            None => self.counts.push((what, more)),
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let counts = self.counts.iter().map(|(what, count)| format!("{count} {what}"));
        let worst = self.worst.iter().map(|(what, took)| {
            let took = took.as_secs_f64();
            match took < 1.0 {
                true => format!("{what}: {:.0} ms at most", took * 1e3),
                false => format!("{what}: {took:.1} s at most"),
            }
        });
        counts.chain(worst).chain(self.notes.iter().cloned()).collect()
    }
}
