//! What a client asks for: likes and unlikes, alone or by the thousand, lengths that a backup holds, and what
//! became of each.

use std::fmt;

use likewise_state::id::Like;
use likewise_state::length::{Action, CausalLength};
use likewise_state::packed::Packed;

use crate::limits::SEEN_AHEAD_MAX;
use crate::trace::TraceContext;

/// The caller's number for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Marks the number of a length in a list of writes: above all numbers of likes and unlikes.
const LENGTH_MARK: u64 = 1 << 40;

/// What one write wants of a like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it is liked, or not, by a client that has seen so much.
    Action(Action, Option<CausalLength>),
    /// That it is at least so long.
    Length(CausalLength),
}

impl Wish {
    /// The length that is aimed at, where the like is at `held`.
    ///
    /// How far ahead a client may be does not bind a length: it is no claim to have seen something here, but an
    /// entry, as another node would send it, and to take in a part of it would make up a state that never was.
    pub(crate) fn target(self, held: CausalLength) -> Result<CausalLength, Refusal> {
        match self {
            Self::Action(action, seen) => target(held, action, seen),
            Self::Length(length) => Ok(length),
        }
    }
}

/// A list of writes in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    packed: Packed,
    trace: Option<TraceContext>,
}

impl Writes {
    /// A list of one write.
    #[must_use]
    pub fn one(like: Like<'_>, action: Action, seen: Option<CausalLength>) -> Self {
        let mut writes = Self::default();
        writes.push(like, action, seen);
        writes
    }

    /// The same writes, as part of a trace.
    #[must_use]
    pub fn traced(mut self, context: TraceContext) -> Self {
        self.trace = Some(context);
        self
    }

    /// Where they belong in a trace.
    pub(crate) const fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Appends a write. With `seen`, the length that the client last saw, the write is a target and may be
    /// repeated by anyone at any time; without, this node's own length stands in.
    pub fn push(&mut self, like: Like<'_>, action: Action, seen: Option<CausalLength>) {
        let seen = seen.map_or(0, |seen| u64::from(seen.value()) + 1);
        self.packed.push(like, seen << 1 | u64::from(action == Action::Like));
    }

    /// Appends that a like is raised to `length`, unless it is there already: how an entry comes back from a
    /// backup. It can't be refused.
    pub fn push_length(&mut self, like: Like<'_>, length: CausalLength) {
        self.packed.push(like, LENGTH_MARK | u64::from(length.value()));
    }

    /// The number of writes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// The bytes that the list takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.packed.as_bytes().len()
    }

    /// The writes, in the order in which they were pushed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Like<'_>, Wish)> {
        self.packed.iter().map(|(like, number)| {
            let length = |number: u64| {
                let length = u32::try_from(number).ok().and_then(CausalLength::new);
                length.expect("only lengths are pushed")
            };
            if number & LENGTH_MARK != 0 {
                return (like, Wish::Length(length(number ^ LENGTH_MARK)));
            }
            let action = if number & 1 == 1 { Action::Like } else { Action::Unlike };
            (like, Wish::Action(action, (number >> 1).checked_sub(1).map(length)))
        })
    }
}

/// What came of one write.
pub type Outcome = Result<Written, Refusal>;

/// A write that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The length of the like now. It may be beyond the target: then the user has changed their mind since.
    pub length: CausalLength,
    /// Whether this write changed anything here.
    pub changed: bool,
    /// How many users like the post now.
    pub likes: u64,
}

/// A write that was not done, and will not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client claims to have seen a length that is too far ahead.
    SeenTooFar {
        /// What the client claims.
        seen: CausalLength,
        /// What this node holds.
        held: CausalLength,
    },
    /// The like has changed as often as a like can.
    Frozen,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeenTooFar { seen, held } => write!(
                f,
                "seen is {seen}, which is more than {SEEN_AHEAD_MAX} ahead of version {held} that this node holds: send the version that an answer gave you"
            ),
            Self::Frozen => write!(
                f,
                "the like has reached version {}, the largest: it stays as it is",
                CausalLength::MAX
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// The length that a write aims at, where the like is at `held`.
pub(crate) fn target(
    held: CausalLength,
    action: Action,
    seen: Option<CausalLength>,
) -> Result<CausalLength, Refusal> {
    let seen = seen.unwrap_or(held);
    if seen.value().saturating_sub(held.value()) > SEEN_AHEAD_MAX {
        return Err(Refusal::SeenTooFar { seen, held });
    }
    seen.target(action).ok_or(Refusal::Frozen)
}
