//! The `store` file: whose folder this is. Written once, as text, so that an operator can read it.
//!
//! ```text
//! likewise store
//! format 1
//! id 000102030405060708090a0b0c0d0e0f
//! node likes-0
//! crc32c 0c3f9a51        of all bytes before this line
//! ```

use std::fmt;

use crate::disk::{Disk, DiskFile, replace};
use crate::error::{Corruption, JournalError, Remedy};
use crate::limits::{NODE_BYTES_MAX, STORE_BYTES_MAX};

/// The name of the file.
pub const STORE_NAME: &str = "store";

/// The format version of the store file.
pub const FORMAT: u32 = 1;

/// 128 random bits, drawn by whoever creates a store. Every file of the store carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Refuses names that the file could not give back.
pub(crate) fn check_node(node: &str) -> Result<(), JournalError> {
    let fits = !node.is_empty() && node.len() <= NODE_BYTES_MAX && !node.contains(['\n', '\r']);
    if fits { Ok(()) } else { Err(JournalError::NodeName { node: node.to_owned() }) }
}

/// Writes the file so that it is there as a whole or not at all.
pub(crate) fn create<D: Disk>(disk: &D, id: StoreId, node: &str) -> Result<(), JournalError> {
    replace(disk, STORE_NAME, text(id, node).as_bytes())
        .map_err(|error| JournalError::failed("write", STORE_NAME, error))
}

/// Reads whose store it is.
pub(crate) fn read<D: Disk>(disk: &D) -> Result<(StoreId, String), JournalError> {
    let failed = |error| JournalError::failed("read", STORE_NAME, error);
    let file = disk.open(STORE_NAME).map_err(failed)?;
    let size = file.size().map_err(failed)?;
    if size > STORE_BYTES_MAX {
        return Err(corrupt(Corruption::Length(size)));
    }
    let mut bytes = vec![0; size as usize];
    file.read_at(0, &mut bytes).map_err(failed)?;
    parse(&bytes)
}

fn text(id: StoreId, node: &str) -> String {
    let body = format!("likewise store\nformat {FORMAT}\nid {id}\nnode {node}\n");
    let sum = crc32c::crc32c(body.as_bytes());
    format!("{body}crc32c {sum:08x}\n")
}

fn parse(bytes: &[u8]) -> Result<(StoreId, String), JournalError> {
    let lines = || corrupt(Corruption::Lines);
    let text = std::str::from_utf8(bytes).map_err(|_| lines())?;
    let mut rest = text.lines();
    let mut field = |name: &str| {
        rest.next()
            .and_then(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
            .ok_or_else(lines)
    };
    field("likewise").and_then(|kind| if kind == "store" { Ok(()) } else { Err(lines()) })?;
    // The version comes before the checksum, so that a later format may change everything below it.
    let found = field("format")?.parse().map_err(|_| lines())?;
    if found > FORMAT {
        let file = STORE_NAME.to_owned();
        return Err(JournalError::NewerFormat { file, found, known: FORMAT });
    }
    let id = parse_hex(&field("id")?).ok_or_else(lines)?;
    let node = field("node")?;
    // What stands there must be what would be written: the simplest check of every byte.
    if text == self::text(id, &node) { Ok((id, node)) } else { Err(corrupt(Corruption::Checksum)) }
}

fn parse_hex(text: &str) -> Option<StoreId> {
    let number = u128::from_str_radix(text, 16).ok()?;
    Some(StoreId(number.to_be_bytes()))
}

fn corrupt(found: Corruption) -> JournalError {
    JournalError::Corrupt { file: STORE_NAME.to_owned(), offset: 0, found, remedy: Remedy::Store }
}
