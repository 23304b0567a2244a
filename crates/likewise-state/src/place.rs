//! Where an entry is kept on this node: twelve bytes that stand for a like until its text is needed.
//!
//! Posts and users are never removed, so a place is good for as long as the process lives; it means
//! nothing to another node or to the next start. Outboxes hold places and look the length up when they
//! send, so that a like which changes twice before it is sent is sent once, as it is then.

use crate::delta::Delta;
use crate::digest::PostHasher;
use crate::id::{Like, UserId};
use crate::interner::UserIndex;
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

    /// All entries of a slot, each with 64 bits of its digest: what two nodes compare to find where they
    /// differ. O(entries), some 150 ns each.
    #[must_use]
    pub fn hashed(&self, slot: usize) -> Vec<(u64, Place)> {
        let copy = self.copy_slot(slot);
        let mut entries = Vec::new();
        for (at, post, kind, likers) in copy.posts() {
            let hasher = PostHasher::new(&self.keys.digest, post, kind);
            for (user, length) in likers.entries() {
                let hash = self.entry(&hasher, user, length).low();
                entries.push((hash, Place::new(slot, at, user)));
            }
        }
        entries
    }

    /// How many entries a slot has, likes taken back included. O(posts of the slot).
    #[must_use]
    pub fn entries_in(&self, slot: usize) -> usize {
        let slot = self.slots[slot].read();
        slot.posts().map(|(_, _, _, likers)| likers.entries_len()).sum()
    }
}
