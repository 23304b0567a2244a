//! User ids, each kept once a node: text to a number of 32 bits and back.
//!
//! Sharded, so that a table that grows holds up one sixty-fourth of the users at most. A shard keeps its
//! texts end to end in chunks that never move (a buffer that grows by copying leaves holes behind that
//! cost as much as the texts), and remembers where every fourth of them starts: a quarter of the offsets,
//! and at most three short steps to find a text.

use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::state::TableKey;

/// A user on this node, and on this node only: numbers are given in order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserIndex(pub(crate) u32);

const SHARD_BITS: u32 = 6;
const SHARDS: u32 = 1 << SHARD_BITS;

/// How many users a shard can number: 67 million, 4.3 billion in all. A node that would hold more stops
/// with a message; it would need more than 100 GB for their names by then.
const SHARD_USERS_MAX: u32 = 1 << (32 - SHARD_BITS);

const TEXTS_AN_OFFSET: u32 = 4;

/// Bytes of a chunk of texts. A text lies in one chunk: what is left at the end of one stays empty.
const CHUNK_BYTES: usize = 4 << 10;

/// All users that this node has heard of.
pub(crate) struct Users {
    key: TableKey,
    shards: Box<[RwLock<Shard>]>,
}

#[derive(Default)]
struct Shard {
    texts: Texts,
    table: HashTable<u32>,
}

/// Texts by number, each behind its length: one byte below 128, else two.
#[derive(Default)]
struct Texts {
    chunks: Vec<Box<[u8]>>,
    /// Where the next text goes: in bytes, as if the chunks were one buffer.
    end: usize,
    /// Where every fourth text starts.
    offsets: Vec<u32>,
    len: u32,
}

impl Users {
    pub(crate) fn new(key: TableKey) -> Self {
        Self { key, shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }

    /// The number of `text`, where it has one. O(1).
    pub(crate) fn find(&self, text: &str) -> Option<UserIndex> {
        let hash = self.key.hash(text.as_bytes());
        let shard = self.shards[shard_of(hash)].read();
        shard.find(hash, text).map(|local| index(shard_of(hash), local))
    }

    /// The number of `text`, which gets one if it has none. O(1) amortised.
    pub(crate) fn intern(&self, text: &str) -> UserIndex {
        let hash = self.key.hash(text.as_bytes());
        let lock = &self.shards[shard_of(hash)];
        let found = lock.read().find(hash, text);
        let local = found.unwrap_or_else(|| lock.write().intern(hash, text, &self.key));
        index(shard_of(hash), local)
    }

    /// Calls `read` with the text of `user`. O(1).
    pub(crate) fn with_text<T>(&self, user: UserIndex, read: impl FnOnce(&str) -> T) -> T {
        let shard = self.shards[(user.0 % SHARDS) as usize].read();
        read(as_text(shard.texts.get(user.0 >> SHARD_BITS)))
    }

    /// Calls `read` with the text of each of `users`, shard by shard: one lock a shard, not a user.
    pub(crate) fn with_texts(&self, users: &mut [UserIndex], mut read: impl FnMut(&str)) {
        users.sort_unstable_by_key(|user| (user.0 % SHARDS, user.0));
        for group in users.chunk_by(|a, b| a.0 % SHARDS == b.0 % SHARDS) {
            let shard = self.shards[(group[0].0 % SHARDS) as usize].read();
            for user in group {
                read(as_text(shard.texts.get(user.0 >> SHARD_BITS)));
            }
        }
    }

    /// How many users there are. O(1).
    pub(crate) fn len(&self) -> u64 {
        self.shards.iter().map(|shard| u64::from(shard.read().texts.len)).sum()
    }
}

/// The top bits choose the shard: those below it choose the place in the shard's table.
fn shard_of(hash: u64) -> usize {
    (hash >> (64 - SHARD_BITS)) as usize
}

fn index(shard: usize, local: u32) -> UserIndex {
    UserIndex(local << SHARD_BITS | shard as u32)
}

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("only UTF-8 is interned")
}

impl Shard {
    fn find(&self, hash: u64, text: &str) -> Option<u32> {
        self.table.find(hash, |&local| self.texts.get(local) == text.as_bytes()).copied()
    }

    fn intern(&mut self, hash: u64, text: &str, key: &TableKey) -> u32 {
        if let Some(local) = self.find(hash, text) {
            return local;
        }
        let local = self.texts.push(text.as_bytes());
        let Self { texts, table } = self;
        table.insert_unique(hash, local, |&local| key.hash(texts.get(local)));
        local
    }
}

impl Texts {
    fn push(&mut self, text: &[u8]) -> u32 {
        assert!(self.len < SHARD_USERS_MAX, "this node has heard of 4 billion users, its limit");
        let mut head = [text.len() as u8, 0];
        let mut head_len = 1;
        if text.len() >= 128 {
            head = [text.len() as u8 | 0x80, (text.len() >> 7) as u8];
            head_len = 2;
        }
        let mut at = self.end % CHUNK_BYTES;
        if at == 0 || at + head_len + text.len() > CHUNK_BYTES {
            self.end = self.chunks.len() * CHUNK_BYTES;
            self.chunks.push(vec![0; CHUNK_BYTES].into_boxed_slice());
            at = 0;
        }
        if self.len.is_multiple_of(TEXTS_AN_OFFSET) {
            reserve_an_eighth(&mut self.offsets, 1);
            let offset = u32::try_from(self.end).expect("a shard's names are under 4 GiB");
            self.offsets.push(offset);
        }
        let chunk = self.chunks.last_mut().expect("there is one by now");
        chunk[at..at + head_len].copy_from_slice(&head[..head_len]);
        chunk[at + head_len..at + head_len + text.len()].copy_from_slice(text);
        self.end += head_len + text.len();
        self.len += 1;
        self.len - 1
    }

    fn get(&self, number: u32) -> &[u8] {
        let mut at = self.offsets[(number / TEXTS_AN_OFFSET) as usize] as usize;
        for _ in 0..number % TEXTS_AN_OFFSET {
            let (start, len) = self.text_at(at);
            at = start + len;
        }
        let (start, len) = self.text_at(at);
        &self.chunks[start / CHUNK_BYTES][start % CHUNK_BYTES..][..len]
    }

    /// Start and length of the first text from `at` on. No text is empty, so a length of 0 is the unused
    /// end of a chunk.
    fn text_at(&self, at: usize) -> (usize, usize) {
        let chunk = &self.chunks[at / CHUNK_BYTES];
        match (chunk[at % CHUNK_BYTES], chunk.get(at % CHUNK_BYTES + 1)) {
            (0, _) => self.text_at((at / CHUNK_BYTES + 1) * CHUNK_BYTES),
            (low, Some(&high)) if low >= 0x80 => {
                (at + 2, usize::from(low & 0x7f) | usize::from(high) << 7)
            }
            (len, _) => (at + 1, usize::from(len)),
        }
    }
}

/// Makes room for `more` items by an eighth at a time: a vector that doubles wastes a third on average.
pub(crate) fn reserve_an_eighth<T>(vec: &mut Vec<T>, more: usize) {
    if vec.capacity() - vec.len() < more {
        vec.reserve_exact(more.max(vec.len() / 8).max(4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_keep_their_numbers_and_texts() {
        let users = Users::new(TableKey::new([7; 16]));
        // Every length up to the longest, so that texts end anywhere in their chunks.
        let name = |n: usize| format!("user-{n}-{}", "x".repeat((n * 7) % 500));
        let names: Vec<String> = (0..5_000).map(name).collect();
        let indexes: Vec<UserIndex> = names.iter().map(|name| users.intern(name)).collect();
        for (name, &index) in names.iter().zip(&indexes) {
            assert_eq!(users.find(name), Some(index));
            assert_eq!(users.intern(name), index);
            users.with_text(index, |text| assert_eq!(text, name));
        }
        assert_eq!(users.find("user-5000"), None);
        assert_eq!(users.len(), 5_000);

        let mut read = Vec::new();
        users.with_texts(&mut indexes.clone(), |text| read.push(text.to_owned()));
        read.sort();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(read, sorted);
    }
}
