//! Everything that a replica can want done.

use std::time::Duration;

use likewise_state::delta::Delta;

use crate::member::LinkId;
use crate::quorum::request::{Agreed, Shortfall};
use crate::trace::TraceContext;
use crate::write::{Outcome, Refusal, RequestId};

/// The number of a batch: 1, 2, 3 and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchId(pub u64);

/// Something to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Make this durable, then say [`Persisted`](crate::input::Input::Persisted). An empty delta asks only
    /// whether all batches before it are durable.
    Persist {
        /// The number of the batch, one more than that of the batch before.
        batch: BatchId,
        /// What to keep.
        delta: Delta,
        /// What to keep of the voters' seats, in place of what was kept before, once the delta is durable;
        /// the next start hands it back. Only of a voter, and only where it has changed.
        seats: Option<Vec<u8>>,
    },
    /// Send this to the other end of a link.
    Send {
        /// The link.
        link: LinkId,
        /// An encoded [`Message`](crate::message::Message).
        message: Vec<u8>,
    },
    /// Close a link, and say why in the log. Say
    /// [`LinkClosed`](crate::input::Input::LinkClosed) when it is done.
    Close {
        /// The link.
        link: LinkId,
        /// Why.
        reason: String,
    },
    /// Say in the traces of these writes that they are durable here too: a span for each.
    Applied {
        /// The name of the peer that mailed them.
        peer: String,
        /// When they came, by the time that inputs are handed in with.
        since: Duration,
        /// Where each belongs.
        contexts: Vec<TraceContext>,
    },
    /// Tell the client.
    Answer {
        /// The request.
        request: RequestId,
        /// What came of it.
        answer: Answer,
    },
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// What came of each write, in their order. All of it is durable.
    Done(Vec<Outcome>),
    /// A majority of the voters stands behind this.
    Agreed(Agreed),
    /// Too few of them have answered in time, or never alike.
    Short(Shortfall),
    /// The write was not done, and will not be.
    Refused(Refusal),
    /// There are no voters: the replica was not told of any.
    NoVoters,
    /// Too much is waiting for the disk: nothing was done, and the client should come again.
    Overloaded,
    /// The journal can't take writes. Nothing was done, or what was done may yet be lost: the client
    /// should repeat the request, which is safe.
    Unavailable,
}
