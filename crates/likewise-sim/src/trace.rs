//! What happens in a run, line by line, for whoever reads it and for the hash that shows whether two runs
//! were the same.

use std::fmt::Display;
use std::hash::Hasher;
use std::time::Duration;

use crate::chance::Fnv;

/// The last lines that are kept for whoever asks after a failure.
const KEPT_MAX: usize = 400;

type Print = Box<dyn FnMut(&str) + Send>;

/// The trace of a run.
pub struct Trace {
    hash: Fnv,
    lines: u64,
    /// Where each line goes. Without, none is made: only its numbers count.
    print: Option<Print>,
    kept: std::collections::VecDeque<String>,
    keeps: bool,
}

impl Trace {
    /// A trace that is only counted and hashed.
    #[must_use]
    pub fn silent() -> Self {
        Self { hash: Fnv::default(), lines: 0, print: None, kept: Default::default(), keeps: false }
    }

    /// A trace that gives each line to `print`.
    #[must_use]
    pub fn printing(print: impl FnMut(&str) + Send + 'static) -> Self {
        Self { print: Some(Box::new(print)), ..Self::silent() }
    }

    /// A trace that keeps its last lines.
    #[must_use]
    pub fn keeping() -> Self {
        Self { keeps: true, ..Self::silent() }
    }

    /// Something happened at `now` on node `node`: `what` with `number` tell it from everything else for
    /// the hash, `line` tells it to people.
    pub fn say<L: Display>(
        &mut self,
        now: Duration,
        node: usize,
        what: &'static str,
        number: u64,
        line: impl FnOnce() -> L,
    ) {
        self.lines += 1;
        self.hash.write_u64(now.as_nanos() as u64);
        self.hash.write_u64(node as u64);
        self.hash.write(what.as_bytes());
        self.hash.write_u64(number);
        if self.print.is_none() && !self.keeps {
            return;
        }
        let text = format!("{:>12.6} n{node} {what:<9} {}", now.as_secs_f64(), line());
        if let Some(print) = &mut self.print {
            print(&text);
        }
        if self.keeps {
            self.kept.push_back(text);
            if self.kept.len() > KEPT_MAX {
                self.kept.pop_front();
            }
        }
    }

    /// The hash of all lines so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many lines there were.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The last lines, where they are kept.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }
}
