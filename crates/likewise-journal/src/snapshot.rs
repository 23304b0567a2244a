//! Snapshots: the whole state in one file, written beside the traffic.
//!
//! ```text
//! header      64 bytes; first = the segment, second = the record from which on the journal is needed
//! chunk*      u32 length (never 0), u32 CRC32C of snapshot number, index, length and chunk; the chunk
//! footer      u32 zero, u32 CRC32C of the 16 bytes that follow, u64 chunks, u64 bytes of chunks
//! ```
//!
//! The footer is the last thing in the file, so a file that was cut short anywhere is noticed.

use likewise_state::chunk::ChunkLoader;
use likewise_state::state::State;

use crate::disk::{Disk, DiskFile};
use crate::error::{Corruption, JournalError, Remedy};
use crate::header::{HEADER_BYTES, Header, Kind, number_in, u32_at, u64_at};
use crate::limits::{BLOCK_BYTES, CHUNK_BYTES_MAX};
use crate::store::StoreId;

const SNAPSHOT: Kind = Kind { magic: *b"LIKESNAP", version: 1, remedy: Remedy::Snapshot };

const CHUNK_HEADER_BYTES: usize = 8;
const FOOTER_BYTES: usize = 24;

pub(crate) fn name(number: u64) -> String {
    format!("snapshot-{number:010}.snap")
}

pub(crate) fn number(name: &str) -> Option<u64> {
    number_in(name, "snapshot-", ".snap")
}

/// A snapshot that is on disk as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(crate) number: u64,
    pub(crate) first_segment: u64,
    pub(crate) first_sequence: u64,
    pub(crate) bytes: u64,
}

impl Snapshot {
    /// The size of the file in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A job: to write a snapshot. It touches nothing of the journal and may run on any thread.
#[derive(Debug)]
#[must_use]
pub struct SnapshotJob<D> {
    pub(crate) disk: D,
    pub(crate) store: StoreId,
    pub(crate) number: u64,
    pub(crate) first_segment: u64,
    pub(crate) first_sequence: u64,
    pub(crate) journal_bytes: u64,
}

impl<D: Disk> SnapshotJob<D> {
    /// The bytes of journal that the snapshot will cover: for `Journal::snapshot_failed`.
    #[must_use]
    pub const fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// Writes the state, in time proportional to its size. The state may change meanwhile. Before each
    /// chunk `go_on` is asked. On a failure nothing is left of the file, and a failed sync is no
    /// danger to the next attempt, which writes a new file from the start.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`], [`JournalError::Io`], or [`JournalError::Interrupted`] where `go_on`
    /// said no.
    pub fn run(&self, state: &State, go_on: impl Fn() -> bool) -> Result<Snapshot, JournalError> {
        let name = name(self.number);
        let temporary = format!("{name}.tmp");
        let written = self.write(&temporary, &name, state, go_on);
        if written.is_err() {
            // The first failure is the one to tell of; what is left is removed at the next start.
            let _ = self.disk.remove(&temporary);
            let _ = self.disk.remove(&name);
        }
        written
    }

    fn write(
        &self,
        temporary: &str,
        name: &str,
        state: &State,
        go_on: impl Fn() -> bool,
    ) -> Result<Snapshot, JournalError> {
        let failed = |error| JournalError::failed("write", name, error);
        let mut out = Output {
            file: self.disk.create(temporary).map_err(failed)?,
            written: 0,
            block: Vec::new(),
        };
        let (store, number) = (self.store, self.number);
        let (first, second) = (self.first_segment, self.first_sequence);
        out.block.extend_from_slice(&Header { store, number, first, second }.encode(&SNAPSHOT));
        let (mut chunks, mut bytes) = (0u64, 0u64);
        for chunk in state.chunks().filter(|chunk| !chunk.is_empty()) {
            if !go_on() {
                return Err(JournalError::Interrupted { file: name.to_owned() });
            }
            assert!(
                chunk.len() <= CHUNK_BYTES_MAX,
                "a chunk is larger than recovery would believe"
            );
            let sum = checksum(number, chunks, &chunk);
            out.put(&(chunk.len() as u32).to_le_bytes()).map_err(failed)?;
            out.put(&sum.to_le_bytes()).map_err(failed)?;
            out.put(&chunk).map_err(failed)?;
            chunks += 1;
            bytes += chunk.len() as u64;
        }
        let totals = [chunks.to_le_bytes(), bytes.to_le_bytes()].concat();
        out.put(&[0; 4]).map_err(failed)?;
        out.put(&crc32c::crc32c(&totals).to_le_bytes()).map_err(failed)?;
        out.put(&totals).map_err(failed)?;
        out.flush().map_err(failed)?;
        out.file.sync().map_err(failed)?;
        self.disk.rename(temporary, name).map_err(failed)?;
        self.disk.sync_folder().map_err(failed)?;
        let (first_segment, first_sequence) = (self.first_segment, self.first_sequence);
        Ok(Snapshot { number, first_segment, first_sequence, bytes: out.written })
    }
}

fn checksum(number: u64, index: u64, chunk: &[u8]) -> u32 {
    let place = [number.to_le_bytes(), index.to_le_bytes(), (chunk.len() as u64).to_le_bytes()];
    crc32c::crc32c_append(crc32c::crc32c(place.as_flattened()), chunk)
}

struct Output<F> {
    file: F,
    written: u64,
    block: Vec<u8>,
}

impl<F: DiskFile> Output<F> {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_at(self.written, &self.block)?;
        self.written += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

/// Reads only the header and the size: enough to know which segments a snapshot needs.
pub(crate) fn peek<D: Disk>(
    disk: &D,
    number: u64,
    store: StoreId,
) -> Result<Snapshot, JournalError> {
    Input::open(disk, number, store).map(|input| input.snapshot)
}

/// Merges a snapshot into `state`, and answers with the number of its entries.
pub(crate) fn load<D: Disk>(
    disk: &D,
    number: u64,
    store: StoreId,
    state: &State,
) -> Result<(Snapshot, u64), JournalError> {
    let mut input = Input::open(disk, number, store)?;
    let mut loader = ChunkLoader::default();
    let (mut chunks, mut bytes, mut entries) = (0u64, 0u64, 0u64);
    loop {
        let offset = input.offset();
        let head = input.take(CHUNK_HEADER_BYTES)?;
        let (len, sum) = (u32_at(head, 0) as usize, u32_at(head, 4));
        if len == 0 {
            check_footer(&mut input, sum, chunks, bytes)?;
            return Ok((input.snapshot, entries));
        }
        if len > CHUNK_BYTES_MAX {
            return Err(input.corrupt(offset, Corruption::Length(len as u64)));
        }
        let chunk = input.take(len)?;
        if checksum(number, chunks, chunk) != sum {
            return Err(input.corrupt(offset, Corruption::Checksum));
        }
        match loader.load(state, chunk) {
            Ok(loaded) => entries += loaded as u64,
            Err(error) => return Err(input.corrupt(offset, Corruption::Content(error))),
        }
        chunks += 1;
        bytes += len as u64;
    }
}

fn check_footer<F: DiskFile>(
    input: &mut Input<F>,
    sum: u32,
    chunks: u64,
    bytes: u64,
) -> Result<(), JournalError> {
    let offset = input.offset();
    let totals = input.take(FOOTER_BYTES - CHUNK_HEADER_BYTES)?;
    let number = |what, found, expected| Corruption::Number { what, found, expected };
    let found = if crc32c::crc32c(totals) != sum {
        Corruption::Checksum
    } else if u64_at(totals, 0) != chunks {
        number("number of chunks", u64_at(totals, 0), chunks)
    } else if u64_at(totals, 8) != bytes {
        number("number of bytes", u64_at(totals, 8), bytes)
    } else if input.offset() != input.snapshot.bytes {
        Corruption::Size { found: input.snapshot.bytes, expected: input.offset() }
    } else {
        return Ok(());
    };
    Err(input.corrupt(offset, found))
}

/// Reads a file from front to back in large blocks.
struct Input<F> {
    file: F,
    name: String,
    snapshot: Snapshot,
    /// What was read and not yet taken is `block[taken..]`.
    block: Vec<u8>,
    taken: usize,
    /// Where in the file the block ends.
    read: u64,
}

impl<F: DiskFile> Input<F> {
    fn open<D: Disk<File = F>>(
        disk: &D,
        number: u64,
        store: StoreId,
    ) -> Result<Self, JournalError> {
        let name = name(number);
        let failed = |error| JournalError::failed("read", &name, error);
        let file = disk.open(&name).map_err(failed)?;
        let bytes = file.size().map_err(failed)?;
        let mut head = vec![0; HEADER_BYTES.min(bytes as usize)];
        file.read_at(0, &mut head).map_err(failed)?;
        let header = Header::decode(&head, &SNAPSHOT, &name, store, number)?;
        let (first_segment, first_sequence) = (header.first, header.second);
        let snapshot = Snapshot { number, first_segment, first_sequence, bytes };
        let read = HEADER_BYTES as u64;
        Ok(Self { file, name, snapshot, block: Vec::new(), taken: 0, read })
    }

    fn offset(&self) -> u64 {
        self.read - (self.block.len() - self.taken) as u64
    }

    fn corrupt(&self, offset: u64, found: Corruption) -> JournalError {
        let remedy = Remedy::Snapshot;
        JournalError::Corrupt { file: self.name.clone(), offset, found, remedy }
    }

    /// The next `len` bytes.
    fn take(&mut self, len: usize) -> Result<&[u8], JournalError> {
        if self.block.len() - self.taken < len {
            let (left, offset) = (self.snapshot.bytes - self.read, self.offset());
            self.block.drain(..self.taken);
            self.taken = 0;
            let missing = len - self.block.len();
            if missing as u64 > left {
                return Err(self.corrupt(offset, Corruption::Length(len as u64)));
            }
            let more = missing.max(BLOCK_BYTES.min(left as usize));
            let start = self.block.len();
            self.block.resize(start + more, 0);
            let read = self.file.read_at(self.read, &mut self.block[start..]);
            read.map_err(|error| JournalError::failed("read", &self.name, error))?;
            self.read += more as u64;
        }
        self.taken += len;
        Ok(&self.block[self.taken - len..self.taken])
    }
}
