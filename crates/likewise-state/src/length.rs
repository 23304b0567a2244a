//! The causal length of one like: the whole algebra of Likewise.
//!
//! ```text
//! 0 ── like ──> 1 ── unlike ──> 2 ── like ──> 3 ── unlike ──> 4 ...
//! untouched     liked           unliked       liked           unliked
//!
//! merge(a, b) = max(a, b)
//! ```
//!
//! A client that remembers the length it last saw (`seen`) can ask for a *target* instead of a change:
//! "raise the length to `seen.target(Like)`". Raising to a target twice is the same as raising to it
//! once, so such a request may be repeated by anyone, at any node, at any later time. A like that is
//! delivered again after the unlike that followed it changes nothing, because its target has been passed.
//!
//! Source: W. Yu and S. Rostad, "A low-cost set CRDT based on causal lengths", PaPoC 2020.

use std::fmt;

use crate::lattice::{Changed, Lattice};

/// How often a like has changed: 0 = never touched, odd = liked, even = unliked. It only grows.
///
/// The API calls it the *version* of a like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CausalLength(u32);

/// What a user wants of a like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To like the post.
    Like,
    /// To like it no longer.
    Unlike,
}

impl CausalLength {
    /// The length of a like that nobody ever touched.
    pub const UNTOUCHED: Self = Self(0);

    /// The length after the first like: nearly all likes in the world have it.
    pub const LIKED_ONCE: Self = Self(1);

    /// The largest length, 2^31 - 1, so that it fits a signed 32-bit integer of any client.
    /// At a thousand changes a second one like gets there in 24 days; it is then frozen.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// The length `n`, or `None` where `n` is above [`CausalLength::MAX`].
    #[must_use]
    pub const fn new(n: u32) -> Option<Self> {
        if n <= Self::MAX.0 { Some(Self(n)) } else { None }
    }

    /// The length as a number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// Whether the user likes the post.
    #[must_use]
    pub const fn liked(self) -> bool {
        self.0 % 2 == 1
    }

    /// The length that a like which was last seen at `self` must reach for `action` to be done:
    /// `self` where it is done already, else the next one. `None` where there is no next one.
    #[must_use]
    pub fn target(self, action: Action) -> Option<Self> {
        if self.liked() == (action == Action::Like) { Some(self) } else { Self::new(self.0 + 1) }
    }
}

impl Lattice for CausalLength {
    fn merge(&mut self, other: &Self) -> Changed {
        let changed = other > self;
        *self = (*self).max(*other);
        Changed(changed)
    }
}

impl fmt::Display for CausalLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action::*, *};

    #[test]
    fn likes_and_unlikes_alternate_and_repeat_harmlessly() {
        let length = |n| CausalLength::new(n).unwrap();
        for (from, action, to) in [
            (0, Like, 1),
            (1, Like, 1),
            (1, Unlike, 2),
            (2, Unlike, 2),
            (2, Like, 3),
            (0, Unlike, 0),
        ] {
            assert_eq!(length(from).target(action), Some(length(to)), "{action:?} of {from}");
        }
    }

    #[test]
    fn a_late_duplicate_of_a_like_does_not_undo_the_unlike() {
        let late_like = CausalLength::UNTOUCHED.target(Like).unwrap();
        let mut length = late_like;
        assert_eq!(length.merge(&late_like.target(Unlike).unwrap()), Changed(true));
        assert_eq!(length.merge(&late_like), Changed(false));
        assert!(!length.liked());
    }

    #[test]
    fn the_largest_length_is_frozen() {
        assert!(CausalLength::MAX.liked());
        assert_eq!(CausalLength::MAX.target(Like), Some(CausalLength::MAX));
        assert_eq!(CausalLength::MAX.target(Unlike), None);
        assert_eq!(CausalLength::new(1 << 31), None);
    }
}
