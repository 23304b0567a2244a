//! All likes that a node knows: 1,024 slots and one dictionary of users.
//!
//! [`State::raise`] is the one function that changes anything. What it must do, and every editor of it
//! must keep doing, in this order and under one lock: read the present length, decide, raise the user's
//! length, and carry the difference into the slot's digest and count.
//!
//! The state may be shared between threads: readers take a slot's lock for reading, writers for writing,
//! and a user's name is looked up under a slot's lock but never the other way round.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, btree_map::BTreeMap};
use std::hash::Hasher;
use std::ops::ControlFlow;

use parking_lot::RwLock;
use siphasher::sip::SipHasher13;

use crate::delta::Delta;
use crate::digest::{Digest, DigestKey, PostHasher};
use crate::id::{Kind, Like, PostId, UserId};
use crate::interner::{UserIndex, Users};
use crate::lattice::{Changed, Lattice};
use crate::length::CausalLength;
use crate::likers::Likers;
use crate::place::Place;
use crate::slot::{SLOTS, Slot};

/// The key of this node's hash tables. Random in each process, so that nobody can aim at collisions.
#[derive(Clone, Copy)]
pub struct TableKey([u8; 16]);

impl TableKey {
    /// A key from 16 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// The two keys of a state.
#[derive(Clone, Copy)]
pub struct Keys {
    /// The same on all nodes of a cluster: digests and the division into slots depend on it.
    pub digest: DigestKey,
    /// This process's own.
    pub table: TableKey,
}

impl Keys {
    /// Fixed keys, for tests and benchmarks.
    #[must_use]
    pub const fn for_tests() -> Self {
        Self { digest: DigestKey::new([1; 16]), table: TableKey::new([2; 16]) }
    }
}

/// All likes that a node knows.
pub struct State {
    pub(crate) keys: Keys,
    pub(crate) slots: Box<[RwLock<Slot>]>,
    pub(crate) users: Users,
}

/// What [`State::raise`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The length that the like had.
    pub before: CausalLength,
    /// The length that it has now.
    pub after: CausalLength,
    /// How many users like the post now.
    pub likes: u64,
    /// Where the entry is kept, if anything is new.
    pub place: Option<Place>,
}

impl Raised {
    /// Whether anything is new.
    #[must_use]
    pub const fn changed(self) -> bool {
        self.place.is_some()
    }
}

/// What a post looks like from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostSummary {
    /// How many users like it.
    pub likes: u64,
    /// The digest of its entries: equal on two nodes exactly when they know the same of it.
    pub digest: Digest,
}

/// How much a state holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Posts that anybody ever touched; a post with two kinds counts twice.
    pub posts: u64,
    /// Likes that count now.
    pub likes: u64,
    /// Users that ever touched anything.
    pub users: u64,
}

impl State {
    /// A state without likes.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        let slots = (0..SLOTS).map(|_| RwLock::default()).collect();
        Self { keys, slots, users: Users::new(keys.table) }
    }

    /// Raises a like to what `target` makes of its present length; to `None` or to a smaller length
    /// nothing happens. O(1), for a post of up to 1,024 likes O(likes) in a short copy.
    pub fn raise(
        &self,
        like: Like<'_>,
        target: impl FnOnce(CausalLength) -> Option<CausalLength>,
    ) -> Raised {
        let (hash, number) = self.slot_of(like.post);
        let known = self.users.find(like.user.as_str());
        let mut slot = self.slots[number].write();
        // A user who was unknown before the lock may have come, and liked this post, until it was had.
        let known = known.or_else(|| self.users.find(like.user.as_str()));
        let likers = slot.find(hash, like.post, like.kind);
        let before = length_in(likers, known);
        let Some(after) = target(before).filter(|&after| after > before) else {
            let likes = likers.map_or(0, Likers::count);
            return Raised { before, after: before, likes, place: None };
        };
        let user = known.unwrap_or_else(|| self.users.intern(like.user.as_str()));
        let hasher = PostHasher::new(&self.keys.digest, like.post, like.kind);
        let change = hasher.entry(like.user, after) - hasher.entry(like.user, before);
        let (post, likers) = slot.find_or_insert(hash, like.post, like.kind, &self.keys.table);
        likers.raise(user, before, after, change, |user, length| self.entry(&hasher, user, length));
        let likes = likers.count();
        slot.carry(before, after, change);
        Raised { before, after, likes, place: Some(Place::new(number, post, user)) }
    }

    /// Takes in all entries of `delta` and answers how many of them were new.
    pub fn merge_delta(&self, delta: &Delta) -> usize {
        let raised = delta.entries().map(|(like, length)| self.raise(like, |_| Some(length)));
        raised.filter(|raised| raised.changed()).count()
    }

    /// The length of one like. O(1).
    #[must_use]
    pub fn length(&self, like: Like<'_>) -> CausalLength {
        let known = self.users.find(like.user.as_str());
        let (hash, number) = self.slot_of(like.post);
        length_in(self.slots[number].read().find(hash, like.post, like.kind), known)
    }

    /// How many users like a post. O(1).
    #[must_use]
    pub fn count(&self, post: PostId<'_>, kind: Kind<'_>) -> u64 {
        let (hash, number) = self.slot_of(post);
        self.slots[number].read().find(hash, post, kind).map_or(0, Likers::count)
    }

    /// Count and digest of a post. O(1).
    #[must_use]
    pub fn post(&self, post: PostId<'_>, kind: Kind<'_>) -> PostSummary {
        let (hash, number) = self.slot_of(post);
        let slot = self.slots[number].read();
        let Some(likers) = slot.find(hash, post, kind) else { return PostSummary::default() };
        PostSummary { likes: likers.count(), digest: self.digest_of(likers, post, kind) }
    }

    pub(crate) fn digest_of(&self, likers: &Likers, post: PostId<'_>, kind: Kind<'_>) -> Digest {
        likers.digest().unwrap_or_else(|| {
            let hasher = PostHasher::new(&self.keys.digest, post, kind);
            let entries = likers.entries();
            entries.iter().map(|&(user, length)| self.entry(&hasher, user, length)).sum()
        })
    }

    /// A digest as clients may see it: equal for equal digests, and nothing else can be read from it.
    #[must_use]
    pub fn tag(&self, digest: Digest) -> String {
        digest.tag(&self.keys.digest)
    }

    /// The kinds of a post that anybody likes, by name, with their counts. O(kinds of the post).
    #[must_use]
    pub fn reactions(&self, post: PostId<'_>) -> Vec<(String, u64)> {
        let (hash, number) = self.slot_of(post);
        let slot = self.slots[number].read();
        let liked = slot.kinds(hash, post).filter(|&(_, count)| count > 0);
        let sorted: BTreeMap<String, u64> =
            liked.map(|(kind, count)| (kind.to_owned(), count)).collect();
        sorted.into_iter().collect()
    }

    /// The `limit` most liked posts of a kind, most likes first, equal ones by id. O(posts).
    #[must_use]
    pub fn top(&self, kind: Kind<'_>, limit: usize) -> Vec<(String, u64)> {
        // Reversed, so that the heap's greatest is the least of those kept.
        let mut kept: BinaryHeap<Reverse<(u64, Reverse<String>)>> = BinaryHeap::new();
        for lock in &self.slots {
            for (count, post) in lock.read().counts(kind) {
                let least =
                    kept.peek().map(|Reverse((count, Reverse(post)))| (*count, post.as_str()));
                let is_full = kept.len() == limit;
                let is_less =
                    least.is_none_or(|(least, of)| count < least || count == least && post > of);
                if count == 0 || is_full && is_less {
                    continue;
                }
                if is_full {
                    kept.pop();
                }
                kept.push(Reverse((count, Reverse(post.to_owned()))));
            }
        }
        let sorted = kept.into_sorted_vec();
        sorted.into_iter().map(|Reverse((count, Reverse(post)))| (post, count)).collect()
    }

    /// How much there is. O(slots).
    #[must_use]
    pub fn totals(&self) -> Totals {
        let slots = self.slots.iter().map(|lock| lock.read());
        let of_slots =
            slots.map(|slot| Totals { posts: slot.len() as u64, likes: slot.likes, users: 0 });
        let sum = of_slots.fold(Totals::default(), |sum, slot| Totals {
            posts: sum.posts + slot.posts,
            likes: sum.likes + slot.likes,
            users: 0,
        });
        Totals { users: self.users.len(), ..sum }
    }

    /// The slot that a post belongs to: the same on all nodes of a cluster.
    #[must_use]
    pub fn slot(&self, post: PostId<'_>) -> usize {
        self.slot_of(post).1
    }

    /// The digest of one slot. O(1).
    #[must_use]
    pub fn slot_digest(&self, slot: usize) -> Digest {
        self.slots[slot].read().digest
    }

    /// The digest of everything. O(slots).
    #[must_use]
    pub fn root_digest(&self) -> Digest {
        (0..SLOTS).map(|slot| self.slot_digest(slot)).sum()
    }

    /// All entries of one slot, as text: post, kind, user and length. O(entries), of which it makes a copy.
    #[must_use]
    pub fn entries(&self, slot: usize) -> Vec<(String, String, String, CausalLength)> {
        let mut entries = Vec::new();
        let _: ControlFlow<()> = self.each_entry(slot, |Like { post, kind, user }, length| {
            let [post, kind, user] = [post.as_str(), kind.as_str(), user.as_str()];
            entries.push((post.to_owned(), kind.to_owned(), user.to_owned(), length));
            ControlFlow::Continue(())
        });
        entries
    }

    /// Shows each entry of one slot to `look` until that breaks, from a copy of the slot: `look` may take its
    /// time, and nobody waits for it. O(entries).
    pub fn each_entry<B>(
        &self,
        slot: usize,
        mut look: impl FnMut(Like<'_>, CausalLength) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let slot = self.copy_slot(slot);
        let mut text = String::new();
        for (_, post, kind, likers) in slot.posts() {
            for (user, length) in likers.entries() {
                // Copied out: while a name is looked at, nobody can be given one.
                text.clear();
                self.users.with_text(user, |name| text.push_str(name));
                let user = UserId::new(&text).expect("only ids are interned");
                look(Like { post, kind, user }, length)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// A copy to read at leisure while others write: some 100 us for ten thousand likes.
    pub(crate) fn copy_slot(&self, slot: usize) -> Slot {
        self.slots[slot].read().clone()
    }

    /// Takes in entries of one post whose users are known by number: the loading of a [`crate::chunk`].
    /// `new` hears of each that was news.
    pub(crate) fn merge_post(
        &self,
        post: PostId<'_>,
        kind: Kind<'_>,
        entries: &[(UserIndex, CausalLength)],
        mut new: impl FnMut(UserIndex, CausalLength),
    ) {
        let (hash, number) = self.slot_of(post);
        let hasher = PostHasher::new(&self.keys.digest, post, kind);
        let mut slot = self.slots[number].write();
        for &(user, after) in entries {
            let (_, likers) = slot.find_or_insert(hash, post, kind, &self.keys.table);
            let before = likers.length(user);
            if after > before {
                let change = self.entry(&hasher, user, after) - self.entry(&hasher, user, before);
                likers.raise(user, before, after, change, |user, length| {
                    self.entry(&hasher, user, length)
                });
                slot.carry(before, after, change);
                new(user, after);
            }
        }
    }

    pub(crate) fn entry(
        &self,
        hasher: &PostHasher,
        user: UserIndex,
        length: CausalLength,
    ) -> Digest {
        self.users.with_text(user, |text| {
            hasher.entry(UserId::new(text).expect("only ids are interned"), length)
        })
    }

    /// The table hash of a post and the slot that it belongs to.
    pub(crate) fn slot_of(&self, post: PostId<'_>) -> (u64, usize) {
        let bytes = post.as_str().as_bytes();
        let slot = self.keys.digest.slot(bytes) as usize % SLOTS;
        (self.keys.table.hash(bytes), slot)
    }
}

fn length_in(likers: Option<&Likers>, user: Option<UserIndex>) -> CausalLength {
    match (likers, user) {
        (Some(likers), Some(user)) => likers.length(user),
        _ => CausalLength::UNTOUCHED,
    }
}

impl Lattice for State {
    fn merge(&mut self, other: &Self) -> Changed {
        let mut changed = false;
        for slot in 0..SLOTS {
            for (post, kind, user, length) in other.entries(slot) {
                let like = Like::new(&post, &kind, &user).expect("a state holds only ids");
                changed |= self.raise(like, |_| Some(length)).changed();
            }
        }
        Changed(changed)
    }
}
