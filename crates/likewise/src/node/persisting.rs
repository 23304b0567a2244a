//! How long the journal has had a batch without making it durable: what shows a disk that hangs, which reports
//! nothing by itself.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The batches that the journal has, oldest first. The replica hands over two at a time at most.
#[derive(Debug, Default)]
pub(super) struct Persisting(Mutex<VecDeque<(u64, Instant)>>);

impl Persisting {
    /// The journal got this batch.
    pub(super) fn begin(&self, batch: u64, now: Instant) {
        self.batches().push_back((batch, now));
    }

    /// This batch is durable, and so are those before it.
    pub(super) fn end(&self, batch: u64) {
        self.batches().retain(|(other, _)| *other > batch);
    }

    /// How long the oldest has been waiting; nothing where there is none.
    pub(super) fn longest(&self, now: Instant) -> Duration {
        let oldest = self.batches().front().map(|(_, since)| *since);
        oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn batches(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_batch_is_the_one_that_counts() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let persisting = Persisting::default();
        assert_eq!(persisting.longest(at(9)), Duration::ZERO);
        persisting.begin(7, at(0));
        persisting.begin(8, at(2));
        assert_eq!(persisting.longest(at(5)), Duration::from_secs(5));
        persisting.end(7);
        assert_eq!(persisting.longest(at(5)), Duration::from_secs(3));
        persisting.begin(9, at(6));
        persisting.end(9);
        assert_eq!(persisting.longest(at(9)), Duration::ZERO);
    }
}
