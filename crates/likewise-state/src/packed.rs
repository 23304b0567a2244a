//! Many likes with a number each, packed into one buffer: the shared shape of what travels.
//!
//! ```text
//! version 1
//! entry*:  varint  0 = same post and kind as the entry before; else the post's length in bytes
//!          [post, kind length (0 = the default kind), kind]   unless the same
//!          varint user length, user, varint number
//! ```
//!
//! Entries in a row of one post cost its name once. The packed bytes are what the disk and the wire
//! get, so a batch is encoded once in its life.

use crate::codec::{DecodeCause, DecodeError, Reader, put_kind, put_varint};
use crate::id::{Kind, Like, PostId};

const VERSION: u8 = 1;

/// An append-only list of (like, number).
#[derive(Clone, Debug)]
pub struct Packed {
    bytes: Vec<u8>,
    len: usize,
    /// Where the post of the last entry starts, its length, and that of its kind after it.
    last: Option<(usize, usize, usize)>,
}

impl PartialEq for Packed {
    /// The bytes are all there is; where the last post stands is only remembered.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Packed {}

impl Default for Packed {
    fn default() -> Self {
        Self { bytes: vec![VERSION], len: 0, last: None }
    }
}

impl Packed {
    /// Appends an entry, in time proportional to its bytes.
    pub fn push(&mut self, like: Like<'_>, number: u64) {
        if self.is_same_post_as_last(like) {
            self.bytes.push(0);
        } else {
            let post = like.post.as_str();
            put_varint(&mut self.bytes, post.len() as u64);
            let start = self.bytes.len();
            self.bytes.extend_from_slice(post.as_bytes());
            put_kind(&mut self.bytes, like.kind);
            let kind_len = self.bytes.len() - start - post.len() - 1;
            self.last = Some((start, post.len(), kind_len));
        }
        let user = like.user.as_str();
        put_varint(&mut self.bytes, user.len() as u64);
        self.bytes.extend_from_slice(user.as_bytes());
        put_varint(&mut self.bytes, number);
        self.len += 1;
    }

    fn is_same_post_as_last(&self, like: Like<'_>) -> bool {
        let Some((start, post_len, kind_len)) = self.last else { return false };
        let kind = if like.kind.is_like() { "" } else { like.kind.as_str() };
        let kind_start = start + post_len + 1;
        &self.bytes[start..start + post_len] == like.post.as_str().as_bytes()
            && &self.bytes[kind_start..kind_start + kind_len] == kind.as_bytes()
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The packed form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks all of `bytes` and keeps them; `check` judges each number.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn decode(bytes: Vec<u8>, check: impl Fn(u64) -> bool) -> Result<Self, DecodeError> {
        let mut entries = Entries::new(&bytes)?;
        let mut len = 0;
        while let Some(entry) = entries.read() {
            let (_, number) = entry?;
            if !check(number) {
                return Err(entries.reader.error(DecodeCause::Length(number)));
            }
            len += 1;
        }
        // The next push names its post anew: harmless, and simpler than to remember where this ended.
        Ok(Self { bytes, len, last: None })
    }

    /// The entries, in the order in which they were pushed.
    pub fn iter(&self) -> impl Iterator<Item = (Like<'_>, u64)> {
        let mut entries = Entries::new(&self.bytes).expect("packed bytes start with the version");
        std::iter::from_fn(move || {
            entries.read().map(|entry| entry.expect("packed bytes were checked when they came in"))
        })
    }
}

struct Entries<'a> {
    reader: Reader<'a>,
    post: Option<(PostId<'a>, Kind<'a>)>,
}

impl<'a> Entries<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { reader: Reader::versioned(bytes, VERSION)?, post: None })
    }

    #[inline]
    fn read(&mut self) -> Option<Result<(Like<'a>, u64), DecodeError>> {
        if self.reader.is_at_end() { None } else { Some(self.read_entry()) }
    }

    fn read_entry(&mut self) -> Result<(Like<'a>, u64), DecodeError> {
        match self.reader.varint()? {
            0 => {}
            len => self.post = Some((self.reader.post(len)?, self.reader.kind()?)),
        }
        let (post, kind) =
            self.post.ok_or_else(|| self.reader.error(DecodeCause::NothingBefore))?;
        let user = self.reader.user()?;
        Ok((Like { post, kind, user }, self.reader.varint()?))
    }
}
