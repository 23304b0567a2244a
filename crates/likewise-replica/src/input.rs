//! Everything that can happen to a replica.

use crate::output::BatchId;
use crate::write::{RequestId, Writes};

/// Something that has happened.
#[derive(Debug)]
pub enum Input {
    /// A client wants these writes done.
    Write {
        /// Comes back in the answer. The caller gives each request another one.
        request: RequestId,
        /// What to write.
        writes: Writes,
    },
    /// The journal holds all batches up to this one.
    Persisted {
        /// The last of them.
        batch: BatchId,
    },
    /// The journal can't take anything at present. It keeps what it was given and tries again.
    JournalStalled,
    /// The journal will never take anything again.
    JournalFailed,
}
