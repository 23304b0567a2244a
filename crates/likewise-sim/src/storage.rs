//! What the journal's thread does, without a thread: batches wait, a commit takes its time, a full disk is
//! tried again, snapshots and spare segments are made beside it. The journal itself is the real one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::error::JournalError;
use likewise_journal::journal::{Durability, Journal};
use likewise_journal::limits::{STALL_RETRY, SYNC_INTERVAL};
use likewise_journal::snapshot::SnapshotJob;
use likewise_replica::output::BatchId;
use likewise_state::delta::Delta;
use likewise_state::state::State;

use crate::model::{Lengths, Model};

/// What has become of the batches.
pub(crate) enum Told {
    Persisted(BatchId),
    Stalled,
    Failed,
}

/// Something for the disk to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Commit,
    Sync,
    Snapshot,
}

/// What is to become durable together.
struct Batch {
    id: BatchId,
    delta: Delta,
    seats: Option<Vec<u8>>,
}

pub(crate) struct Storage {
    disk: MemoryDisk,
    journal: Journal<MemoryDisk>,
    state: Arc<State>,
    pending: VecDeque<Batch>,
    /// Whether a commit is on its way.
    is_busy: bool,
    is_stalled: bool,
    has_failed: bool,
    sync_is_due: bool,
    snapshot: Option<SnapshotJob<MemoryDisk>>,
    /// What has been committed since the last sync.
    unsynced: Lengths,
    /// What has been made durable about seats since anybody asked.
    kept_seats: Option<Vec<u8>>,
    pub(crate) snapshots: u64,
    pub(crate) stalls: u64,
}

impl Storage {
    pub(crate) fn new(disk: MemoryDisk, journal: Journal<MemoryDisk>, state: Arc<State>) -> Self {
        Self {
            disk,
            journal,
            state,
            pending: VecDeque::new(),
            is_busy: false,
            is_stalled: false,
            has_failed: false,
            sync_is_due: false,
            snapshot: None,
            unsynced: Lengths::new(),
            kept_seats: None,
            snapshots: 0,
            stalls: 0,
        }
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.journal.durability() == Durability::Always
    }

    pub(crate) const fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(crate) fn submit(&mut self, id: BatchId, delta: Delta, seats: Option<Vec<u8>>) {
        if !self.has_failed {
            self.pending.push_back(Batch { id, delta, seats });
        }
    }

    /// What is kept of the seats, where it has changed.
    pub(crate) const fn take_kept_seats(&mut self) -> Option<Vec<u8>> {
        self.kept_seats.take()
    }

    /// Commits all that waits, and then what is to be kept of the seats.
    fn commit_pending(&mut self) -> Result<(), JournalError> {
        self.journal.commit(self.pending.iter().map(|batch| &batch.delta))?;
        let mut seats = self.pending.iter().filter_map(|batch| batch.seats.as_ref());
        seats.next_back().map_or(Ok(()), |seats| self.journal.keep_seats(seats))
    }

    /// What is to be begun now, and how long it takes besides the time of a sync.
    pub(crate) fn begin(&mut self) -> Vec<(Work, Duration)> {
        let mut begun = Vec::new();
        if self.has_failed {
            return begun;
        }
        if !self.pending.is_empty() && !self.is_busy {
            self.is_busy = true;
            let wait = if self.is_stalled { STALL_RETRY } else { Duration::ZERO };
            begun.push((Work::Commit, wait));
        }
        let is_weak = self.journal.durability() == Durability::Interval;
        if is_weak && self.journal.is_unsynced() && !self.sync_is_due {
            self.sync_is_due = true;
            begun.push((Work::Sync, SYNC_INTERVAL));
        }
        let may_snapshot = self.snapshot.is_none() && !self.is_stalled && !self.is_busy;
        if may_snapshot && self.journal.snapshot_is_due() {
            match self.journal.begin_snapshot() {
                Ok(job) => {
                    self.snapshot = Some(job);
                    begun.push((Work::Snapshot, Duration::from_millis(20)));
                }
                // It is due again after the next commit.
                Err(error) if error.can_pass() => {}
                // The journal takes nothing more: the next thing that is asked of it tells.
                Err(_) => begun.push((Work::Sync, Duration::ZERO)),
            }
        }
        begun
    }

    /// Does it, and tells what came of it.
    pub(crate) fn work(&mut self, work: Work, model: &mut Model, machine: usize) -> Vec<Told> {
        if self.has_failed {
            return Vec::new();
        }
        let told = match work {
            Work::Commit => self.commit(model),
            Work::Sync => {
                self.sync_is_due = false;
                self.journal.sync().map_err(|_| Told::Failed).err().into_iter().collect()
            }
            Work::Snapshot => self.write_snapshot(),
        };
        self.has_failed |= told.iter().any(|told| matches!(told, Told::Failed));
        if !self.journal.is_unsynced() && !self.has_failed {
            model.keeps(machine, &std::mem::take(&mut self.unsynced));
        }
        told
    }

    fn commit(&mut self, model: &Model) -> Vec<Told> {
        self.is_busy = false;
        let Some(last) = self.pending.back().map(|batch| batch.id) else { return Vec::new() };
        if let Some(job) = self.journal.spare_job()
            && let Ok(spare) = job.run()
        {
            self.journal.add_spare(spare);
        }
        match self.commit_pending() {
            Ok(()) => {
                for Batch { delta, seats, .. } in self.pending.drain(..) {
                    self.kept_seats = seats.or_else(|| self.kept_seats.take());
                    let entries = delta.entries();
                    self.unsynced.extend(entries.map(|(like, to)| (model.key(like), to.value())));
                }
                self.is_stalled = false;
                vec![Told::Persisted(last)]
            }
            Err(error) if error.can_pass() => {
                let is_first = !std::mem::replace(&mut self.is_stalled, true);
                self.stalls += u64::from(is_first);
                is_first.then_some(Told::Stalled).into_iter().collect()
            }
            Err(_) => vec![Told::Failed],
        }
    }

    fn write_snapshot(&mut self) -> Vec<Told> {
        let Some(job) = self.snapshot.take() else { return Vec::new() };
        match job.run(&self.state, || true) {
            Ok(snapshot) => {
                // What could not be removed is tried again after the next one.
                let _ = self.journal.snapshot_written(snapshot);
                self.snapshots += 1;
            }
            Err(_) => self.journal.snapshot_failed(job.journal_bytes()),
        }
        Vec::new()
    }

    /// The power goes in the middle of whatever is being done, after so many further changes to the disk.
    pub(crate) fn break_off(mut self, changes: u64) {
        self.disk.set_faults(Faults { changes_max: Some(changes), ..Faults::default() });
        // Nobody hears of it any more.
        if let Some(job) = self.snapshot.take() {
            let _ = job.run(&self.state, || true);
        }
        if self.is_busy {
            let _ = self.commit_pending();
        }
    }

    /// The process ends as it should: all that waits is committed and synced, where the disk allows it.
    pub(crate) fn close(mut self, model: &mut Model, machine: usize) {
        if !self.has_failed {
            self.commit(model);
            let _ = self.journal.sync();
        }
        self.outlives_the_process(model, machine);
    }

    /// What was committed is there when the process is gone, synced or not: only the power takes it.
    pub(crate) fn outlives_the_process(&self, model: &mut Model, machine: usize) {
        model.keeps(machine, &self.unsynced);
    }
}
