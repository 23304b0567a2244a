//! What clients ask of a post, and what they are told.

use std::collections::BTreeSet;
use std::fmt;

/// What a client asked of one post. Users are small numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A write with `seen`: joins the length of a like with a target that the client has chosen.
    Raise {
        /// Whose like.
        user: usize,
        /// The target.
        to: u32,
    },
    /// A write without `seen`: moves a like on by one, unless it is already as it should be.
    Set {
        /// Whose like.
        user: usize,
        /// What it should be.
        liked: bool,
    },
    /// How often a like has changed: is-liked.
    Version {
        /// Whose like.
        user: usize,
    },
    /// How many like the post.
    Count,
    /// Who likes the post.
    List,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Call::Raise`].
    Done,
    /// To [`Call::Set`] the length that the like has now, to [`Call::Version`] the one that it has.
    Version(u32),
    /// To [`Call::Count`].
    Count(u64),
    /// To [`Call::List`]: the users at odd lengths.
    List(BTreeSet<usize>),
}

impl Call {
    /// Whose like this is about; `None` where it is about all of them.
    pub(crate) fn user(&self) -> Option<usize> {
        match *self {
            Self::Raise { user, .. } | Self::Set { user, .. } | Self::Version { user } => {
                Some(user)
            }
            Self::Count | Self::List => None,
        }
    }

    /// Whether it may change something.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Raise { .. } | Self::Set { .. })
    }

    /// Whether this is a reply to such a call.
    pub(crate) fn is_answered_by(&self, reply: &Reply) -> bool {
        match self {
            Self::Raise { .. } => matches!(reply, Reply::Done),
            Self::Set { .. } | Self::Version { .. } => matches!(reply, Reply::Version(_)),
            Self::Count => matches!(reply, Reply::Count(_)),
            Self::List => matches!(reply, Reply::List(_)),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raise { user, to } => write!(f, "raise user {user} to {to}"),
            Self::Set { user, liked: true } => write!(f, "like by user {user}"),
            Self::Set { user, liked: false } => write!(f, "unlike by user {user}"),
            Self::Version { user } => write!(f, "version of user {user}"),
            Self::Count => f.write_str("count"),
            Self::List => f.write_str("list"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Version(length) => write!(f, "version {length}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::List(users) => write!(f, "{users:?}"),
        }
    }
}
