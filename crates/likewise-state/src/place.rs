//! Where an entry is kept on this node: twelve bytes that stand for a like until its text is needed.
//!
//! Posts and users are never removed, so a place is good for as long as the process lives; it means
//! nothing to another node or to the next start. Outboxes hold places and look the length up when they
//! send, so that a like which changes twice before it is sent is sent once, as it is then.

use crate::delta::Delta;
use crate::digest::PostHasher;
use crate::id::{Kind, Like, PostId, UserId};
use crate::interner::UserIndex;
use crate::length::CausalLength;
use crate::state::State;

/// Where an entry is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    slot: u16,
    post: u32,
    user: UserIndex,
}

impl Place {
    pub(crate) const fn new(slot: usize, post: u32, user: UserIndex) -> Self {
        Self { slot: slot as u16, post, user }
    }

    /// The slot that the entry belongs to.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

/// The entries of a slot as they were at one moment, hashed one after the other: a long slot need not hold
/// up other work.
pub struct SlotReader {
    slot: usize,
    /// Those that have not been read to their end.
    posts: Vec<ReadPost>,
}

struct ReadPost {
    at: u32,
    hasher: PostHasher,
    entries: std::vec::IntoIter<(UserIndex, CausalLength)>,
}

impl SlotReader {
    /// The next entry, with 64 bits of its digest: what two nodes compare to find where they differ. Some
    /// 150 ns. `state` must be the one that is read.
    pub fn next(&mut self, state: &State) -> Option<(u64, Place)> {
        loop {
            let post = self.posts.last_mut()?;
            if let Some((user, length)) = post.entries.next() {
                let hash = state.entry(&post.hasher, user, length).low();
                return Some((hash, Place::new(self.slot, post.at, user)));
            }
            self.posts.pop();
        }
    }
}

impl State {
    /// The entries at `places`, as they are now. Sorted places make the smallest delta. O(places).
    #[must_use]
    pub fn delta_of(&self, places: &[Place]) -> Delta {
        let mut delta = Delta::default();
        for group in places.chunk_by(|a, b| a.slot == b.slot) {
            let slot = self.slots[usize::from(group[0].slot)].read();
            for place in group {
                let (post, kind, likers) = slot.post_at(place.post, &self.keys.table);
                let length = likers.length(place.user);
                self.users.with_text(place.user, |user| {
                    let user = UserId::new(user).expect("only ids are interned");
                    delta.push(Like { post, kind, user }, length);
                });
            }
        }
        delta
    }

    /// Begins to read all entries of a slot, as they are now. O(entries), of which it makes a copy, at some
    /// 10 ns each.
    #[must_use]
    pub fn reader(&self, slot: usize) -> SlotReader {
        let copy = self.slots[slot].read();
        let posts = copy.posts().map(|(at, post, kind, likers)| ReadPost {
            at,
            hasher: PostHasher::new(&self.keys.digest, post, kind),
            entries: likers.entries().into_iter(),
        });
        SlotReader { slot, posts: posts.collect() }
    }

    /// The places of some entries of a post: of all of them if there are at most `places_max`, else of those
    /// that `recent` has of it, newest last, of which it takes the newest. O(places looked at).
    #[must_use]
    pub fn places_of(
        &self,
        post: PostId<'_>,
        kind: Kind<'_>,
        places_max: usize,
        recent: impl DoubleEndedIterator<Item = Place>,
    ) -> Vec<Place> {
        let (hash, number) = self.slot_of(post);
        let slot = self.slots[number].read();
        let Some((at, likers)) = slot.find_at(hash, post, kind) else { return Vec::new() };
        if likers.entries_len() <= places_max {
            let users = likers.entries().into_iter().map(|(user, _)| user);
            return users.map(|user| Place::new(number, at, user)).collect();
        }
        let is_of_it = |place: &Place| place.slot() == number && place.post == at;
        let mut places: Vec<Place> = recent.rev().filter(is_of_it).take(places_max).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// How many entries a slot has, likes taken back included. O(posts of the slot).
    #[must_use]
    pub fn entries_in(&self, slot: usize) -> usize {
        let slot = self.slots[slot].read();
        slot.posts().map(|(_, _, _, likers)| likers.entries_len()).sum()
    }
}
