//! What replicas say to each other. Each direction of a pair has a link of its own: the node that opened
//! it asks and tells, the other one answers.
//!
//! The live path, as long as both are up:
//!
//! ```text
//! A ── Delta {frame: 7} ──> B      merged, made durable,
//! A <── Ack {frame: 7} ──── B      acknowledged: all frames up to 7
//! ```
//!
//! Repair, every few seconds and after every reconnect, between two states that may differ:
//!
//! ```text
//! A ── Compare {root, groups} ──> B
//! A <── Same ──────────────────── B      or, where the roots differ:
//! A <── Slots {those of groups} ─ B
//! A ── Sketch {slots, symbols} ─> B      some slots at a time
//! A <── More ──────────────────── B      until the symbols suffice
//! A <── Want {hashes} ─────────── B      A mails these to B; B mails A what A lacks, on B's own link
//! A <── Whole ─────────────────── B      instead, where a sketch would cost more than the slots
//! ```

use likewise_state::codec::{DecodeCause, DecodeError, Reader, put_varint};
use likewise_state::delta::Delta;
use likewise_state::digest::Digest;
use likewise_state::sketch::Symbol;
use likewise_state::slot::SLOTS;

use crate::limits::SYMBOLS_MAX;

/// Groups that the slots are compared by first.
pub const GROUPS: usize = 32;

/// Slots of a group.
pub const GROUP_SLOTS: usize = SLOTS / GROUPS;

/// Something that one replica tells another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Entries: the live path, and what repair found missing.
    Delta {
        /// The number of the frame on this link.
        frame: u64,
        /// The entries.
        delta: Delta,
    },
    /// A piece of whole slots.
    Chunk {
        /// The number of the frame on this link.
        frame: u64,
        /// Whether a new stream of chunks begins, in which no user has been named.
        first: bool,
        /// The piece.
        chunk: Vec<u8>,
    },
    /// All frames up to this one are durable here.
    Ack {
        /// The last of them.
        frame: u64,
    },
    /// What the sender's state comes to.
    Status {
        /// The digest of all of it.
        root: Digest,
    },
    /// Begins a repair.
    Compare {
        /// The digest of everything.
        root: Digest,
        /// 32 bits of the digest of each group.
        groups: Box<[u32; GROUPS]>,
    },
    /// The states are equal.
    Same,
    /// Not now: try again in a moment.
    Busy,
    /// 16 bits of the digest of each slot of the groups that differ.
    Slots {
        /// Number and slots of each group.
        groups: Vec<(u8, [u16; GROUP_SLOTS])>,
    },
    /// Symbols for all entries of some slots.
    Sketch {
        /// The slots, in ascending order.
        slots: Vec<u16>,
        /// What the hashes are salted with.
        salt: u64,
        /// How many entries the sender has in these slots.
        entries: u64,
        /// The number of the first symbol.
        first: u64,
        /// The symbols.
        symbols: Vec<Symbol>,
    },
    /// Send symbols up to this number.
    More {
        /// How many there shall be then.
        until: u64,
    },
    /// The difference has been found.
    Want {
        /// What the answering side lacks, by salted hash.
        hashes: Vec<u64>,
        /// How many entries the asking side lacks.
        lacking: u64,
    },
    /// Both sides should send these slots as a whole.
    Whole {
        /// How many entries the answering side will send.
        lacking: u64,
    },
}

impl Message {
    /// The message as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.tag()];
        match self {
            Self::Delta { frame, delta } => {
                put_varint(&mut bytes, *frame);
                bytes.extend_from_slice(delta.as_bytes());
            }
            Self::Chunk { frame, first, chunk } => {
                put_varint(&mut bytes, *frame);
                bytes.push(u8::from(*first));
                bytes.extend_from_slice(chunk);
            }
            Self::Ack { frame } => put_varint(&mut bytes, *frame),
            Self::Status { root } => bytes.extend_from_slice(&root.to_bytes()),
            Self::Compare { root, groups } => {
                bytes.extend_from_slice(&root.to_bytes());
                groups.iter().for_each(|group| bytes.extend_from_slice(&group.to_le_bytes()));
            }
            Self::Same | Self::Busy => {}
            Self::Slots { groups } => {
                for (number, slots) in groups {
                    bytes.push(*number);
                    slots.iter().for_each(|slot| bytes.extend_from_slice(&slot.to_le_bytes()));
                }
            }
            Self::Sketch { slots, salt, entries, first, symbols } => {
                put_ascending(&mut bytes, slots);
                bytes.extend_from_slice(&salt.to_le_bytes());
                put_varint(&mut bytes, *entries);
                put_varint(&mut bytes, *first);
                for (index, symbol) in (*first as usize..).zip(symbols) {
                    symbol.encode(index, *entries as usize, &mut bytes);
                }
            }
            Self::More { until } => put_varint(&mut bytes, *until),
            Self::Want { hashes, lacking } => {
                put_varint(&mut bytes, *lacking);
                hashes.iter().for_each(|hash| bytes.extend_from_slice(&hash.to_le_bytes()));
            }
            Self::Whole { lacking } => put_varint(&mut bytes, *lacking),
        }
        bytes
    }

    const fn tag(&self) -> u8 {
        match self {
            Self::Delta { .. } => 1,
            Self::Chunk { .. } => 2,
            Self::Ack { .. } => 3,
            Self::Status { .. } => 4,
            Self::Compare { .. } => 5,
            Self::Same => 6,
            Self::Busy => 7,
            Self::Slots { .. } => 8,
            Self::Sketch { .. } => 9,
            Self::More { .. } => 10,
            Self::Want { .. } => 11,
            Self::Whole { .. } => 12,
        }
    }

    /// Whether this belongs to finding out what differs: what the figures of repair count.
    #[must_use]
    pub const fn is_repair(&self) -> bool {
        self.tag() >= 5
    }

    /// Reads what [`Self::encode`] made, checking all of it.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = match reader.byte()? {
            1 => {
                let frame = reader.varint()?;
                Self::Delta { frame, delta: Delta::decode(reader.rest().to_vec())? }
            }
            2 => {
                let frame = reader.varint()?;
                let first = reader.byte()? != 0;
                Self::Chunk { frame, first, chunk: reader.rest().to_vec() }
            }
            3 => Self::Ack { frame: reader.varint()? },
            4 => Self::Status { root: Digest::from_bytes(reader.array()?) },
            5 => compare(&mut reader)?,
            6 => Self::Same,
            7 => Self::Busy,
            8 => slots(&mut reader)?,
            9 => sketch(&mut reader)?,
            10 => Self::More { until: reader.varint()? },
            11 => want(&mut reader)?,
            12 => Self::Whole { lacking: reader.varint()? },
            tag => {
                return Err(reader.error(DecodeCause::UnknownVersion { found: tag, known: 12 }));
            }
        };
        if reader.is_at_end() {
            Ok(message)
        } else {
            Err(reader.error(DecodeCause::NumberTooLarge))
        }
    }
}

/// Appends ascending numbers as gaps, their count first.
fn put_ascending(bytes: &mut Vec<u8>, numbers: &[u16]) {
    put_varint(bytes, numbers.len() as u64);
    let mut next = 0;
    for &number in numbers {
        put_varint(bytes, u64::from(number - next));
        next = number + 1;
    }
}

fn ascending(reader: &mut Reader<'_>) -> Result<Vec<u16>, DecodeError> {
    let mut numbers = Vec::new();
    let mut next = 0u64;
    for _ in 0..reader.varint()? {
        let number = next.saturating_add(reader.varint()?);
        if number >= SLOTS as u64 {
            return Err(reader.error(DecodeCause::NumberTooLarge));
        }
        numbers.push(number as u16);
        next = number + 1;
    }
    Ok(numbers)
}

fn compare(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let root = Digest::from_bytes(reader.array()?);
    let mut groups = Box::new([0; GROUPS]);
    for group in groups.iter_mut() {
        *group = u32::from_le_bytes(reader.array()?);
    }
    Ok(Message::Compare { root, groups })
}

fn slots(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let mut groups: Vec<(u8, [u16; GROUP_SLOTS])> = Vec::new();
    while !reader.is_at_end() {
        let number = reader.byte()?;
        // Ascending, so that no slot comes twice.
        let is_next = groups.last().is_none_or(|&(last, _)| last < number);
        if usize::from(number) >= GROUPS || !is_next {
            return Err(reader.error(DecodeCause::NumberTooLarge));
        }
        let mut slots = [0; GROUP_SLOTS];
        for slot in &mut slots {
            *slot = u16::from_le_bytes(reader.array()?);
        }
        groups.push((number, slots));
    }
    Ok(Message::Slots { groups })
}

fn sketch(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let slots = ascending(reader)?;
    let salt = u64::from_le_bytes(reader.array()?);
    let (entries, first) = (reader.varint()?, reader.varint()?);
    if entries > u64::from(u32::MAX) || first > SYMBOLS_MAX as u64 {
        return Err(reader.error(DecodeCause::NumberTooLarge));
    }
    let mut symbols = Vec::new();
    while !reader.is_at_end() {
        let index = first as usize + symbols.len();
        symbols.push(Symbol::decode(index, entries as usize, reader)?);
    }
    Ok(Message::Sketch { slots, salt, entries, first, symbols })
}

fn want(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let lacking = reader.varint()?;
    let mut hashes = Vec::new();
    while !reader.is_at_end() {
        hashes.push(u64::from_le_bytes(reader.array()?));
    }
    Ok(Message::Want { hashes, lacking })
}
