//! The whole state as a stream of bounded pieces: what a snapshot holds.
//!
//! ```text
//! version 1
//! varint   users named for the first time in this stream; each: varint length, id
//! group*:  varint post length, post, kind length (0 = the default kind), kind
//!          varint entries; each: varint (gap to the user number before << 1 | has a length)
//!                                varint length, where it is not 1
//! ```
//!
//! A user's name travels once a stream and is a number afterwards, counted from 0. Within a group the
//! numbers ascend, so that most gaps take a byte or two. A large post is split into groups, which does no
//! harm: groups are merged like everything else. Chunks are read in the order in which they were made.

use crate::codec::{DecodeCause, DecodeError, Reader, put_kind, put_varint};
use crate::id::{ID_BYTES_MAX, Kind, Like, PostId, UserId};
use crate::interner::UserIndex;
use crate::length::CausalLength;
use crate::slot::SLOTS;
use crate::state::State;

const VERSION: u8 = 1;

/// A chunk is closed when it has grown to this many bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// Entries a group: bounds how far a chunk can grow beyond [`CHUNK_BYTES`].
const GROUP_ENTRIES_MAX: usize = 1_024;

/// The largest chunk: a full one and one more group, all of whose users have the longest names.
/// What is larger is refused by whoever reads it.
pub const CHUNK_BYTES_MAX: usize = CHUNK_BYTES + (GROUP_ENTRIES_MAX + 2) * (ID_BYTES_MAX + 16);

const NO_NUMBER: u32 = u32::MAX;

impl State {
    /// The whole state in chunks of at most [`CHUNK_BYTES_MAX`] bytes. Others may write meanwhile: each
    /// slot is as it was at some moment after the start, which is all that merging asks for.
    pub fn chunks(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut stream = ChunkWriter::default();
        let mut ready = Vec::new().into_iter();
        let mut slots = 0..SLOTS;
        std::iter::from_fn(move || {
            loop {
                if let Some(chunk) = ready.next() {
                    return Some(chunk);
                }
                ready = match slots.next() {
                    Some(slot) => stream.slot(self, slot).into_iter(),
                    None => return stream.finish(),
                };
            }
        })
    }
}

/// Makes the chunks of one stream, slot by slot.
#[derive(Default)]
pub struct ChunkWriter {
    /// By user index: the number in this stream.
    numbers: Vec<u32>,
    named: u32,
    chunk: Chunk,
}

#[derive(Default)]
struct Chunk {
    names: u64,
    name_bytes: Vec<u8>,
    groups: Vec<u8>,
}

impl Chunk {
    fn take(&mut self) -> Option<Vec<u8>> {
        if self.groups.is_empty() {
            return None;
        }
        let chunk = std::mem::take(self);
        let mut bytes = vec![VERSION];
        put_varint(&mut bytes, chunk.names);
        bytes.extend_from_slice(&chunk.name_bytes);
        bytes.extend_from_slice(&chunk.groups);
        assert!(bytes.len() <= CHUNK_BYTES_MAX, "a chunk of {} bytes", bytes.len());
        Some(bytes)
    }
}

impl ChunkWriter {
    /// The chunks that one slot fills. What is left over goes into the first chunk of the next slot.
    pub fn slot(&mut self, state: &State, slot: usize) -> Vec<Vec<u8>> {
        let slot = state.copy_slot(slot);
        let mut full = Vec::new();
        for (_, post, kind, likers) in slot.posts() {
            for entries in likers.entries().chunks(GROUP_ENTRIES_MAX) {
                self.group(state, post, kind, entries);
                if self.chunk.groups.len() + self.chunk.name_bytes.len() >= CHUNK_BYTES {
                    full.extend(self.chunk.take());
                }
            }
        }
        full
    }

    /// The last chunk, if anything is left over.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        self.chunk.take()
    }

    fn group(
        &mut self,
        state: &State,
        post: PostId<'_>,
        kind: Kind<'_>,
        entries: &[(UserIndex, CausalLength)],
    ) {
        let mut numbered: Vec<(u32, CausalLength)> =
            entries.iter().map(|&(user, length)| (self.number(state, user), length)).collect();
        numbered.sort_unstable();
        let groups = &mut self.chunk.groups;
        put_varint(groups, post.as_str().len() as u64);
        groups.extend_from_slice(post.as_str().as_bytes());
        put_kind(groups, kind);
        put_varint(groups, numbered.len() as u64);
        let mut last = 0;
        for (number, length) in numbered {
            let has_length = length != CausalLength::LIKED_ONCE;
            put_varint(groups, u64::from(number - last) << 1 | u64::from(has_length));
            if has_length {
                put_varint(groups, u64::from(length.value()));
            }
            last = number;
        }
    }

    fn number(&mut self, state: &State, user: UserIndex) -> u32 {
        let at = user.0 as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, NO_NUMBER);
        }
        if self.numbers[at] == NO_NUMBER {
            self.numbers[at] = self.named;
            self.named += 1;
            self.chunk.names += 1;
            state.users.with_text(user, |text| {
                put_varint(&mut self.chunk.name_bytes, text.len() as u64);
                self.chunk.name_bytes.extend_from_slice(text.as_bytes());
            });
        }
        self.numbers[at]
    }
}

/// Merges the chunks of one stream into a state.
#[derive(Default)]
pub struct ChunkLoader {
    users: Vec<UserIndex>,
}

impl ChunkLoader {
    /// Merges the next chunk into `state`, which must be the same for all chunks, and answers how many
    /// entries it held.
    ///
    /// # Errors
    /// The first thing that is wrong, and where. What stood before it has been merged, which does no
    /// harm: each entry is true by itself.
    pub fn load(&mut self, state: &State, chunk: &[u8]) -> Result<usize, DecodeError> {
        self.load_telling(state, chunk, |_, _| {})
    }

    /// As [`Self::load`], with `new` told of each entry that was news.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_telling(
        &mut self,
        state: &State,
        chunk: &[u8],
        mut new: impl FnMut(Like<'_>, CausalLength),
    ) -> Result<usize, DecodeError> {
        let mut reader = Reader::versioned(chunk, VERSION)?;
        for _ in 0..reader.varint()? {
            self.users.push(state.users.intern(reader.user()?.as_str()));
        }
        let mut entries = 0;
        let mut group = Vec::new();
        while !reader.is_at_end() {
            let len = reader.varint()?;
            let (post, kind) = (reader.post(len)?, reader.kind()?);
            self.read_group(&mut reader, &mut group)?;
            state.merge_post(post, kind, &group, |user, length| {
                state.users.with_text(user, |user| {
                    let user = UserId::new(user).expect("only ids are interned");
                    new(Like { post, kind, user }, length);
                });
            });
            entries += group.len();
        }
        Ok(entries)
    }

    fn read_group(
        &self,
        reader: &mut Reader<'_>,
        group: &mut Vec<(UserIndex, CausalLength)>,
    ) -> Result<(), DecodeError> {
        group.clear();
        let mut number = 0u64;
        for _ in 0..reader.varint()? {
            let head = reader.varint()?;
            number = number.saturating_add(head >> 1);
            let known = usize::try_from(number).ok().and_then(|at| self.users.get(at));
            let user = *known.ok_or_else(|| reader.error(DecodeCause::UnknownUser(number)))?;
            let length = if head & 1 == 1 { reader.length()? } else { CausalLength::LIKED_ONCE };
            group.push((user, length));
        }
        Ok(())
    }
}
