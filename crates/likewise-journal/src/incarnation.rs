//! The `incarnation` file: how often this store has been started, so that peers can tell a node's lives
//! apart.
//!
//! ```text
//! incarnation 00000000000000000016 crc32c 8a2f01c3
//! incarnation 00000000000000000017 crc32c 1b6e9d40
//! ```
//!
//! Two lines of a fixed size take turns and are written in place: a torn write can only take the older
//! number with it, and a full disk keeps no node from starting. The number is durable before anybody hears
//! of it.

use std::io;

use crate::disk::{Disk, DiskFile};
use crate::error::{Corruption, JournalError, Remedy};
use crate::limits::NUMBER_MAX;

/// The name of the file.
pub const INCARNATION_NAME: &str = "incarnation";

const LINE_BYTES: usize = 49;

/// Counts one more start and answers with its number, from 1 on.
pub(crate) fn advance<D: Disk>(disk: &D) -> Result<u64, JournalError> {
    let last = read(disk)?;
    let next = last + 1;
    if next > NUMBER_MAX {
        return Err(corrupt(Corruption::TooLarge(last)));
    }
    let write = || {
        let mut file = match disk.open(INCARNATION_NAME) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk.create(INCARNATION_NAME)?
            }
            opened => opened?,
        };
        file.write_at(next % 2 * LINE_BYTES as u64, line(next).as_bytes())?;
        file.sync()?;
        if last == 0 { disk.sync_folder() } else { Ok(()) }
    };
    write().map_err(|error| JournalError::failed("write", INCARNATION_NAME, error))?;
    Ok(next)
}

/// The greatest number in the file; 0 where there is none yet.
fn read<D: Disk>(disk: &D) -> Result<u64, JournalError> {
    let failed = |error| JournalError::failed("read", INCARNATION_NAME, error);
    let file = match disk.open(INCARNATION_NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        opened => opened.map_err(failed)?,
    };
    let size = file.size().map_err(failed)?;
    if size > 2 * LINE_BYTES as u64 {
        return Err(corrupt(Corruption::Length(size)));
    }
    let mut bytes = vec![0; size as usize];
    file.read_at(0, &mut bytes).map_err(failed)?;
    let numbers = bytes.chunks(LINE_BYTES).filter_map(parse);
    // Number 1 goes to the second line, so an empty first one means that no number was ever read from here.
    let is_new = bytes.iter().take(LINE_BYTES).all(|&byte| byte == 0);
    numbers.max().or_else(|| is_new.then_some(0)).ok_or_else(|| corrupt(Corruption::Checksum))
}

fn line(number: u64) -> String {
    let body = format!("incarnation {number:020}");
    format!("{body} crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()))
}

/// What stands there must be what would be written: the simplest check of every byte.
fn parse(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number = text.strip_prefix("incarnation ")?.get(..20)?.parse().ok()?;
    (text == line(number) && number <= NUMBER_MAX).then_some(number)
}

fn corrupt(found: Corruption) -> JournalError {
    let (file, remedy) = (INCARNATION_NAME.to_owned(), Remedy::Incarnation);
    JournalError::Corrupt { file, offset: 0, found, remedy }
}
