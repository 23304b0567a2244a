//! What the journal has done so far, for metrics.

use std::time::Duration;

use crate::sync::{Arc, Mutex, PoisonError};

/// Counters since the start of the process, and gauges (marked so) of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records written.
    pub commits: u64,
    /// Bytes of records written, with their headers and padding.
    pub committed_bytes: u64,
    /// Entries of deltas written.
    pub entries: u64,
    /// Syncs of journal segments. Those of snapshots and of files being prepared are not counted.
    pub syncs: u64,
    /// How long the last group commit took, its sync included. Measured by the writer.
    pub commit_last: Duration,
    /// How long all group commits took together. Measured by the writer.
    pub commit_total: Duration,
    /// Gauge: bytes of records since the newest snapshot was begun.
    pub journal_bytes: u64,
    /// Gauge: bytes of the newest snapshot, 0 where there is none.
    pub snapshot_bytes: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Gauge: the segment files in use.
    pub segments: u64,
}

/// Where a writer puts its figures for others to read, also after it has ended.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Figures>>);

impl Board {
    /// The figures, at most one group commit old.
    #[must_use]
    pub fn read(&self) -> Figures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, figures: Figures) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}
