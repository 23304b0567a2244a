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
//! Where a write in a frame belongs to a trace, and B has said that it wants to know, right before the frame:
//!
//! ```text
//! A ── Contexts {frame: 7} ──> B   B has a span for each, from here until the frame is durable
//! A ── Delta {frame: 7} ─────> B
//! ```
//!
//! Repair, every few seconds and after every reconnect, between two states that may differ:
//!
//! ```text
//! A ── Compare {root, marks} ───> B
//! A <── Same ──────────────────── B      or, where the roots differ:
//! A <── Slots {marks of slots} ── B
//! A ── Gather {slots} ──────────> B      some slots at a time, of which both hash all entries
//! A ── Sketch {symbols} ────────> B
//! A <── More ──────────────────── B      until the symbols suffice
//! A <── Want {words} ──────────── B      A mails these to B; B mails A what A lacks, on B's own link
//! A <── Whole ─────────────────── B      instead, where a sketch would cost more than the slots
//! ```
//!
//! Votes, where there are voters, at any time and many together; [`crate::quorum`] has the whole story:
//!
//! ```text
//! C ── Ask {Merge, Pull} ───────> V      C coordinates, V is a voter, or both
//! C <── Vote {Merged, Report} ─── V
//! V ── Roll {seats} ────────────> C      over every link, both ways: who sits where, as far as V has heard
//! F ── Copy {digests} ──────────> V      F has no vote yet: V sends it each slot that differs as a whole
//! F <── Copied ────────────────── V      once F has acknowledged all of it
//! ```
//!
//! The marks of groups and slots are a byte of their digests with salt, because on most days they are all
//! that is sent: one in 256 that differ looks the same, and is seen at the next round.

use likewise_state::codec::{DecodeCause, DecodeError, Reader, put_varint};
use likewise_state::delta::Delta;
use likewise_state::digest::Digest;
use likewise_state::slot::SLOTS;

use crate::limits::{BALLOTS_MAX, SYMBOLS_MAX};
use crate::quorum::ballot::{Ask, Vote};
use crate::quorum::seats::Seats;
use crate::trace::{TraceContext, put_contexts, read_contexts};

/// Groups that the slots are compared by first.
pub const GROUPS: usize = 128;

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
        /// Makes the marks of this round, and its words.
        salt: u64,
        /// The digest of everything.
        root: Digest,
        /// The mark of each group.
        marks: Box<[u8; GROUPS]>,
    },
    /// The states are equal.
    Same {
        /// Whether the answering side has caught up itself, or came with data: if not, to hold what it holds
        /// means little.
        settled: bool,
    },
    /// Not now: try again in a moment.
    Busy,
    /// The marks of the slots of the groups that differ.
    Slots {
        /// As in [`Self::Same`].
        settled: bool,
        /// The number of each group and the marks of its slots.
        groups: Vec<(u8, [u8; GROUP_SLOTS])>,
    },
    /// Some slots follow as a sketch.
    Gather {
        /// As in the comparison before.
        salt: u64,
        /// The slots, in ascending order.
        slots: Vec<u16>,
        /// How many entries the sender has in them.
        entries: u64,
    },
    /// Symbols for all entries of these slots.
    Sketch {
        /// The number of the first symbol.
        first: u64,
        /// The symbols.
        symbols: Vec<u64>,
    },
    /// Send symbols up to this number.
    More {
        /// How many there shall be then.
        until: u64,
    },
    /// The difference has been found.
    Want {
        /// What the answering side lacks: the low half of each word. Where two entries share it both are
        /// sent, which does no harm.
        words: Vec<u32>,
        /// How many entries the asking side lacks.
        lacking: u64,
    },
    /// Both sides should send these slots as a whole.
    Whole {
        /// How many entries the answering side will send.
        lacking: u64,
    },
    /// Questions to a voter.
    Ask {
        /// The hash of the list of voters.
        list: u64,
        /// The questions.
        asks: Vec<Ask>,
    },
    /// A voter's answers.
    Vote {
        /// The hash of the list of voters.
        list: u64,
        /// The answers.
        votes: Vec<Vote>,
    },
    /// Who holds the seats, as far as a voter has heard and keeps on its disk.
    Roll {
        /// The hash of the list of voters.
        list: u64,
        /// Whether the sender votes.
        is_active: bool,
        /// The seats.
        seats: Seats,
    },
    /// A voter that has none yet asks another one for all that it holds.
    Copy {
        /// The hash of the list of voters.
        list: u64,
        /// The term of its claim.
        term: u64,
        /// The digest of each slot of the sender.
        digests: Box<[Digest; SLOTS]>,
    },
    /// The asking voter now holds all that the answering one held when it was asked.
    Copied {
        /// The hash of the list of voters.
        list: u64,
        /// The term of the claim for which it was asked.
        term: u64,
        /// Whether the answering voter had a vote when it was asked.
        is_active: bool,
    },
    /// Where the writes of the next frame belong in traces. Only to a peer that wants to know, because others
    /// may not know this message.
    Contexts {
        /// The number of the frame on this link.
        frame: u64,
        /// At most [`CONTEXTS_MAX`](crate::limits::CONTEXTS_MAX).
        contexts: Vec<TraceContext>,
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
            Self::Compare { salt, root, marks } => {
                bytes.extend_from_slice(&salt.to_le_bytes());
                bytes.extend_from_slice(&root.to_bytes());
                bytes.extend_from_slice(marks.as_slice());
            }
            Self::Same { settled } => bytes.push(u8::from(*settled)),
            Self::Busy => {}
            Self::Slots { settled, groups } => {
                bytes.push(u8::from(*settled));
                for (number, marks) in groups {
                    bytes.push(*number);
                    bytes.extend_from_slice(marks);
                }
            }
            Self::Gather { salt, slots, entries } => {
                bytes.extend_from_slice(&salt.to_le_bytes());
                put_varint(&mut bytes, *entries);
                put_ascending(&mut bytes, slots);
            }
            Self::Sketch { first, symbols } => {
                put_varint(&mut bytes, *first);
                symbols.iter().for_each(|symbol| bytes.extend_from_slice(&symbol.to_le_bytes()));
            }
            Self::More { until } => put_varint(&mut bytes, *until),
            Self::Want { words, lacking } => {
                put_varint(&mut bytes, *lacking);
                words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
            }
            Self::Whole { lacking } => put_varint(&mut bytes, *lacking),
            Self::Ask { list, asks } => {
                bytes.extend_from_slice(&list.to_le_bytes());
                asks.iter().for_each(|ask| ask.put(&mut bytes));
            }
            Self::Vote { list, votes } => {
                bytes.extend_from_slice(&list.to_le_bytes());
                votes.iter().for_each(|vote| vote.put(&mut bytes));
            }
            Self::Roll { list, is_active, seats } => {
                bytes.extend_from_slice(&list.to_le_bytes());
                bytes.push(u8::from(*is_active));
                seats.put(&mut bytes);
            }
            Self::Copy { list, term, digests } => {
                bytes.extend_from_slice(&list.to_le_bytes());
                put_varint(&mut bytes, *term);
                digests.iter().for_each(|digest| bytes.extend_from_slice(&digest.to_bytes()));
            }
            Self::Copied { list, term, is_active } => {
                bytes.extend_from_slice(&list.to_le_bytes());
                put_varint(&mut bytes, *term);
                bytes.push(u8::from(*is_active));
            }
            Self::Contexts { frame, contexts } => put_contexts(&mut bytes, *frame, contexts),
        }
        bytes
    }

    #[must_use]
    /// The kind of message, for logs: what it holds may be long.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Delta { .. } => "Delta",
            Self::Chunk { .. } => "Chunk",
            Self::Ack { .. } => "Ack",
            Self::Status { .. } => "Status",
            Self::Compare { .. } => "Compare",
            Self::Same { .. } => "Same",
            Self::Busy => "Busy",
            Self::Slots { .. } => "Slots",
            Self::Gather { .. } => "Gather",
            Self::Sketch { .. } => "Sketch",
            Self::More { .. } => "More",
            Self::Want { .. } => "Want",
            Self::Whole { .. } => "Whole",
            Self::Ask { .. } => "Ask",
            Self::Vote { .. } => "Vote",
            Self::Roll { .. } => "Roll",
            Self::Copy { .. } => "Copy",
            Self::Copied { .. } => "Copied",
            Self::Contexts { .. } => "Contexts",
        }
    }

    const fn tag(&self) -> u8 {
        match self {
            Self::Delta { .. } => 1,
            Self::Chunk { .. } => 2,
            Self::Ack { .. } => 3,
            Self::Status { .. } => 4,
            Self::Compare { .. } => 5,
            Self::Same { .. } => 6,
            Self::Busy => 7,
            Self::Slots { .. } => 8,
            Self::Gather { .. } => 9,
            Self::Sketch { .. } => 10,
            Self::More { .. } => 11,
            Self::Want { .. } => 12,
            Self::Whole { .. } => 13,
            Self::Ask { .. } => 14,
            Self::Vote { .. } => 15,
            Self::Roll { .. } => 16,
            Self::Copy { .. } => 17,
            Self::Copied { .. } => 18,
            Self::Contexts { .. } => 19,
        }
    }

    /// Whether this belongs to finding out what differs: what the figures of repair count.
    #[must_use]
    pub const fn is_repair(&self) -> bool {
        matches!(self.tag(), 5..=13)
    }

    /// Whether this is about votes.
    #[must_use]
    pub const fn is_ballot(&self) -> bool {
        matches!(self.tag(), 14..=18)
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
            6 => Self::Same { settled: reader.byte()? != 0 },
            7 => Self::Busy,
            8 => slots(&mut reader)?,
            9 => gather(&mut reader)?,
            10 => sketch(&mut reader)?,
            11 => Self::More { until: reader.varint()? },
            12 => want(&mut reader)?,
            13 => Self::Whole { lacking: reader.varint()? },
            14 => ask(&mut reader)?,
            15 => vote(&mut reader)?,
            16 => roll(&mut reader)?,
            17 => copy(&mut reader)?,
            18 => copied(&mut reader)?,
            19 => Self::Contexts { frame: reader.varint()?, contexts: read_contexts(&mut reader)? },
            tag => {
                return Err(reader.error(DecodeCause::UnknownVersion { found: tag, known: 19 }));
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
    let salt = u64::from_le_bytes(reader.array()?);
    let root = Digest::from_bytes(reader.array()?);
    Ok(Message::Compare { salt, root, marks: Box::new(reader.array()?) })
}

fn slots(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let settled = reader.byte()? != 0;
    let mut groups: Vec<(u8, [u8; GROUP_SLOTS])> = Vec::new();
    while !reader.is_at_end() {
        let number = reader.byte()?;
        // Ascending, so that no slot comes twice.
        let is_next = groups.last().is_none_or(|&(last, _)| last < number);
        if usize::from(number) >= GROUPS || !is_next {
            return Err(reader.error(DecodeCause::NumberTooLarge));
        }
        groups.push((number, reader.array()?));
    }
    Ok(Message::Slots { settled, groups })
}

fn gather(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let salt = u64::from_le_bytes(reader.array()?);
    let entries = reader.varint()?;
    Ok(Message::Gather { salt, slots: ascending(reader)?, entries })
}

fn sketch(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let first = reader.varint()?;
    let mut symbols = Vec::new();
    while !reader.is_at_end() {
        symbols.push(u64::from_le_bytes(reader.array()?));
    }
    if first.saturating_add(symbols.len() as u64) > SYMBOLS_MAX as u64 {
        return Err(reader.error(DecodeCause::NumberTooLarge));
    }
    Ok(Message::Sketch { first, symbols })
}

fn want(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let lacking = reader.varint()?;
    let mut words = Vec::new();
    while !reader.is_at_end() {
        words.push(u32::from_le_bytes(reader.array()?));
    }
    Ok(Message::Want { words, lacking })
}

fn list(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    Ok(u64::from_le_bytes(reader.array()?))
}

fn ask(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let list = list(reader)?;
    Ok(Message::Ask { list, asks: ballots(reader, Ask::read)? })
}

fn vote(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let list = list(reader)?;
    Ok(Message::Vote { list, votes: ballots(reader, Vote::read)? })
}

fn ballots<T>(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut ballots = Vec::new();
    while !reader.is_at_end() {
        if ballots.len() >= BALLOTS_MAX {
            return Err(reader.error(DecodeCause::NumberTooLarge));
        }
        ballots.push(read(reader)?);
    }
    Ok(ballots)
}

fn roll(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let (list, is_active) = (list(reader)?, reader.byte()? != 0);
    Ok(Message::Roll { list, is_active, seats: Seats::read(reader)? })
}

fn copy(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let (list, term) = (list(reader)?, reader.varint()?);
    let mut digests = Box::new([Digest::default(); SLOTS]);
    for digest in digests.iter_mut() {
        *digest = Digest::from_bytes(reader.array()?);
    }
    Ok(Message::Copy { list, term, digests })
}

fn copied(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let (list, term) = (list(reader)?, reader.varint()?);
    Ok(Message::Copied { list, term, is_active: reader.byte()? != 0 })
}
