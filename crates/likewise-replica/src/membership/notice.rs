//! What members tell each other over links, beside the gossip: packets get lost and hold little, so a view
//! of the cluster could keep a hole for ever. A link carries it whole.
//!
//! ```text
//! version 1
//! 1  members: each id, incarnation and state as in gossip, and whether it left by itself
//! 2  leaving: the sender is about to go, and need not be missed
//! 3  forget:  id, incarnation; this member will not come back in that life
//! ```

use bytes::{Buf, BufMut};
use foca::Member;

use super::identity::{GossipError, Identity, put_member, read_member};
use crate::limits::MEMBERS_MAX;
use crate::member::NodeId;

const VERSION: u8 = 1;

/// Something to tell over a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// All that the sender knows, itself included; with whether each has left by itself.
    Members(Vec<(Member<Identity>, bool)>),
    /// The sender is about to go.
    Leaving(Identity),
    /// An operator says that this member will not come back.
    Forget { node: NodeId, incarnation: u64 },
}

impl Notice {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match self {
            Self::Members(members) => {
                bytes.push(1);
                for (member, left) in members.iter().take(MEMBERS_MAX) {
                    put_member(&mut bytes, member);
                    bytes.push(u8::from(*left));
                }
            }
            Self::Leaving(identity) => {
                bytes.push(2);
                put_member(&mut bytes, &Member::down(*identity));
            }
            Self::Forget { node, incarnation } => {
                bytes.push(3);
                bytes.put_u64_le(node.0);
                bytes.put_u64_le(*incarnation);
            }
        }
        bytes
    }

    /// Reads what [`Self::encode`] made. Of more members than [`MEMBERS_MAX`] the rest is left unread.
    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self, GossipError> {
        match byte(&mut bytes)? {
            VERSION => {}
            version => return Err(GossipError::Tag(version)),
        }
        Ok(match byte(&mut bytes)? {
            1 => {
                let mut members = Vec::new();
                while !bytes.is_empty() && members.len() < MEMBERS_MAX {
                    let member = read_member(&mut bytes)?;
                    members.push((member, byte(&mut bytes)? != 0));
                }
                Self::Members(members)
            }
            2 => Self::Leaving(*read_member(&mut bytes)?.id()),
            3 => {
                let mut number = || bytes.try_get_u64_le().map_err(|_| GossipError::Short);
                Self::Forget { node: NodeId(number()?), incarnation: number()? }
            }
            tag => return Err(GossipError::Tag(tag)),
        })
    }
}

fn byte(bytes: &mut &[u8]) -> Result<u8, GossipError> {
    bytes.try_get_u8().map_err(|_| GossipError::Short)
}
