//! What a coordinator asks of a voter, and what a voter answers: the bytes of both.
//!
//! ```text
//! coordinator ── Merge {target} ────────> voter      joins it, makes it durable,
//! coordinator <── Merged ──────────────── voter      answers
//!
//! coordinator ── Pull {digest} ─────────> voter      what do you hold of this post?
//! coordinator <── Report {digest, likes} ─ voter     exactly this, and all of it is durable
//! ```
//!
//! Both travel many at a time: see [`Message`](crate::message::Message).

use likewise_state::codec::{DecodeCause, DecodeError, Reader, put_kind, put_varint};
use likewise_state::delta::Delta;
use likewise_state::digest::Digest;
use likewise_state::id::{Kind, PostId, UserId};
use likewise_state::length::CausalLength;

use crate::limits::ROUND_USERS_MAX;
use crate::quorum::request::Subject;

/// The coordinator's number of a question: each has another one, in all its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// What a voter is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Join this, and say when it is durable.
    Merge {
        /// The number of the question.
        id: AskId,
        /// What to join.
        entries: Delta,
    },
    /// Say what you hold of a post.
    Pull {
        /// The number of the question.
        id: AskId,
        /// The post.
        subject: Subject,
        /// What the coordinator holds of it.
        digest: Digest,
        /// Whether to hold back writes to the post for a moment, so that the next answers are the same.
        holds: bool,
        /// How many entries the coordinator takes where the digests differ.
        entries_max: usize,
        /// The users whose lengths it wants.
        users: Vec<String>,
        /// What it holds itself, to be joined first.
        entries: Delta,
    },
    /// It is no longer necessary to hold back writes to a post.
    Release {
        /// The post.
        subject: Subject,
    },
}

/// What a voter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vote {
    /// It is durable here.
    Merged {
        /// The number of the question.
        id: AskId,
    },
    /// This is exactly what is held here, and all of it is durable.
    Report {
        /// The number of the question.
        id: AskId,
        /// The digest of the post.
        digest: Digest,
        /// How many users like it.
        likes: u64,
        /// The lengths of the users that were asked about, in their order.
        lengths: Vec<CausalLength>,
        /// Entries that the coordinator may lack.
        entries: Delta,
    },
}

fn put_bytes(bytes: &mut Vec<u8>, part: &[u8]) {
    put_varint(bytes, part.len() as u64);
    bytes.extend_from_slice(part);
}

fn put_subject(bytes: &mut Vec<u8>, subject: &Subject) {
    put_bytes(bytes, subject.post().as_str().as_bytes());
    put_kind(bytes, subject.kind());
}

fn subject(reader: &mut Reader<'_>) -> Result<Subject, DecodeError> {
    let len = reader.varint()?;
    let post: PostId<'_> = reader.post(len)?;
    let kind: Kind<'_> = reader.kind()?;
    Ok(Subject::new(post, kind))
}

fn delta(reader: &mut Reader<'_>) -> Result<Delta, DecodeError> {
    let len = reader.varint()?;
    Delta::decode(reader.bytes(len)?.to_vec())
}

impl Ask {
    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Merge { id, entries } => {
                bytes.push(1);
                put_varint(bytes, id.0);
                put_bytes(bytes, entries.as_bytes());
            }
            Self::Pull { id, subject, digest, holds, entries_max, users, entries } => {
                bytes.push(2);
                put_varint(bytes, id.0);
                put_subject(bytes, subject);
                bytes.extend_from_slice(&digest.to_bytes());
                bytes.push(u8::from(*holds));
                put_varint(bytes, *entries_max as u64);
                put_varint(bytes, users.len() as u64);
                users.iter().for_each(|user| put_bytes(bytes, user.as_bytes()));
                put_bytes(bytes, entries.as_bytes());
            }
            Self::Release { subject } => {
                bytes.push(3);
                put_subject(bytes, subject);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.byte()? {
            1 => Ok(Self::Merge { id: AskId(reader.varint()?), entries: delta(reader)? }),
            2 => {
                let (id, subject) = (AskId(reader.varint()?), subject(reader)?);
                let digest = Digest::from_bytes(reader.array()?);
                let holds = reader.byte()? != 0;
                let entries_max = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
                let mut users = Vec::new();
                let count = reader.varint()?;
                if count > ROUND_USERS_MAX as u64 {
                    return Err(reader.error(DecodeCause::NumberTooLarge));
                }
                for _ in 0..count {
                    let user: UserId<'_> = reader.user()?;
                    users.push(user.as_str().to_owned());
                }
                let entries = delta(reader)?;
                Ok(Self::Pull { id, subject, digest, holds, entries_max, users, entries })
            }
            3 => Ok(Self::Release { subject: subject(reader)? }),
            found => Err(reader.error(DecodeCause::UnknownVersion { found, known: 3 })),
        }
    }
}

impl Vote {
    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Merged { id } => {
                bytes.push(1);
                put_varint(bytes, id.0);
            }
            Self::Report { id, digest, likes, lengths, entries } => {
                bytes.push(2);
                put_varint(bytes, id.0);
                bytes.extend_from_slice(&digest.to_bytes());
                put_varint(bytes, *likes);
                put_varint(bytes, lengths.len() as u64);
                lengths.iter().for_each(|length| put_varint(bytes, u64::from(length.value())));
                put_bytes(bytes, entries.as_bytes());
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.byte()? {
            1 => Ok(Self::Merged { id: AskId(reader.varint()?) }),
            2 => {
                let id = AskId(reader.varint()?);
                let digest = Digest::from_bytes(reader.array()?);
                let likes = reader.varint()?;
                let mut lengths = Vec::new();
                for _ in 0..reader.varint()? {
                    let value = reader.varint()?;
                    let length = u32::try_from(value).ok().and_then(CausalLength::new);
                    lengths.push(length.ok_or_else(|| reader.error(DecodeCause::Length(value)))?);
                }
                Ok(Self::Report { id, digest, likes, lengths, entries: delta(reader)? })
            }
            found => Err(reader.error(DecodeCause::UnknownVersion { found, known: 2 })),
        }
    }
}
