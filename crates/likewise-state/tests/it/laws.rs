//! Every type that implements `Lattice` obeys its laws, over values made of random operations.

use std::fmt;

use likewise_state::id::Like;
use likewise_state::lattice_laws;
use likewise_state::length::CausalLength;
use likewise_state::slot::SLOTS;
use likewise_state::state::{Keys, State};
use proptest::prelude::*;

fn any_length() -> impl Strategy<Value = CausalLength> {
    (0..=CausalLength::MAX.value()).prop_map(|n| CausalLength::new(n).unwrap())
}

lattice_laws!(causal_length, any_length());

/// A state that can be compared and shown, which the shared one with its locks can't.
struct Compared(State);

impl Compared {
    fn of(entries: &[(u8, u8, u32)]) -> Self {
        let state = State::new(Keys::for_tests());
        for &(post, user, length) in entries {
            let (post, user) = (format!("post-{post}"), format!("user-{user}"));
            let like = Like::new(&post, "like", &user).unwrap();
            let _ = state.raise(like, |_| CausalLength::new(length));
        }
        Self(state)
    }

    fn entries(&self) -> Vec<(String, String, String, CausalLength)> {
        let mut entries: Vec<_> = (0..SLOTS).flat_map(|slot| self.0.entries(slot)).collect();
        entries.sort();
        entries
    }
}

impl likewise_state::lattice::Lattice for Compared {
    fn merge(&mut self, other: &Self) -> likewise_state::lattice::Changed {
        self.0.merge(&other.0)
    }
}

impl Clone for Compared {
    fn clone(&self) -> Self {
        let mut clone = State::new(Keys::for_tests());
        let _ = likewise_state::lattice::Lattice::merge(&mut clone, &self.0);
        Self(clone)
    }
}

impl PartialEq for Compared {
    /// Equal digests must mean equal states, so both are asked.
    fn eq(&self, other: &Self) -> bool {
        let equal = self.entries() == other.entries();
        assert_eq!(equal, self.0.root_digest() == other.0.root_digest());
        equal
    }
}

impl fmt::Debug for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries().fmt(f)
    }
}

fn any_state() -> impl Strategy<Value = Compared> {
    prop::collection::vec((0..3u8, 0..6u8, 1..5u32), 0..20)
        .prop_map(|entries| Compared::of(&entries))
}

lattice_laws!(state, any_state());
