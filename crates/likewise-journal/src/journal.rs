//! The journal itself: one record a group commit, segment after segment. Synchronous, and without
//! threads or clocks: what takes long comes out as a job that the caller runs where it likes.
//!
//! Rules for whoever edits this file:
//! - a sync that failed is never asked for again: every failure of a write or a sync goes through
//!   [`Journal::poison`];
//! - a segment is synced before the next one is begun, whatever the durability, so that only the last
//!   one can have a torn end;
//! - a header is durable before the first record after it is written;
//! - `NoSpace` leaves everything as it was, so that the same commit can be tried again.

use likewise_state::delta::Delta;

use crate::disk::{Disk, DiskFile};
use crate::error::{JournalError, is_no_space};
use crate::figures::Figures;
use crate::header::{HEADER_BYTES, Header};
use crate::limits::{
    GROUP_BYTES_MAX, RECORD_BYTES_MAX, SEGMENT_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
    SNAPSHOT_JOURNAL_BYTES_MIN, SNAPSHOTS_KEPT,
};
use crate::record::{Builder, Seed};
use crate::seats;
use crate::segment::{self, SEGMENT, Spare, SpareJob};
use crate::snapshot::{self, Snapshot, SnapshotJob};
use crate::store::StoreId;

/// What an acknowledgement is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It outlives a power cut: each commit is synced before it counts as persisted.
    #[default]
    Always,
    /// It outlives the process at once, and a power cut after at most
    /// [`crate::limits::SYNC_INTERVAL`].
    Interval,
    /// It outlives the process. The system decides when it would outlive a power cut; the journal
    /// syncs only where a segment ends.
    Never,
}

/// How a journal is to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// 128 random bits for a store that is still to be created; an existing one keeps its own.
    pub new_store: StoreId,
    /// The name of this node. An existing store must have the same, unless it keeps its own.
    pub node: String,
    /// Whether an existing store keeps the name that it has: right where nobody chose `node`, as with
    /// the name of a host, which may be another tomorrow.
    pub keeps_node: bool,
    /// What an acknowledgement is worth.
    pub durability: Durability,
    /// The size of segments made from now on, in bytes, taken as at least
    /// [`SEGMENT_BYTES_MIN`] and at most [`SEGMENT_BYTES_MAX`].
    pub segment_bytes: u64,
    /// How far the journal must grow before a snapshot, in bytes.
    pub snapshot_journal_bytes_min: u64,
}

impl Options {
    /// The usual options.
    #[must_use]
    pub fn new(new_store: StoreId, node: impl Into<String>) -> Self {
        Self {
            new_store,
            node: node.into(),
            keeps_node: false,
            durability: Durability::default(),
            segment_bytes: SEGMENT_BYTES,
            snapshot_journal_bytes_min: SNAPSHOT_JOURNAL_BYTES_MIN,
        }
    }
}

/// An open journal: the only one of its folder. Made by [`Journal::open`](crate::recovery).
#[derive(Debug)]
pub struct Journal<D: Disk> {
    pub(crate) disk: D,
    pub(crate) options: Options,
    pub(crate) store: StoreId,
    pub(crate) active: Active<D::File>,
    /// The number of the next record.
    pub(crate) sequence: u64,
    /// How many of the last records are not known to be durable.
    pub(crate) unsynced: u32,
    pub(crate) spare: Option<Spare<D::File>>,
    pub(crate) spares_made: u64,
    pub(crate) poison: Option<JournalError>,
    pub(crate) record: Builder,
    /// At most [`SNAPSHOTS_KEPT`], the oldest first.
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) snapshot_number: u64,
    pub(crate) figures: Figures,
}

/// The segment that is being filled.
#[derive(Debug)]
pub(crate) struct Active<F> {
    pub(crate) file: F,
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    /// Where the next record goes.
    pub(crate) offset: u64,
}

impl<D: Disk> Journal<D> {
    /// Writes all deltas as one record, and under [`Durability::Always`] syncs it. All of it is
    /// durable then, or, after a power cut before this returned, all or nothing of it. Empty deltas
    /// are skipped, and without any other nothing is written.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`], [`JournalError::NoDescriptor`]: nothing happened, try again later.
    /// [`JournalError::Poisoned`]: it may or may not be found at the next start, and nothing more is taken
    /// until then.
    /// [`JournalError::RecordTooLarge`]: nothing happened, and trying again is useless.
    pub fn commit<'a>(
        &mut self,
        deltas: impl IntoIterator<Item = &'a Delta>,
    ) -> Result<(), JournalError> {
        self.check()?;
        let mut record = std::mem::take(&mut self.record);
        record.fill(deltas);
        let written = if record.entries() == 0 { Ok(()) } else { self.append(&mut record) };
        record.shrink(2 * GROUP_BYTES_MAX);
        self.record = record;
        written
    }

    /// Keeps what a voter knows of seats, in place of what was kept before. It is durable then, or, after a power
    /// cut before this returned, still as it was before. What was committed before it is as durable as the
    /// setting promises.
    ///
    /// # Errors
    /// As for [`Journal::commit`].
    pub fn keep_seats(&mut self, kept: &[u8]) -> Result<(), JournalError> {
        self.check()?;
        seats::write(&self.disk, self.store, kept).map_err(|error| self.poison_with(error))
    }

    fn append(&mut self, record: &mut Builder) -> Result<(), JournalError> {
        let size = record.size();
        if size > RECORD_BYTES_MAX {
            return Err(JournalError::RecordTooLarge { bytes: size, bytes_max: RECORD_BYTES_MAX });
        }
        let size = size as u64;
        if self.active.offset + size > self.active.bytes {
            self.rotate(size)?;
        }
        let seed = Seed::new(self.store, self.active.number);
        let bytes = record.seal(seed, self.sequence, self.unsynced);
        if let Err(error) = self.active.file.write_at(self.active.offset, bytes) {
            let name = segment::name(self.active.number);
            // Only on file systems that copy on write. A write, unlike a sync, may be tried again: it
            // goes to the same place, and what it left there is no record.
            return Err(if is_no_space(&error) {
                JournalError::failed("write", &name, error)
            } else {
                self.poison("write", &name, error)
            });
        }
        self.active.offset += size;
        self.sequence += 1;
        self.unsynced += 1;
        self.figures.commits += 1;
        self.figures.committed_bytes += size;
        self.figures.journal_bytes += size;
        self.figures.entries += record.entries();
        if self.options.durability == Durability::Always { self.sync() } else { Ok(()) }
    }

    /// Makes all that was committed durable. Does nothing where it is already.
    ///
    /// # Errors
    /// [`JournalError::Poisoned`], now and for ever after.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.check()?;
        if self.unsynced == 0 {
            return Ok(());
        }
        self.figures.syncs += 1;
        if let Err(error) = self.active.file.sync() {
            return Err(self.poison("sync", &segment::name(self.active.number), error));
        }
        self.unsynced = 0;
        Ok(())
    }

    /// Whether something was committed that is not known to be durable.
    #[must_use]
    pub const fn is_unsynced(&self) -> bool {
        self.unsynced > 0
    }

    /// What an acknowledgement is worth here.
    #[must_use]
    pub const fn durability(&self) -> Durability {
        self.options.durability
    }

    /// The id of the store.
    #[must_use]
    pub const fn store(&self) -> StoreId {
        self.store
    }

    /// Counters and gauges. The durations are 0: the journal has no clock.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let snapshot_bytes = self.snapshots.last().map_or(0, |snapshot| snapshot.bytes);
        Figures { snapshot_bytes, ..self.figures }
    }

    /// The file of the next segment, to be made ahead of its need, where there is none. The job is to
    /// be run once, and its result given to [`Journal::add_spare`]. Without it the commit that needs
    /// the file makes it.
    pub fn spare_job(&mut self) -> Option<SpareJob<D>> {
        let wanted = self.spare.is_none() && self.poison.is_none();
        wanted.then(|| self.new_spare(HEADER_BYTES as u64))
    }

    /// Keeps a spare for the next segment.
    pub fn add_spare(&mut self, spare: Spare<D::File>) {
        self.spare = Some(spare);
    }

    fn new_spare(&mut self, bytes_min: u64) -> SpareJob<D> {
        self.spares_made += 1;
        let usual = self.options.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        let name = format!("spare-{:010}.tmp", self.spares_made);
        SpareJob { disk: self.disk.clone(), name, bytes: usual.max(bytes_min) }
    }

    /// Seals the segment and begins the next, with room for a record of `record_bytes`.
    fn rotate(&mut self, record_bytes: u64) -> Result<(), JournalError> {
        let bytes_min = HEADER_BYTES as u64 + record_bytes;
        let spare = match self.spare.take_if(|spare| spare.bytes >= bytes_min) {
            Some(spare) => spare,
            None => self.new_spare(bytes_min).run().map_err(|error| self.poison_with(error))?,
        };
        if let Err(error) = self.sync() {
            self.spare = Some(spare);
            return Err(error);
        }
        let number = self.active.number + 1;
        let name = segment::name(number);
        match self.disk.rename(&spare.name, &name) {
            Ok(()) => {}
            Err(error) if is_no_space(&error) => {
                self.spare = Some(spare);
                return Err(JournalError::failed("rename", &name, error));
            }
            Err(error) => return Err(self.poison("rename", &name, error)),
        }
        let Spare { mut file, bytes, .. } = spare;
        if let Err(error) = self.disk.sync_folder() {
            return Err(self.poison("sync the folder of", &name, error));
        }
        begin(&mut file, self.store, number, self.sequence, bytes)
            .map_err(|error| self.poison("begin", &name, error))?;
        self.figures.segments += 1;
        self.active = Active { file, number, bytes, offset: HEADER_BYTES as u64 };
        Ok(())
    }

    /// Whether the journal has grown enough for a snapshot.
    #[must_use]
    pub fn snapshot_is_due(&self) -> bool {
        let last = self.snapshots.last().map_or(0, |snapshot| snapshot.bytes);
        self.poison.is_none()
            && self.figures.journal_bytes >= self.options.snapshot_journal_bytes_min.max(last)
    }

    /// Seals the segment, so that a snapshot of the state from now on covers all before it. The job is
    /// to be run by the caller, one at a time, and its result given to [`Journal::snapshot_written`]
    /// or [`Journal::snapshot_failed`].
    ///
    /// Correct because a delta is merged into the state before it is committed.
    ///
    /// # Errors
    /// As for [`Journal::commit`].
    pub fn begin_snapshot(&mut self) -> Result<SnapshotJob<D>, JournalError> {
        self.check()?;
        if self.active.offset > HEADER_BYTES as u64 {
            self.rotate(0)?;
        }
        self.snapshot_number += 1;
        Ok(SnapshotJob {
            disk: self.disk.clone(),
            store: self.store,
            number: self.snapshot_number,
            first_segment: self.active.number,
            first_sequence: self.sequence,
            journal_bytes: std::mem::take(&mut self.figures.journal_bytes),
        })
    }

    /// Counts a snapshot as the newest, and removes what only an older one than the two newest needed.
    ///
    /// # Errors
    /// [`JournalError::Io`] where something could not be removed: it is tried again after the next
    /// snapshot and at the next start, and harms nothing until then.
    pub fn snapshot_written(&mut self, snapshot: Snapshot) -> Result<(), JournalError> {
        assert!(snapshot.first_segment <= self.active.number, "a snapshot starts in the past");
        self.snapshots.push(snapshot);
        let surplus = self.snapshots.len().saturating_sub(SNAPSHOTS_KEPT);
        self.snapshots.drain(..surplus);
        self.figures.snapshots += 1;
        self.remove_surplus()
    }

    /// Lets the journal grow on after a snapshot that failed, so that the next is due at once.
    pub fn snapshot_failed(&mut self, journal_bytes: u64) {
        self.figures.journal_bytes += journal_bytes;
    }

    /// Removes the snapshots and segments that the kept snapshots don't need: snapshots first, so that
    /// none ever stands there without its segments, then segments from the oldest on.
    pub(crate) fn remove_surplus(&mut self) -> Result<(), JournalError> {
        if self.snapshots.len() < SNAPSHOTS_KEPT {
            // The journal holds everything since the beginning, and the older snapshot none of it.
            return Ok(());
        }
        let oldest = self.snapshots[0];
        let failed =
            |error| JournalError::failed("remove old files from", "the data folder", error);
        let names = self.disk.list().map_err(failed)?;
        let old_snapshot =
            |name: &&String| snapshot::number(name).is_some_and(|n| n < oldest.number);
        let old_segment =
            |name: &&String| segment::number(name).is_some_and(|n| n < oldest.first_segment);
        let (snapshots, segments) =
            (names.iter().filter(old_snapshot), names.iter().filter(old_segment));
        let mut removed = 0;
        for name in snapshots.chain(segments) {
            self.disk.remove(name).map_err(failed)?;
            removed += 1;
        }
        self.figures.segments = self.active.number - oldest.first_segment + 1;
        if removed > 0 { self.disk.sync_folder().map_err(failed) } else { Ok(()) }
    }

    fn check(&self) -> Result<(), JournalError> {
        self.poison.clone().map_or(Ok(()), Err)
    }

    fn poison(&mut self, action: &'static str, file: &str, error: std::io::Error) -> JournalError {
        let error = JournalError::poisoned(action, file, error);
        self.poison = Some(error.clone());
        error
    }

    /// As [`Journal::poison`], for a failure that may be a mere want of space.
    fn poison_with(&mut self, error: JournalError) -> JournalError {
        match error {
            JournalError::Io { action, file, source } => {
                let error = JournalError::Poisoned { action, file, source };
                self.poison = Some(error.clone());
                error
            }
            other => other,
        }
    }
}

/// Writes the header that turns a file of zeros into a segment, and makes it durable.
pub(crate) fn begin<F: DiskFile>(
    file: &mut F,
    store: StoreId,
    number: u64,
    sequence: u64,
    bytes: u64,
) -> std::io::Result<()> {
    let header = Header { store, number, first: sequence, second: bytes };
    file.write_at(0, &header.encode(&SEGMENT))?;
    file.sync()
}
