//! One group commit: a checksummed run of deltas, aligned to 8 bytes.
//!
//! ```text
//! 0   magic       u32
//! 4   length      u32, of the payload
//! 8   sequence    u64, one more than that of the record before
//! 16  unsynced    u32, how many records just before this one may not have been durable yet
//! 20  checksum    u32, CRC32C of store id, segment number, bytes 4 to 20, payload
//! 24  payload:    (u32 length, delta) for each delta
//!     zeros to a multiple of 8
//! ```
//!
//! `unsynced` is 0 under `Durability::Always`. Where commits need not wait for their sync, a power cut
//! may lose a record and keep a later one; the count tells that apart from damage to a record that was
//! durable. The store id in the checksum keeps a client who chooses ids from planting a record.

use likewise_state::delta::Delta;

use crate::error::Corruption;
use crate::header::{u32_at, u64_at};
use crate::store::StoreId;

/// The bytes before the payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 24;

/// Records begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;

const MAGIC: [u8; 4] = *b"\xf1LKr";

/// What the checksum of every record of a segment starts from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn new(store: StoreId, segment: u64) -> Self {
        Self(crc32c::crc32c_append(crc32c::crc32c(&store.0), &segment.to_le_bytes()))
    }

    fn checksum(self, bytes: &[u8]) -> u32 {
        let sum = crc32c::crc32c_append(self.0, &bytes[4..20]);
        crc32c::crc32c_append(sum, &bytes[RECORD_HEADER_BYTES..])
    }
}

/// A record in the making. Its buffer is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    entries: u64,
}

impl Builder {
    /// Starts anew with these deltas. Empty ones take no space.
    pub(crate) fn fill<'a>(&mut self, deltas: impl IntoIterator<Item = &'a Delta>) {
        self.bytes.clear();
        self.bytes.resize(RECORD_HEADER_BYTES, 0);
        self.entries = 0;
        for delta in deltas.into_iter().filter(|delta| !delta.is_empty()) {
            let bytes = delta.as_bytes();
            // A length that does not fit is far beyond the largest record, which is checked next.
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            self.bytes.extend_from_slice(&len.to_le_bytes());
            self.bytes.extend_from_slice(bytes);
            self.entries += delta.len() as u64;
        }
    }

    pub(crate) const fn entries(&self) -> u64 {
        self.entries
    }

    /// The size on disk, with padding.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len().next_multiple_of(ALIGNMENT)
    }

    /// Fills in the header, and answers with the bytes to write.
    pub(crate) fn seal(&mut self, seed: Seed, sequence: u64, unsynced: u32) -> &[u8] {
        let len = (self.bytes.len() - RECORD_HEADER_BYTES) as u32;
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[4..8].copy_from_slice(&len.to_le_bytes());
        self.bytes[8..16].copy_from_slice(&sequence.to_le_bytes());
        self.bytes[16..20].copy_from_slice(&unsynced.to_le_bytes());
        let sum = seed.checksum(&self.bytes);
        self.bytes[20..24].copy_from_slice(&sum.to_le_bytes());
        self.bytes.resize(self.size(), 0);
        &self.bytes
    }

    /// Gives back the memory of an unusually large record.
    pub(crate) fn shrink(&mut self, bytes_max: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(bytes_max);
    }
}

/// A record whose checksum fits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) sequence: u64,
    pub(crate) unsynced: u32,
    payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the start of `bytes`.
    pub(crate) fn read(bytes: &'a [u8], seed: Seed) -> Result<Self, Corruption> {
        if !Self::may_start(bytes) {
            return Err(Corruption::Magic);
        }
        let len = u32_at(bytes, 4);
        let whole = RECORD_HEADER_BYTES + len as usize;
        let Some(record) = bytes.get(..whole) else {
            return Err(Corruption::Length(u64::from(len)));
        };
        if seed.checksum(record) != u32_at(bytes, 20) {
            return Err(Corruption::Checksum);
        }
        let payload = &record[RECORD_HEADER_BYTES..];
        Ok(Self { sequence: Self::sequence_at(bytes), unsynced: u32_at(bytes, 16), payload })
    }

    /// Whether `bytes` begins like a record: cheap, and says nothing about the rest.
    pub(crate) fn may_start(bytes: &[u8]) -> bool {
        bytes.len() >= RECORD_HEADER_BYTES && bytes[..4] == MAGIC
    }

    /// The sequence number that stands in what may be a record.
    pub(crate) fn sequence_at(bytes: &[u8]) -> u64 {
        u64_at(bytes, 8)
    }

    /// The size on disk, with padding.
    pub(crate) const fn size(&self) -> usize {
        (RECORD_HEADER_BYTES + self.payload.len()).next_multiple_of(ALIGNMENT)
    }

    /// The deltas. An error is a length that goes beyond the payload; nothing follows it.
    pub(crate) fn deltas(&self) -> impl Iterator<Item = Result<&'a [u8], Corruption>> + use<'a> {
        let mut rest = self.payload;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (len, after) = rest.split_first_chunk::<4>().unwrap_or((&[0xff; 4], &[]));
            let len = u32::from_le_bytes(*len);
            match after.split_at_checked(len as usize) {
                Some((delta, after)) => {
                    rest = after;
                    Some(Ok(delta))
                }
                None => {
                    rest = &[];
                    Some(Err(Corruption::Length(u64::from(len))))
                }
            }
        })
    }
}
