//! Everything that can happen to a replica.

use std::time::Duration;

use crate::member::{Direction, LinkId, Peer};
use crate::output::BatchId;
use crate::quorum::request::Operation;
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
    /// A client wants this done, and a majority of the voters to stand behind it.
    Coordinate {
        /// Comes back in the answer. The caller gives each request another one.
        request: RequestId,
        /// What is to be done.
        operation: Operation,
        /// How long it may take.
        timeout: Duration,
    },
    /// The journal holds all batches up to this one.
    Persisted {
        /// The last of them.
        batch: BatchId,
    },
    /// There is a link to or from a peer.
    LinkOpened {
        /// The caller gives each link another number.
        link: LinkId,
        /// Who is at the other end.
        peer: Peer,
        /// Who opened it.
        direction: Direction,
    },
    /// A message has come in.
    Received {
        /// The link that it came on.
        link: LinkId,
        /// An encoded [`Message`](crate::message::Message), from a peer that may be anyone's fault.
        message: Vec<u8>,
    },
    /// A link is gone.
    LinkClosed {
        /// The link.
        link: LinkId,
    },
    /// Only time has passed.
    Tick,
    /// There is nobody to catch up with: the node is the first of its cluster, or alone.
    Alone,
    /// The journal can't take anything at present. It keeps what it was given and tries again.
    JournalStalled,
    /// The journal will never take anything again.
    JournalFailed,
}
