//! The first 64 bytes of every segment and snapshot.
//!
//! ```text
//! 0   magic          8 bytes
//! 8   version        u32, little-endian like all numbers
//! 12  zero           u32
//! 16  store id      16 bytes
//! 32  number         u64, the one in the file's name
//! 40  first          u64 ┐ what they mean is up to the kind of file
//! 48  second         u64 ┘
//! 56  zero           u32
//! 60  checksum       u32, CRC32C of the 60 bytes before
//! ```

use crate::error::{Corruption, JournalError, Remedy};
use crate::limits::NUMBER_MAX;
use crate::store::StoreId;

/// The size of a header. Records and chunks start after it.
pub(crate) const HEADER_BYTES: usize = 64;

/// A sort of file that begins with a header.
pub(crate) struct Kind {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) remedy: Remedy,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) store: StoreId,
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) second: u64,
}

impl Header {
    pub(crate) fn encode(&self, kind: &Kind) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&kind.magic);
        bytes[8..12].copy_from_slice(&kind.version.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.store.0);
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.second.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the header of `file`, which must be of `store` and have `number`.
    pub(crate) fn decode(
        bytes: &[u8],
        kind: &Kind,
        file: &str,
        store: StoreId,
        number: u64,
    ) -> Result<Self, JournalError> {
        let corrupt = |offset, found| JournalError::Corrupt {
            file: file.to_owned(),
            offset,
            found,
            remedy: kind.remedy,
        };
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            let (found, expected) = (bytes.len() as u64, HEADER_BYTES as u64);
            return Err(corrupt(0, Corruption::Size { found, expected }));
        };
        if bytes[..8] != kind.magic {
            return Err(corrupt(0, Corruption::Magic));
        }
        // Before the checksum, so that a later format may change all that follows the version.
        let version = u32_at(bytes, 8);
        if version > kind.version {
            let (file, known) = (file.to_owned(), kind.version);
            return Err(JournalError::NewerFormat { file, found: version, known });
        }
        if crc32c::crc32c(&bytes[..60]) != u32_at(bytes, 60) || version != kind.version {
            return Err(corrupt(0, Corruption::Checksum));
        }
        let mut found = StoreId([0; 16]);
        found.0.copy_from_slice(&bytes[16..32]);
        if found != store {
            return Err(JournalError::OtherStore { file: file.into(), found, expected: store });
        }
        let found = u64_at(bytes, 32);
        if found != number {
            let what = "file number";
            return Err(corrupt(32, Corruption::Number { what, found, expected: number }));
        }
        let (first, second) = (u64_at(bytes, 40), u64_at(bytes, 48));
        for (offset, number) in [(32, number), (40, first), (48, second)] {
            if number > NUMBER_MAX {
                return Err(corrupt(offset, Corruption::TooLarge(number)));
            }
        }
        Ok(Self { store, number, first, second })
    }
}

/// The little-endian number at `at`, which the caller knows to be inside.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// The little-endian number at `at`, which the caller knows to be inside.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

/// The number in a file name such as `journal-0000000007.log`.
pub(crate) fn number_in(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let number = digits.parse().ok()?;
    (format!("{number:010}") == digits).then_some(number)
}
