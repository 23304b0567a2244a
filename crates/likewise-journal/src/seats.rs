//! The `seats` file of a voter: what its owner keeps about votes, in bytes that mean nothing here.
//!
//! ```text
//! likewise seats
//! format 1
//! store 000102030405060708090a0b0c0d0e0f
//! kept 01a0b1..
//! crc32c 0c3f9a51        of all bytes before this line
//! ```
//!
//! It is replaced as a whole, and rarely: when a voter starts, and when it hears that another one did.

use std::fmt::Write as _;

use crate::disk::{Disk, DiskFile, replace};
use crate::error::{Corruption, JournalError, Remedy};
use crate::limits::SEATS_BYTES_MAX;
use crate::store::StoreId;

/// The name of the file.
pub const SEATS_NAME: &str = "seats";

const FORMAT: u32 = 1;

/// Puts the file in the place of the one before, as a whole or not at all.
pub(crate) fn write<D: Disk>(disk: &D, store: StoreId, kept: &[u8]) -> Result<(), JournalError> {
    assert!(kept.len() <= SEATS_BYTES_MAX, "{} bytes about seats", kept.len());
    replace(disk, SEATS_NAME, text(store, kept).as_bytes())
        .map_err(|error| JournalError::failed("write", SEATS_NAME, error))
}

/// Reads the file, where there is one.
pub(crate) fn read<D: Disk>(disk: &D, store: StoreId) -> Result<Option<Vec<u8>>, JournalError> {
    let failed = |error| JournalError::failed("read", SEATS_NAME, error);
    let file = match disk.open(SEATS_NAME) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let size = file.size().map_err(failed)?;
    // Twice for the hexadecimal digits, and as much as that for the lines around them.
    if size > 4 * SEATS_BYTES_MAX as u64 {
        return Err(corrupt(Corruption::Length(size)));
    }
    let mut bytes = vec![0; size as usize];
    file.read_at(0, &mut bytes).map_err(failed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| corrupt(Corruption::Lines))?;
    parse(text, store).map(Some)
}

fn text(store: StoreId, kept: &[u8]) -> String {
    let mut body = format!("likewise seats\nformat {FORMAT}\nstore {store}\nkept ");
    for byte in kept {
        write!(body, "{byte:02x}").expect("a string takes all that is written");
    }
    body.push('\n');
    let sum = crc32c::crc32c(body.as_bytes());
    format!("{body}crc32c {sum:08x}\n")
}

fn parse(text: &str, store: StoreId) -> Result<Vec<u8>, JournalError> {
    let field = |name: &str| {
        let mut fields = text.lines().filter_map(|line| line.split_once(' '));
        let found = fields.find(|(field, _)| *field == name).map(|(_, value)| value);
        found.ok_or_else(|| corrupt(Corruption::Lines))
    };
    // The version comes before the checksum, so that a later format may change everything else.
    let found = field("format")?.parse().map_err(|_| corrupt(Corruption::Lines))?;
    if found > FORMAT {
        let file = SEATS_NAME.to_owned();
        return Err(JournalError::NewerFormat { file, found, known: FORMAT });
    }
    let digits = field("kept")?;
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let kept: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
    let kept = kept.ok_or_else(|| corrupt(Corruption::Lines))?;
    // What stands there must be what would be written: the simplest check of every byte, and of the store.
    if text == self::text(store, &kept) { Ok(kept) } else { Err(corrupt(Corruption::Checksum)) }
}

fn corrupt(found: Corruption) -> JournalError {
    JournalError::Corrupt { file: SEATS_NAME.to_owned(), offset: 0, found, remedy: Remedy::Seats }
}
