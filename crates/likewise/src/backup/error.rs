//! What can be wrong with the bytes of a backup, and where.

use std::fmt;

use likewise_state::codec::DecodeError;

use crate::backup::format::{BLOCK_ENTRIES_MAX, Sort, VERSION};

/// Why bytes are no backup, or a damaged one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupError {
    /// Where the preamble or the frame begins in which it was found: how many bytes stand before it.
    pub offset: u64,
    /// What is wrong there.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It does not begin as a backup does.
    NoBackup,
    /// It is of a version that this release does not read.
    Version(u32),
    /// It ends in the middle of something.
    Truncated(&'static str),
    /// It ends before its footer.
    NoFooter,
    /// A frame is of no sort that there is.
    Sort(u8),
    /// A frame is not where one of its sort may be.
    OutOfPlace(Sort),
    /// A frame is said to be longer than any is.
    TooLong {
        /// What it is said to be.
        sort: Sort,
        /// How many bytes it is said to have.
        bytes: u32,
        /// How many it can have.
        bytes_max: usize,
    },
    /// The bytes of a frame are not those that were written.
    Checksum(Sort),
    /// A block does not unpack to as many bytes as it says.
    Unpacked {
        /// How many it says.
        plain: u32,
    },
    /// A block has more entries than any has.
    TooManyEntries(usize),
    /// What a frame holds makes no sense.
    Content(Sort, DecodeError),
    /// The footer tells of something else than there is.
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many the footer tells of.
        told: u64,
    },
    /// The footer's checksum of all that stands before it is that of other bytes.
    Sum,
    /// Something follows the footer.
    Trailing,
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.offset)?;
        match &self.cause {
            Cause::NoBackup => write!(f, "it does not begin as a backup of likewise does"),
            Cause::Version(found) => write!(
                f,
                "it is of format version {found}, and this release reads version {VERSION}: use a release that reads it"
            ),
            Cause::Truncated(what) => write!(f, "it ends in the middle of its {what}"),
            Cause::NoFooter => write!(f, "it ends before its footer: a part of it is missing"),
            Cause::Sort(found) => write!(f, "a frame is of sort {found}, which there is not"),
            Cause::OutOfPlace(sort) => {
                write!(f, "a {} stands where none may be", sort.name())
            }
            Cause::TooLong { sort, bytes, bytes_max } => write!(
                f,
                "the {} is said to have {bytes} bytes, and none has more than {bytes_max}",
                sort.name()
            ),
            Cause::Checksum(sort) => {
                write!(f, "the {} has another checksum than its bytes", sort.name())
            }
            Cause::Unpacked { plain } => {
                write!(f, "the block does not unpack to {plain} bytes, as it says")
            }
            Cause::TooManyEntries(found) => {
                write!(
                    f,
                    "the block has {found} entries, and none has more than {BLOCK_ENTRIES_MAX}"
                )
            }
            Cause::Content(sort, error) => {
                write!(f, "the {} makes no sense: {error}", sort.name())
            }
            Cause::Count { what, found, told } => {
                write!(f, "the footer tells of {told} {what}, and there are {found}")
            }
            Cause::Sum => write!(f, "the footer's checksum is not that of all bytes before it"),
            Cause::Trailing => write!(f, "something follows the footer, which ends a backup"),
        }
    }
}

impl std::error::Error for BackupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Content(_, error) => Some(error),
            _ => None,
        }
    }
}
