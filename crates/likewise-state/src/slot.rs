//! One of 1,024 parts of the state: the unit of locking, of digests and of bulk transfer.
//!
//! A post belongs to the slot that the cluster's keyed hash of its id says, so that all nodes divide
//! the posts alike and nobody outside can aim at one slot.

use hashbrown::HashTable;

use crate::digest::Digest;
use crate::id::{Kind, PostId};
use crate::interner::reserve_an_eighth;
use crate::length::CausalLength;
use crate::likers::Likers;
use crate::state::TableKey;

/// How many slots there are. A constant of the protocol: digests and transfers name slots by number.
pub const SLOTS: usize = 1_024;

/// The posts of one slot.
#[derive(Clone, Default)]
pub(crate) struct Slot {
    /// Lengths (16 bits of the post's, 8 of the kind's) and texts of each post. Posts never go away.
    keys: Vec<u8>,
    posts: HashTable<Post>,
    /// The digest of all entries in the slot.
    pub(crate) digest: Digest,
    /// How many likes count, over all posts.
    pub(crate) likes: u64,
}

#[derive(Clone)]
struct Post {
    key: u32,
    likers: Likers,
}

const KEY_HEADER: usize = 3;

fn key_at(keys: &[u8], at: u32) -> (&[u8], &[u8]) {
    let at = at as usize;
    let post_len = usize::from(u16::from_le_bytes([keys[at], keys[at + 1]]));
    let kind_len = usize::from(keys[at + 2]);
    let post_at = at + KEY_HEADER;
    (&keys[post_at..post_at + post_len], &keys[post_at + post_len..post_at + post_len + kind_len])
}

/// The default kind takes no room.
fn kind_bytes(kind: Kind<'_>) -> &[u8] {
    if kind.is_like() { b"" } else { kind.as_str().as_bytes() }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("keys are made of ids, which are UTF-8")
}

fn ids<'a>((post, kind): (&'a [u8], &'a [u8])) -> (PostId<'a>, Kind<'a>) {
    let post = PostId::new(text(post)).expect("keys are made of ids");
    let kind = if kind.is_empty() { Ok(Kind::LIKE) } else { Kind::new(text(kind)) };
    (post, kind.expect("keys are made of ids"))
}

impl Slot {
    /// Keeps digest and count true after an entry has changed.
    pub(crate) fn carry(&mut self, before: CausalLength, after: CausalLength, change: Digest) {
        self.digest += change;
        self.likes = self.likes + u64::from(after.liked()) - u64::from(before.liked());
    }

    /// The users of a post, where anybody touched it. O(1). `hash` is the table hash of the post's id.
    pub(crate) fn find(&self, hash: u64, post: PostId<'_>, kind: Kind<'_>) -> Option<&Likers> {
        self.find_at(hash, post, kind).map(|(_, likers)| likers)
    }

    /// The same, and where the post's key stands.
    pub(crate) fn find_at(
        &self,
        hash: u64,
        post: PostId<'_>,
        kind: Kind<'_>,
    ) -> Option<(u32, &Likers)> {
        let wanted = (post.as_str().as_bytes(), kind_bytes(kind));
        let found = self.posts.find(hash, |post| key_at(&self.keys, post.key) == wanted);
        found.map(|post| (post.key, &post.likers))
    }

    /// The users of a post, made where there are none, and where its key stands. O(1) amortised.
    pub(crate) fn find_or_insert(
        &mut self,
        hash: u64,
        post: PostId<'_>,
        kind: Kind<'_>,
        table: &TableKey,
    ) -> (u32, &mut Likers) {
        let Self { keys, posts, .. } = self;
        let wanted = (post.as_str().as_bytes(), kind_bytes(kind));
        let absent = match posts.find_entry(hash, |post| key_at(keys, post.key) == wanted) {
            Ok(found) => {
                let post = found.into_mut();
                return (post.key, &mut post.likers);
            }
            Err(absent) => absent,
        };
        let key = u32::try_from(keys.len()).expect("a slot's post ids are under 4 GiB");
        reserve_an_eighth(keys, KEY_HEADER + wanted.0.len() + wanted.1.len());
        keys.extend_from_slice(&(wanted.0.len() as u16).to_le_bytes());
        keys.push(wanted.1.len() as u8);
        keys.extend_from_slice(wanted.0);
        keys.extend_from_slice(wanted.1);
        let rehash = |post: &Post| table.hash(key_at(keys, post.key).0);
        let post = Post { key, likers: Likers::default() };
        let post = absent.into_table().insert_unique(hash, post, rehash).into_mut();
        (key, &mut post.likers)
    }

    /// The post whose key stands at `key`. O(1).
    pub(crate) fn post_at(&self, key: u32, table: &TableKey) -> (PostId<'_>, Kind<'_>, &Likers) {
        let texts = key_at(&self.keys, key);
        let (post, kind) = ids(texts);
        let found = self.posts.find(table.hash(texts.0), |post| post.key == key);
        (post, kind, &found.expect("a key belongs to a post").likers)
    }

    /// The kinds of one post. O(kinds of the post): all of them share the table hash.
    pub(crate) fn kinds(&self, hash: u64, post: PostId<'_>) -> impl Iterator<Item = (&str, u64)> {
        self.posts.iter_hash(hash).filter_map(move |found| {
            let (found_post, kind) = ids(key_at(&self.keys, found.key));
            (found_post == post).then(|| (kind.as_str(), found.likers.count()))
        })
    }

    /// All posts with their keys' places, kinds and users, in the order of the table.
    pub(crate) fn posts(&self) -> impl Iterator<Item = (u32, PostId<'_>, Kind<'_>, &Likers)> {
        self.posts.iter().map(|post| {
            let (id, kind) = ids(key_at(&self.keys, post.key));
            (post.key, id, kind, &post.likers)
        })
    }

    /// The counts of all posts of a kind, before anything else of them is looked at: the scan behind
    /// "the most liked".
    pub(crate) fn counts(&self, kind: Kind<'_>) -> impl Iterator<Item = (u64, &str)> {
        let kind = kind_bytes(kind);
        self.posts.iter().filter_map(move |post| {
            let (id, of_kind) = key_at(&self.keys, post.key);
            (of_kind == kind).then(|| (post.likers.count(), text(id)))
        })
    }

    /// How many posts there are, a post of two kinds counted twice. O(1).
    pub(crate) fn len(&self) -> usize {
        self.posts.len()
    }
}
