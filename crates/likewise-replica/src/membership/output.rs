//! What membership can want done, and what can happen to a member.

use std::fmt;
use std::net::SocketAddr;

use super::roster::Member;
use crate::member::NodeId;

/// Something that membership wants done, or wants known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this packet.
    Packet {
        /// Where to.
        to: SocketAddr,
        /// At most [`GOSSIP_BYTES_MAX`] bytes.
        packet: Vec<u8>,
    },
    /// Look up the addresses of the seeds and [announce](Membership::announce) to them.
    Seek,
    /// Tell this to all peers that there is a link with.
    Tell {
        /// For [`Membership::told`].
        notice: Vec<u8>,
    },
    /// Something has happened to a member.
    Event(Event),
    /// Another node uses this node's id: a copy of its data folder is in use.
    Twin {
        /// Where it is, if it was heard.
        address: Option<SocketAddr>,
    },
    /// Two living members have one name.
    SameName {
        /// The name.
        name: String,
        /// The ids.
        nodes: [NodeId; 2],
    },
}

/// What has happened to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub what: Happened,
    /// To whom; as it is now.
    pub member: Member,
}

/// What can happen to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It is here, for the first time or again.
    Joined,
    /// There is a link to it, and it has said its name.
    Introduced,
    /// It does not answer.
    Suspected,
    /// It was suspected and lives.
    Recovered,
    /// It is taken for dead.
    Down,
    /// It has gone, as it said.
    Left,
    /// It is in another life, or at another address, without ever having been missed.
    Restarted,
    /// It is no longer waited for.
    Forgotten,
    /// This node was taken for dead and has taken another incarnation.
    Renewed,
}

/// Why a member can't be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgetError {
    /// There is no such member.
    Unknown,
    /// It takes part in the cluster.
    Active,
}

impl Happened {
    /// What happened, in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Introduced => "introduced",
            Self::Suspected => "suspected",
            Self::Recovered => "recovered",
            Self::Down => "down",
            Self::Left => "left",
            Self::Restarted => "restarted",
            Self::Forgotten => "forgotten",
            Self::Renewed => "renewed",
        }
    }
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ForgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => write!(f, "there is no such member: `likewise members` lists them"),
            Self::Active => write!(
                f,
                "the member takes part in the cluster: stop it first, only one that is down or has \
                 left can be forgotten"
            ),
        }
    }
}

impl std::error::Error for ForgetError {}
