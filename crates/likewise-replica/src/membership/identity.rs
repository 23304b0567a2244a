//! What the gossip says of a node in a few bytes: who it is, which of its lives it is in, where it is.
//!
//! Two identities are about the same node if they have the same [`NodeId`], whatever their addresses; the
//! one of the later incarnation is true. Whoever knows only an address speaks to *whoever is there*, which
//! only an announcement may.

use std::net::{IpAddr, SocketAddr};

use bytes::{Buf, BufMut};
use foca::{Codec, Header, Member, Message, State};

use crate::limits::GOSSIP_BYTES_MAX;
use crate::member::NodeId;

/// Stands for whoever is at an address. No node has this id.
const WHOEVER: NodeId = NodeId(0);

/// A node in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which node.
    pub node: NodeId,
    /// Which of its lives: grows with each start, and when the node learns that it was taken for dead.
    pub incarnation: u64,
    /// Where it takes gossip and links.
    pub address: SocketAddr,
}

impl Identity {
    pub(super) const fn whoever(address: SocketAddr) -> Self {
        Self { node: WHOEVER, incarnation: 0, address }
    }
}

/// What the identities of one node have in common.
pub struct SameNode(NodeId);

impl PartialEq for SameNode {
    /// Whoever is at an address may be anybody: the packet got there, which is all that was asked for.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.0 == WHOEVER || other.0 == WHOEVER
    }
}

impl foca::Identity for Identity {
    type Addr = SameNode;

    /// Membership renews it itself: it knows how far to go.
    fn renew(&self) -> Option<Self> {
        None
    }

    fn addr(&self) -> SameNode {
        SameNode(self.node)
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        // Equal incarnations at two addresses are twins. One of them must lose, and the same one everywhere.
        (self.incarnation, self.address) > (adversary.incarnation, adversary.address)
    }
}

/// Why bytes are no gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GossipError {
    /// They end too early, or there is no room for more.
    Short,
    /// A tag that means nothing.
    Tag(u8),
    /// A member without an id.
    Nobody,
    /// They go on where they should end.
    TooLong,
}

impl std::fmt::Display for GossipError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short => write!(f, "the packet is cut off or full"),
            Self::Tag(tag) => write!(f, "tag {tag} means nothing in this version"),
            Self::Nobody => write!(f, "a member has no id"),
            Self::TooLong => write!(f, "the packet goes on where it should end"),
        }
    }
}

impl std::error::Error for GossipError {}

/// The bytes of gossip, version 1. All numbers are little-endian.
pub(super) struct Bytes;

impl Codec<Identity> for Bytes {
    type Error = GossipError;

    fn encode_header(
        &mut self,
        header: &Header<Identity>,
        mut buf: impl BufMut,
    ) -> Result<(), GossipError> {
        let mut bytes = Vec::with_capacity(128);
        put_identity(&mut bytes, &header.src);
        bytes.put_u16_le(header.src_incarnation);
        put_identity(&mut bytes, &header.dst);
        put_message(&mut bytes, &header.message);
        put_whole(&bytes, &mut buf)
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<Identity>, GossipError> {
        let src = member(identity(&mut buf)?)?;
        let src_incarnation = u16_of(&mut buf)?;
        let dst = identity(&mut buf)?;
        let message = message(&mut buf)?;
        Ok(Header { src, src_incarnation, dst, message })
    }

    fn encode_member(
        &mut self,
        member: &Member<Identity>,
        mut buf: impl BufMut,
    ) -> Result<(), GossipError> {
        let mut bytes = Vec::with_capacity(48);
        put_member(&mut bytes, member);
        put_whole(&bytes, &mut buf)
    }

    fn decode_member(&mut self, buf: impl Buf) -> Result<Member<Identity>, GossipError> {
        read_member(buf)
    }
}

/// Checks all of a packet: header, number of members, members, and nothing after them. No node of any release
/// announces itself together with members, or sends broadcasts.
pub(super) fn check_packet(packet: &[u8]) -> Result<(), GossipError> {
    if packet.len() > GOSSIP_BYTES_MAX {
        return Err(GossipError::TooLong);
    }
    let mut buf = packet;
    let header = Bytes.decode_header(&mut buf)?;
    let has_members = !matches!(header.message, Message::Announce | Message::Broadcast);
    if has_members && !buf.is_empty() {
        // foca's own, and so big-endian.
        let members = array(&mut buf).map(u16::from_be_bytes)?;
        for _ in 0..members {
            read_member(&mut buf)?;
        }
    }
    if buf.is_empty() { Ok(()) } else { Err(GossipError::TooLong) }
}

/// Appends a member.
pub(super) fn put_member(bytes: &mut Vec<u8>, member: &Member<Identity>) {
    put_identity(bytes, member.id());
    bytes.put_u16_le(member.incarnation());
    bytes.put_u8(match member.state() {
        State::Alive => 0,
        State::Suspect => 1,
        State::Down => 2,
    });
}

/// Reads what [`put_member`] appended.
pub(super) fn read_member(mut buf: impl Buf) -> Result<Member<Identity>, GossipError> {
    let id = member(identity(&mut buf)?)?;
    let incarnation = u16_of(&mut buf)?;
    let state = match u8_of(&mut buf)? {
        0 => State::Alive,
        1 => State::Suspect,
        2 => State::Down,
        tag => return Err(GossipError::Tag(tag)),
    };
    Ok(Member::new(id, incarnation, state))
}

fn put_whole(bytes: &[u8], buf: &mut impl BufMut) -> Result<(), GossipError> {
    if buf.remaining_mut() < bytes.len() {
        return Err(GossipError::Short);
    }
    buf.put_slice(bytes);
    Ok(())
}

fn put_identity(bytes: &mut Vec<u8>, identity: &Identity) {
    bytes.put_u64_le(identity.node.0);
    bytes.put_u64_le(identity.incarnation);
    match identity.address.ip() {
        IpAddr::V4(ip) => {
            bytes.put_u8(4);
            bytes.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.put_u8(6);
            bytes.put_slice(&ip.octets());
        }
    }
    bytes.put_u16_le(identity.address.port());
}

fn put_message(bytes: &mut Vec<u8>, message: &Message<Identity>) {
    let (tag, number, other) = match message {
        Message::Ping(number) => (1, Some(number), None),
        Message::Ack(number) => (2, Some(number), None),
        Message::PingReq { target, probe_number } => (3, Some(probe_number), Some(target)),
        Message::IndirectPing { origin, probe_number } => (4, Some(probe_number), Some(origin)),
        Message::IndirectAck { target, probe_number } => (5, Some(probe_number), Some(target)),
        Message::ForwardedAck { origin, probe_number } => (6, Some(probe_number), Some(origin)),
        Message::Announce => (7, None, None),
        Message::Feed => (8, None, None),
        Message::Gossip => (9, None, None),
        Message::Broadcast => (10, None, None),
        Message::TurnUndead => (11, None, None),
    };
    bytes.put_u8(tag);
    bytes.extend(number);
    if let Some(other) = other {
        put_identity(bytes, other);
    }
}

fn message(buf: &mut impl Buf) -> Result<Message<Identity>, GossipError> {
    let tag = u8_of(buf)?;
    let number = if (1..=6).contains(&tag) { u8_of(buf)? } else { 0 };
    let other = if (3..=6).contains(&tag) { Some(member(identity(buf)?)?) } else { None };
    Ok(match (tag, other) {
        (1, _) => Message::Ping(number),
        (2, _) => Message::Ack(number),
        (3, Some(target)) => Message::PingReq { target, probe_number: number },
        (4, Some(origin)) => Message::IndirectPing { origin, probe_number: number },
        (5, Some(target)) => Message::IndirectAck { target, probe_number: number },
        (6, Some(origin)) => Message::ForwardedAck { origin, probe_number: number },
        (7, _) => Message::Announce,
        (8, _) => Message::Feed,
        (9, _) => Message::Gossip,
        (10, _) => Message::Broadcast,
        (11, _) => Message::TurnUndead,
        _ => return Err(GossipError::Tag(tag)),
    })
}

fn identity(buf: &mut impl Buf) -> Result<Identity, GossipError> {
    let (node, incarnation) = (NodeId(u64_of(buf)?), u64_of(buf)?);
    let ip = match u8_of(buf)? {
        4 => IpAddr::from(array::<4>(buf)?),
        6 => IpAddr::from(array::<16>(buf)?),
        tag => return Err(GossipError::Tag(tag)),
    };
    Ok(Identity { node, incarnation, address: SocketAddr::new(ip, u16_of(buf)?) })
}

/// Refuses [`WHOEVER`] where a node is meant: it would be equal to all.
fn member(identity: Identity) -> Result<Identity, GossipError> {
    if identity.node == WHOEVER { Err(GossipError::Nobody) } else { Ok(identity) }
}

fn array<const N: usize>(buf: &mut impl Buf) -> Result<[u8; N], GossipError> {
    let mut bytes = [0; N];
    buf.try_copy_to_slice(&mut bytes).map_err(|_| GossipError::Short)?;
    Ok(bytes)
}

fn u8_of(buf: &mut impl Buf) -> Result<u8, GossipError> {
    array::<1>(buf).map(|[byte]| byte)
}

fn u16_of(buf: &mut impl Buf) -> Result<u16, GossipError> {
    array(buf).map(u16::from_le_bytes)
}

fn u64_of(buf: &mut impl Buf) -> Result<u64, GossipError> {
    array(buf).map(u64::from_le_bytes)
}
