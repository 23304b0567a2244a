//! User ids, each kept once a node: text to a number of 32 bits and back.
//!
//! Sharded, so that a table that grows holds up one sixty-fourth of the users at most. A shard keeps its
//! texts end to end in one buffer, each behind its length, and remembers where every fourth of them
//! starts: a quarter of the offsets, and at most three short steps to find a text.

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

/// All users that this node has heard of.
pub(crate) struct Users {
    key: TableKey,
    shards: Box<[RwLock<Shard>]>,
}

#[derive(Default)]
struct Shard {
    /// Length (16 bits, little-endian) and text of each user.
    texts: Vec<u8>,
    offsets: Vec<u32>,
    len: u32,
    table: HashTable<u32>,
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
        read(as_text(shard.text(user.0 >> SHARD_BITS)))
    }

    /// Calls `read` with the text of each of `users`, shard by shard: one lock a shard, not a user.
    pub(crate) fn with_texts(&self, users: &mut [UserIndex], mut read: impl FnMut(&str)) {
        users.sort_unstable_by_key(|user| (user.0 % SHARDS, user.0));
        for group in users.chunk_by(|a, b| a.0 % SHARDS == b.0 % SHARDS) {
            let shard = self.shards[(group[0].0 % SHARDS) as usize].read();
            for user in group {
                read(as_text(shard.text(user.0 >> SHARD_BITS)));
            }
        }
    }

    /// How many users there are. O(1).
    pub(crate) fn len(&self) -> u64 {
        self.shards.iter().map(|shard| u64::from(shard.read().len)).sum()
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
        self.table.find(hash, |&local| self.text(local) == text.as_bytes()).copied()
    }

    fn intern(&mut self, hash: u64, text: &str, key: &TableKey) -> u32 {
        if let Some(local) = self.find(hash, text) {
            return local;
        }
        let local = self.len;
        assert!(local < SHARD_USERS_MAX, "this node has heard of 4 billion users, its limit");
        let offset = u32::try_from(self.texts.len()).expect("a shard's names are under 4 GiB");
        if local.is_multiple_of(TEXTS_AN_OFFSET) {
            reserve_an_eighth(&mut self.offsets, 1);
            self.offsets.push(offset);
        }
        reserve_an_eighth(&mut self.texts, 2 + text.len());
        self.texts.extend_from_slice(&(text.len() as u16).to_le_bytes());
        self.texts.extend_from_slice(text.as_bytes());
        self.len += 1;
        let Self { texts, offsets, table, .. } = self;
        table.insert_unique(hash, local, |&local| key.hash(text_at(texts, offsets, local)));
        local
    }

    fn text(&self, local: u32) -> &[u8] {
        text_at(&self.texts, &self.offsets, local)
    }
}

fn text_at<'a>(texts: &'a [u8], offsets: &[u32], local: u32) -> &'a [u8] {
    let mut at = offsets[(local / TEXTS_AN_OFFSET) as usize] as usize;
    let len_at = |at: usize| usize::from(u16::from_le_bytes([texts[at], texts[at + 1]]));
    for _ in 0..local % TEXTS_AN_OFFSET {
        at += 2 + len_at(at);
    }
    &texts[at + 2..at + 2 + len_at(at)]
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
        let names: Vec<String> = (0..5_000).map(|n| format!("user-{n}")).collect();
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
