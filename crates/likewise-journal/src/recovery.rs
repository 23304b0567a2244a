//! Coming back: the newest snapshot, then every record since it was begun.
//!
//! Nothing is skipped in silence. The one thing that is dropped is the torn end of the last segment,
//! where a power cut met a commit that was never acknowledged; the report says so.

use std::collections::BTreeMap;

use likewise_state::delta::Delta;
use likewise_state::state::State;

use crate::disk::{Disk, DiskFile};
use crate::error::{Corruption, JournalError};
use crate::figures::Figures;
use crate::header::HEADER_BYTES;
use crate::incarnation;
use crate::journal::{Active, Journal, Options, begin};
use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SNAPSHOTS_KEPT};
use crate::record::{Builder, Record, Seed};
use crate::seats::{self, SEATS_NAME};
use crate::segment::{self, Contents, End, SpareJob};
use crate::snapshot::{self, Snapshot};
use crate::store::{self, STORE_NAME, StoreId};

/// What was found at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The id of the store.
    pub store: StoreId,
    /// The name of the node that the store belongs to.
    pub node: String,
    /// How often the store has been started, this time included: larger than in any life before.
    pub incarnation: u64,
    /// Whether the folder was empty and the store is new.
    pub created: bool,
    /// The file name of the snapshot that was loaded.
    pub snapshot: Option<String>,
    /// The entries in it.
    pub snapshot_entries: u64,
    /// The records that were replayed.
    pub records: u64,
    /// The entries in them, with those that the snapshot held already.
    pub record_entries: u64,
    /// The bytes of these records.
    pub journal_bytes: u64,
    /// What [`Journal::keep_seats`] was last given.
    pub seats: Option<Vec<u8>>,
    /// What was dropped as never acknowledged. Worth a line in the log.
    pub torn: Option<Torn>,
}

/// The torn end of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub file: String,
    /// Where its last whole record ends, in bytes.
    pub offset: u64,
    /// How many bytes from there on are not zero padding, to the last such byte.
    pub bytes: u64,
    /// What stood there.
    pub found: Corruption,
}

impl<D: Disk> Journal<D> {
    /// Opens the folder, or makes a new store in an empty one, and merges all that is there into
    /// `state`, in time proportional to the newest snapshot and the records since. The caller measures
    /// how long it takes.
    ///
    /// # Errors
    /// Anything that is damaged, missing, foreign or from a newer release; or the disk's own errors.
    /// The state may hold a part of the data then and must not be used; the files are as they were.
    pub fn open(
        disk: D,
        options: Options,
        state: &State,
    ) -> Result<(Self, Recovery), JournalError> {
        store::check_node(&options.node)?;
        let mut names = list(&disk)?;
        remove_temporary(&disk, &mut names)?;
        let created = !names.iter().any(|name| name == STORE_NAME);
        if created {
            create(&disk, &names, &options)?;
            names = list(&disk)?;
        }
        let (store, node) = store::read(&disk)?;
        if node != options.node && !options.keeps_node {
            return Err(JournalError::OtherNode { found: node, expected: options.node });
        }
        let mut report = Recovery {
            store,
            node,
            incarnation: incarnation::advance(&disk)?,
            created,
            snapshot: None,
            snapshot_entries: 0,
            records: 0,
            record_entries: 0,
            journal_bytes: 0,
            seats: seats::read(&disk, store)?,
            torn: None,
        };
        let (snapshots, snapshot_number) = load_snapshots(&disk, &names, state, &mut report)?;
        let newest = snapshots.last();
        let replay = Replay {
            disk: &disk,
            state,
            names: &names,
            first_segment: newest.map_or(1, |snapshot| snapshot.first_segment),
            sequence: newest.map_or(1, |snapshot| snapshot.first_sequence),
            from_snapshot: newest.is_some(),
        };
        let (active, sequence) = replay.run(&mut report)?;
        let segments = names.iter().filter(|name| segment::number(name).is_some()).count() as u64;
        let figures =
            Figures { journal_bytes: report.journal_bytes, segments, ..Figures::default() };
        let mut journal = Self {
            disk,
            options,
            store,
            active,
            sequence,
            unsynced: 0,
            spare: None,
            spares_made: 0,
            poison: None,
            record: Builder::default(),
            snapshots,
            snapshot_number,
            figures,
        };
        journal.remove_surplus()?;
        Ok((journal, report))
    }
}

fn list<D: Disk>(disk: &D) -> Result<Vec<String>, JournalError> {
    disk.list().map_err(|error| JournalError::failed("list", "the data folder", error))
}

/// Removes what an earlier process had not finished. Never a file that another program may own.
fn remove_temporary<D: Disk>(disk: &D, names: &mut Vec<String>) -> Result<(), JournalError> {
    let ours = |name: &str| {
        name.strip_suffix(".tmp").is_some_and(|name| {
            name == STORE_NAME
                || name == SEATS_NAME
                || name.starts_with("spare-")
                || snapshot::number(name).is_some()
        })
    };
    for name in names.iter().filter(|name| ours(name)) {
        disk.remove(name).map_err(|error| JournalError::failed("remove", name, error))?;
    }
    names.retain(|name| !ours(name));
    Ok(())
}

/// Makes a new store: first the file of segment 1, then the store file, so that a store whose first
/// segment is gone is noticed. If an earlier attempt got no further than that, it is made anew.
fn create<D: Disk>(disk: &D, names: &[String], options: &Options) -> Result<(), JournalError> {
    let first = segment::name(1);
    for name in names {
        let left_over = *name == first && {
            let mut bytes = Vec::new();
            segment::load(disk, name, &mut bytes)?;
            segment::is_zero(&bytes)
        };
        let ours = segment::number(name).is_some() || snapshot::number(name).is_some();
        if ours && !left_over {
            return Err(JournalError::StoreMissing { file: name.clone() });
        }
    }
    let bytes = options.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
    let name = "spare-0000000000.tmp".to_owned();
    SpareJob { disk: disk.clone(), name: name.clone(), bytes }.run()?;
    let named = disk.rename(&name, &first).and_then(|()| disk.sync_folder());
    named.map_err(|error| JournalError::failed("create", &first, error))?;
    store::create(disk, options.new_store, &options.node)
}

/// Loads the newest snapshot and looks at those before it. Answers with the kept ones, the oldest
/// first, and the highest number in use.
fn load_snapshots<D: Disk>(
    disk: &D,
    names: &[String],
    state: &State,
    report: &mut Recovery,
) -> Result<(Vec<Snapshot>, u64), JournalError> {
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| snapshot::number(name)).collect();
    numbers.sort_unstable();
    let Some(newest_number) = numbers.pop() else { return Ok((Vec::new(), 0)) };
    let (newest, entries) = snapshot::load(disk, newest_number, report.store, state)?;
    report.snapshot = Some(snapshot::name(newest_number));
    report.snapshot_entries = entries;
    let mut kept = vec![newest];
    while let (Some(number), true) = (numbers.pop(), kept.len() < SNAPSHOTS_KEPT) {
        // An older one that is damaged is of no use and no harm; it goes with the next snapshot. One that
        // begins later than the newest is damaged too: segments that the newest needs would be removed.
        let older = snapshot::peek(disk, number, report.store).ok();
        kept.extend(older.filter(|older| older.first_segment <= newest.first_segment));
    }
    kept.reverse();
    Ok((kept, newest_number))
}

/// The way through the segments.
struct Replay<'a, D> {
    disk: &'a D,
    state: &'a State,
    names: &'a [String],
    first_segment: u64,
    sequence: u64,
    from_snapshot: bool,
}

impl<D: Disk> Replay<'_, D> {
    /// Replays all segments, and answers with the last one, ready for more, and the next sequence.
    fn run(mut self, report: &mut Recovery) -> Result<(Active<D::File>, u64), JournalError> {
        let numbered = self.names.iter().filter_map(|name| Some((segment::number(name)?, name)));
        let segments: BTreeMap<u64, &String> =
            numbered.filter(|&(number, _)| number >= self.first_segment).collect();
        for (expected, &number) in (self.first_segment..).zip(segments.keys()) {
            if number != expected {
                return Err(JournalError::MissingSegment { file: segment::name(expected) });
            }
        }
        let mut bytes = Vec::new();
        let mut active = None;
        let last = segments.keys().next_back().copied();
        for (number, name) in segments {
            let file = segment::load(self.disk, name, &mut bytes)?;
            let is_last = Some(number) == last;
            if is_last && self.is_unused(&bytes, number) {
                active = Some(self.begin(file, number, bytes.len() as u64, report.store)?);
                break;
            }
            let contents =
                Contents { file: name, bytes: &bytes, seed: Seed::new(report.store, number) };
            let end = self.segment(&contents, number, is_last, report)?;
            if is_last {
                active = Some(settle(file, number, &bytes, &end, name)?);
            }
        }
        let missing = || JournalError::MissingSegment { file: segment::name(self.first_segment) };
        Ok((active.ok_or_else(missing)?, self.sequence))
    }
}

impl<D: Disk> Replay<'_, D> {
    /// Whether the last file got its name but no header before a power cut. The first file that is
    /// needed can't be so, unless it is that of a new store.
    fn is_unused(&self, bytes: &[u8], number: u64) -> bool {
        let may_be = number > self.first_segment || !self.from_snapshot;
        let Some((head, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return false };
        let torn = crc32c::crc32c(&head[..60]) != crate::header::u32_at(head, 60);
        let whole = bytes.len() as u64 >= SEGMENT_BYTES_MIN;
        may_be && whole && segment::is_zero(rest) && (torn || segment::is_zero(head))
    }

    fn begin(
        &self,
        mut file: D::File,
        number: u64,
        bytes: u64,
        store: StoreId,
    ) -> Result<Active<D::File>, JournalError> {
        begin(&mut file, store, number, self.sequence, bytes)
            .map_err(|error| JournalError::failed("begin", &segment::name(number), error))?;
        Ok(Active { file, number, bytes, offset: HEADER_BYTES as u64 })
    }

    /// Merges the records of one segment.
    fn segment(
        &mut self,
        contents: &Contents<'_>,
        number: u64,
        is_last: bool,
        report: &mut Recovery,
    ) -> Result<End, JournalError> {
        let header = segment::header(contents.bytes, contents.file, report.store, number)?;
        if header.first != self.sequence {
            let (what, found, expected) = ("first record", header.first, self.sequence);
            return Err(contents.corrupt(40, Corruption::Number { what, found, expected }));
        }
        let end = contents.records(header.first, |offset, record| {
            report.records += 1;
            report.journal_bytes += record.size() as u64;
            report.record_entries += merge(contents, offset, record, self.state)?;
            Ok(())
        })?;
        self.sequence = end.sequence;
        if let Some(found) = end.found.clone() {
            if !is_last || !contents.is_torn(&end) {
                return Err(contents.corrupt(end.offset, found));
            }
            let offset = end.offset as u64;
            let bytes = used(contents.bytes) as u64 - offset;
            report.torn = Some(Torn { file: contents.file.to_owned(), offset, bytes, found });
        }
        Ok(end)
    }
}

/// Merges one record, and answers with the number of its entries.
fn merge(
    contents: &Contents<'_>,
    offset: usize,
    record: Record<'_>,
    state: &State,
) -> Result<u64, JournalError> {
    let mut entries = 0;
    for delta in record.deltas() {
        let delta = delta.map_err(|found| contents.corrupt(offset, found))?;
        let delta = Delta::decode(delta.to_vec())
            .map_err(|error| contents.corrupt(offset, Corruption::Content(error)))?;
        entries += delta.len() as u64;
        state.merge_delta(&delta);
    }
    Ok(entries)
}

/// Where the last byte that is not zero ends.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Makes the last segment ready for more. Its records are written once more as they are: they may have
/// been read from the system's memory after an earlier process failed to sync them, and only a new
/// write brings them to the disk for sure. A torn end is overwritten with zeros. It takes no space, and
/// a power cut in the middle leaves what was there before, or less of the torn end.
fn settle<F: DiskFile>(
    mut file: F,
    number: u64,
    bytes: &[u8],
    end: &End,
    name: &str,
) -> Result<Active<F>, JournalError> {
    let mut write = || {
        file.write_at(0, &bytes[..end.offset])?;
        if end.found.is_some() {
            file.write_at(end.offset as u64, &vec![0; bytes.len() - end.offset])?;
        }
        file.sync()
    };
    write().map_err(|error| JournalError::failed("settle", name, error))?;
    Ok(Active { file, number, bytes: bytes.len() as u64, offset: end.offset as u64 })
}
