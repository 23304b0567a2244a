//! What the nodes of a Likewise cluster agree on.
//!
//! A *like* is a triple (post, kind, user). Each like has one counter, its [`CausalLength`]: 0 means
//! never touched, odd means liked, even means unliked, and it only ever grows. Two replicas merge by
//! taking the larger length of each like. That is the whole conflict resolution: the maximum is
//! associative, commutative and idempotent, so replicas that heard the same news, in any order and
//! any number of times, hold the same state. No clocks, no tombstone lists, no request ids.
//!
//! Source: W. Yu and S. Rostad, "A low-cost set CRDT based on causal lengths", PaPoC 2020.
//!
//! The crate is pure: it opens no file and no socket, reads no clock and starts no thread. The modules,
//! in reading order:
//!
//! - [`length`]: the algebra of one like;
//! - [`lattice`]: what a merge must obey, and the tests that every mergeable type gets;
//! - [`id`]: post, user and kind, checked once;
//! - [`codec`]: bytes in and out, with bounds;
//! - [`packed`], [`delta`]: likes on the move;
//! - [`digest`]: a hash of a set that is kept up to date in constant time;
//! - [`interner`], [`likers`], [`slot`], [`state`]: the likes at rest;
//! - [`listing`]: who likes a post, page by page;
//! - [`place`]: an entry of this node in twelve bytes;
//! - [`chunk`]: the whole state as a stream of bounded pieces;
//! - [`sketch`]: what two sets differ in, for the price of the difference.
//!
//! ```
//! use likewise_state::{id::Like, length::Action, state::{Keys, State}};
//!
//! let state = State::new(Keys::for_tests());
//! let like = Like::new("post-1", "like", "ann")?;
//! let raised = state.raise(like, |length| length.target(Action::Like));
//! assert!(raised.changed() && state.length(like).liked());
//! assert_eq!(state.count(like.post, like.kind), 1);
//! # Ok::<(), likewise_state::id::IdError>(())
//! ```

pub mod length;

pub mod lattice;

pub mod id;

pub mod codec;

pub mod packed;

pub mod delta;

pub mod digest;

pub mod interner;

pub mod likers;

pub mod slot;

pub mod state;

pub mod listing;

pub mod place;

pub mod chunk;

pub mod sketch;
