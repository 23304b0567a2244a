//! Everything that can go wrong between the node and its disk.

use std::fmt;
use std::io;
use std::sync::Arc;

use likewise_state::codec::DecodeError;
use rustix::io::Errno;

use crate::store::StoreId;

/// Why the journal could not do what it was asked to.
///
/// Every message says what was wrong, with which file, and what can be done about it.
#[derive(Clone, Debug)]
pub enum JournalError {
    /// An operation on a file failed while the journal was being opened, or outside of it.
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Another process uses the folder.
    Locked {
        /// The folder.
        folder: String,
    },
    /// The disk is full. Nothing was torn or lost; the same commit can be tried again.
    NoSpace {
        /// The file that needed space.
        file: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The process or the system has no file descriptor left. Nothing was touched; the same commit can be
    /// tried again.
    NoDescriptor {
        /// The file that was to be opened.
        file: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A write or a sync failed. What of it reached the disk is unknown, so the journal takes nothing
    /// more until it is opened anew.
    Poisoned {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A file holds something that was never written there.
    Corrupt {
        /// The file.
        file: String,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong there.
        found: Corruption,
        /// What can be done.
        remedy: Remedy,
    },
    /// A segment that is still needed is not there.
    MissingSegment {
        /// Its file name.
        file: String,
    },
    /// A file belongs to another store.
    OtherStore {
        /// The file.
        file: String,
        /// The store that it names.
        found: StoreId,
        /// The store of this folder.
        expected: StoreId,
    },
    /// A file was written by a newer release.
    NewerFormat {
        /// The file.
        file: String,
        /// Its format version.
        found: u32,
        /// The newest version that this release reads.
        known: u32,
    },
    /// The store belongs to a node of another name.
    OtherNode {
        /// The name in the store.
        found: String,
        /// The name that was given.
        expected: String,
    },
    /// The name of the node is empty, too long, or has a line break.
    NodeName {
        /// The name.
        node: String,
    },
    /// There are journal files but the file that says whose they are is gone.
    StoreMissing {
        /// One of the journal files.
        file: String,
    },
    /// A delta is too large for one record.
    RecordTooLarge {
        /// The size of the record, in bytes.
        bytes: usize,
        /// The largest size, in bytes.
        bytes_max: usize,
    },
    /// A snapshot was given up because the node is shutting down.
    Interrupted {
        /// The file that was being written.
        file: String,
    },
}

/// What is wrong with the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// The file or the record does not begin as it must.
    Magic,
    /// A checksum does not fit.
    Checksum,
    /// A length goes beyond the end of the file or is larger than any that is written.
    Length(u64),
    /// The file is shorter or longer than it was made.
    Size {
        /// Its size in bytes.
        found: u64,
        /// The size it must have.
        expected: u64,
    },
    /// A number inside (of a segment, a record or a chunk) is not the one that belongs there.
    Number {
        /// What is numbered.
        what: &'static str,
        /// The number found.
        found: u64,
        /// The number that belongs there.
        expected: u64,
    },
    /// A number is larger than any that was ever given.
    TooLarge(u64),
    /// The checksums fit but the content can't be understood.
    Content(DecodeError),
    /// A text file does not have the lines that it must have.
    Lines,
}

/// What an operator can do about a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A segment is damaged.
    Segment,
    /// A snapshot is damaged.
    Snapshot,
    /// The `store` file is damaged.
    Store,
    /// The `incarnation` file is damaged.
    Incarnation,
    /// The `seats` file is damaged.
    Seats,
}

impl JournalError {
    /// Sorts a failure on the way to the disk: a full disk and too many open files can be waited out,
    /// anything else can't.
    pub(crate) fn failed(action: &'static str, file: &str, error: io::Error) -> Self {
        let (file, source) = (file.to_owned(), Arc::new(error));
        if is_no_space(&source) {
            Self::NoSpace { file, source }
        } else if is_no_descriptor(&source) {
            Self::NoDescriptor { file, source }
        } else {
            Self::Io { action, file, source }
        }
    }

    pub(crate) fn poisoned(action: &'static str, file: &str, error: io::Error) -> Self {
        Self::Poisoned { action, file: file.to_owned(), source: Arc::new(error) }
    }

    /// Whether the same call can succeed once space has been freed.
    #[must_use]
    pub const fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }

    /// Whether the same call can succeed later without a restart: nothing was written that might be torn.
    #[must_use]
    pub const fn can_pass(&self) -> bool {
        matches!(self, Self::NoSpace { .. } | Self::NoDescriptor { .. })
    }
}

/// Whether the system refused for want of space (ENOSPC) or quota (EDQUOT).
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether the process (EMFILE) or the system (ENFILE) has as many files open as it may.
fn is_no_descriptor(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| errno == Errno::MFILE || errno == Errno::NFILE)
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, file, source } => write!(
                f,
                "can't {action} {file}: {source}: check the disk and the rights to the data folder"
            ),
            Self::Locked { folder } => write!(
                f,
                "data folder {folder} is in use by another process: stop that one, or give this node \
                 a folder of its own"
            ),
            Self::NoSpace { file, source } => {
                write!(
                    f,
                    "no space for {file}: {source}: free space on the disk of the data folder"
                )
            }
            Self::NoDescriptor { file, source } => write!(
                f,
                "can't open {file}: {source}: raise the limit of open files (ulimit -n), or allow fewer \
                 connections (--connections-max)"
            ),
            Self::Poisoned { action, file, source } => write!(
                f,
                "can't {action} {file}: {source}, and what reached the disk is unknown: check the disk, then \
                 restart the node"
            ),
            Self::Corrupt { file, offset, found, remedy } => {
                write!(f, "{file} is damaged at byte {offset}: {found}: {remedy}")
            }
            Self::MissingSegment { file } => write!(
                f,
                "{file} is missing: put it back, or start with an empty data folder and let the peers \
                 fill it"
            ),
            Self::OtherStore { file, found, expected } => write!(
                f,
                "{file} belongs to store {found}, this folder is store {expected}: move it to where it \
                 came from"
            ),
            Self::NewerFormat { file, found, known } => write!(
                f,
                "{file} has format version {found}, this release reads up to {known}: run the release \
                 that wrote it, or a newer one"
            ),
            Self::OtherNode { found, expected } => write!(
                f,
                "the data folder belongs to node {found:?}, this node is {expected:?}: give it the \
                 name back, or a folder of its own"
            ),
            Self::NodeName { node } => write!(
                f,
                "node name {node:?} can't be kept: give it 1 to {} bytes without a line break",
                crate::limits::NODE_BYTES_MAX
            ),
            Self::StoreMissing { file } => write!(
                f,
                "there is {file} but no file `store` beside it: restore that file, or start with an \
                 empty data folder"
            ),
            Self::RecordTooLarge { bytes, bytes_max } => write!(
                f,
                "a delta needs a record of {bytes} bytes: split it into several of at most {bytes_max}"
            ),
            Self::Interrupted { file } => {
                write!(f, "{file} was given up at shutdown: the next start will write it again")
            }
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. }
            | Self::NoSpace { source, .. }
            | Self::NoDescriptor { source, .. }
            | Self::Poisoned { source, .. } => Some(&**source),
            Self::Corrupt { found: Corruption::Content(error), .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => write!(f, "it does not begin as it must"),
            Self::Checksum => write!(f, "a checksum does not fit"),
            Self::Length(bytes) => write!(f, "a length of {bytes} bytes is impossible there"),
            Self::Size { found, expected } => {
                write!(f, "it has {found} bytes instead of {expected}")
            }
            Self::Number { what, found, expected } => {
                write!(f, "{what} {found} stands where {expected} belongs")
            }
            Self::TooLarge(found) => {
                write!(f, "number {found} is larger than any that was ever given")
            }
            Self::Content(_) => write!(f, "its content can't be understood"),
            Self::Lines => write!(f, "its lines are not those of a store file"),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Segment => {
                "restore the data folder from a backup, or start with an empty one and let the peers \
                 fill it"
            }
            Self::Snapshot => {
                "if there is an older snapshot, move this one away: the older one and the journal \
                 since hold everything; else restore from a backup or let the peers fill an empty folder"
            }
            Self::Store => "restore the file from a backup of this data folder",
            Self::Incarnation => {
                "remove the file: the node counts its starts anew, and its peers tell it how far it was"
            }
            Self::Seats => {
                "remove the file: the node copies from the other voters before it votes again"
            }
        })
    }
}
