//! Who likes a post, page by page.
//!
//! A page is the first users after a given one, sorted by the bytes of their ids: an order that all nodes
//! share and that later likes do not disturb. To make one takes O(likes of the post) whatever its length,
//! about 50 ms for a million: keeping the users sorted would cost more memory than the likes themselves.

use std::collections::BinaryHeap;

use crate::digest::Digest;
use crate::id::{Kind, PostId};
use crate::interner::UserIndex;
use crate::likers::Likers;
use crate::state::State;

/// The users that liked a post at one moment, to be listed at leisure. Four bytes a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The digest of all entries of the post at that moment.
    pub digest: Digest,
    users: Vec<UserIndex>,
}

impl Listing {
    /// How many users liked the post.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether nobody did.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

impl State {
    /// The users that like a post now. O(likes of the post), at some nanoseconds each.
    #[must_use]
    pub fn listing(&self, post: PostId<'_>, kind: Kind<'_>) -> Listing {
        let (hash, number) = self.slot_of(post);
        let slot = self.slots[number].read();
        let Some(likers) = slot.find(hash, post, kind) else {
            return Listing { digest: Digest::default(), users: Vec::new() };
        };
        Listing { digest: self.digest_of(likers, post, kind), users: likers.users() }
    }

    /// The first `limit` users of a listing that come after `after`.
    #[must_use]
    pub fn page(&self, listing: Listing, after: Option<&str>, limit: usize) -> Vec<String> {
        self.first_of(listing.users, after, limit)
    }

    /// The first `limit` users that like a post now and come after `after`.
    #[must_use]
    pub fn likers(
        &self,
        post: PostId<'_>,
        kind: Kind<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<String> {
        let (hash, number) = self.slot_of(post);
        // The names are looked at without the slot's lock: a long list does not hold up writers.
        let users = self.slots[number].read().find(hash, post, kind).map(Likers::users);
        self.first_of(users.unwrap_or_default(), after, limit)
    }

    fn first_of(
        &self,
        mut users: Vec<UserIndex>,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<String> {
        let mut first: BinaryHeap<String> = BinaryHeap::new();
        self.users.with_texts(&mut users, |user| {
            let is_full = first.len() == limit;
            let is_beyond = is_full && first.peek().is_none_or(|last| user >= last.as_str());
            if after.is_some_and(|after| user <= after) || is_beyond {
                return;
            }
            if is_full {
                first.pop();
            }
            first.push(user.to_owned());
        });
        first.into_sorted_vec()
    }
}
