//! Segment files: made of zeros ahead of time, filled with records, read back whole.
//!
//! A file becomes a segment in three steps, each durable before the next: zeros under a temporary name;
//! the name `journal-NNNNNNNNNN.log`; a header. So a segment has its full size from its first moment,
//! and one without a header was never written to.

use crate::disk::{Disk, DiskFile};
use crate::error::{Corruption, JournalError, Remedy};
use crate::header::{HEADER_BYTES, Header, Kind, number_in};
use crate::limits::{BLOCK_BYTES, SEGMENT_BYTES_MAX};
use crate::record::{ALIGNMENT, RECORD_HEADER_BYTES, Record, Seed};
use crate::store::StoreId;

/// The header of a segment: `first` is the sequence number of its first record, `second` its size.
pub(crate) const SEGMENT: Kind = Kind { magic: *b"LIKEJRNL", version: 1, remedy: Remedy::Segment };

pub(crate) fn name(number: u64) -> String {
    format!("journal-{number:010}.log")
}

pub(crate) fn number(name: &str) -> Option<u64> {
    number_in(name, "journal-", ".log")
}

/// A job: to make the file of a segment to come. It takes as long as writing all of it does, touches
/// nothing of the journal, and may run on any thread.
#[derive(Debug)]
#[must_use]
pub struct SpareJob<D> {
    pub(crate) disk: D,
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

/// A file of zeros, durable, with its space really taken.
#[derive(Debug)]
pub struct Spare<F> {
    pub(crate) file: F,
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

impl<D: Disk> SpareJob<D> {
    /// Makes the file. On a failure nothing is left of it.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`] on a full disk, else [`JournalError::Io`].
    pub fn run(self) -> Result<Spare<D::File>, JournalError> {
        let fill = || {
            let mut file = self.disk.create(&self.name)?;
            let zeros = vec![0; BLOCK_BYTES.min(self.bytes as usize)];
            let mut at = 0;
            while at < self.bytes {
                let len = (zeros.len() as u64).min(self.bytes - at);
                file.write_at(at, &zeros[..len as usize])?;
                at += len;
            }
            file.sync()?;
            Ok(file)
        };
        match fill() {
            Ok(file) => Ok(Spare { file, name: self.name, bytes: self.bytes }),
            Err(error) => {
                let error = JournalError::failed("prepare", &self.name, error);
                // The first failure is the one to tell of; what is left is removed at the next start.
                let _ = self.disk.remove(&self.name);
                Err(error)
            }
        }
    }
}

/// A segment as it was read back.
pub(crate) struct Contents<'a> {
    pub(crate) file: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) seed: Seed,
}

/// Where the records of a segment end, and how.
#[derive(Debug)]
pub(crate) struct End {
    /// The offset after the last record.
    pub(crate) offset: usize,
    /// The sequence number that a next record would have.
    pub(crate) sequence: u64,
    /// What stands there instead of zeros.
    pub(crate) found: Option<Corruption>,
}

impl<'a> Contents<'a> {
    pub(crate) fn corrupt(&self, offset: usize, found: Corruption) -> JournalError {
        let remedy = Remedy::Segment;
        JournalError::Corrupt { file: self.file.to_owned(), offset: offset as u64, found, remedy }
    }

    /// Hands over each record with its offset, as far as they go.
    pub(crate) fn records(
        &self,
        first: u64,
        mut each: impl FnMut(usize, Record<'a>) -> Result<(), JournalError>,
    ) -> Result<End, JournalError> {
        let (mut offset, mut sequence) = (HEADER_BYTES, first);
        loop {
            let rest = &self.bytes[offset.min(self.bytes.len())..];
            let found = match Record::read(rest, self.seed) {
                Ok(record) if record.sequence == sequence => {
                    each(offset, record)?;
                    offset += record.size();
                    sequence += 1;
                    continue;
                }
                Ok(Record { sequence: found, .. }) => {
                    let what = "record";
                    let found = Corruption::Number { what, found, expected: sequence };
                    return Err(self.corrupt(offset, found));
                }
                Err(_) if is_zero(rest) => None,
                Err(found) => Some(found),
            };
            return Ok(End { offset, sequence, found });
        }
    }

    /// Whether what stands at `end` can be what a power cut left of writes that nobody was promised.
    /// It can't if a record follows that was only written once the one at `end` was durable.
    pub(crate) fn is_torn(&self, end: &End) -> bool {
        let most = (self.bytes.len() / RECORD_HEADER_BYTES) as u64;
        let plausible = end.sequence..=end.sequence.saturating_add(most);
        let first = end.offset.next_multiple_of(ALIGNMENT);
        !(first..self.bytes.len()).step_by(ALIGNMENT).any(|offset| {
            let rest = &self.bytes[offset..];
            Record::may_start(rest)
                && plausible.contains(&Record::sequence_at(rest))
                && Record::read(rest, self.seed).is_ok_and(|record| {
                    record.sequence.saturating_sub(u64::from(record.unsynced)) > end.sequence
                })
        })
    }
}

/// Reads a whole segment file into `bytes`.
pub(crate) fn load<D: Disk>(
    disk: &D,
    name: &str,
    bytes: &mut Vec<u8>,
) -> Result<D::File, JournalError> {
    let failed = |error| JournalError::failed("read", name, error);
    let file = disk.open(name).map_err(failed)?;
    let size = file.size().map_err(failed)?;
    if size > SEGMENT_BYTES_MAX {
        let (file, found) = (name.to_owned(), Corruption::Length(size));
        return Err(JournalError::Corrupt { file, offset: 0, found, remedy: Remedy::Segment });
    }
    bytes.resize(size as usize, 0);
    file.read_at(0, bytes).map_err(failed)?;
    Ok(file)
}

/// Reads and checks the header, the size of the file included.
pub(crate) fn header(
    bytes: &[u8],
    name: &str,
    store: StoreId,
    number: u64,
) -> Result<Header, JournalError> {
    let header = Header::decode(bytes, &SEGMENT, name, store, number)?;
    let (found, expected) = (bytes.len() as u64, header.second);
    if found != expected {
        let (file, remedy) = (name.to_owned(), Remedy::Segment);
        let found = Corruption::Size { found, expected };
        return Err(JournalError::Corrupt { file, offset: 0, found, remedy });
    }
    Ok(header)
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    rest.iter().all(|&byte| byte == 0)
        && chunks.iter().all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}
