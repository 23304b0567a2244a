//! Is what the clients of one post saw linearizable?
//!
//! A *history* is what clients saw from outside: each call with the moment it began, and the reply with the
//! moment it came, if it came. It is *linearizable* if every operation can be given one instant between its
//! begin and its end such that, done one after the other at those instants, each gets the reply that it got.
//! Then nobody can tell the cluster from one post in the memory of one machine.
//!
//! ```text
//! client 0   ├── like by user 0 ──┤
//! client 1      ├── list: {0} ──┤   ├── list: {} ──┤      no such instants: the second list came too late
//! ```
//!
//! This crate knows no protocol, no node and no clock: it judges replies, however they came about. An
//! operation without a reply has an unknown outcome: if it writes, it may take effect at any time after it
//! began, or never.
//!
//! Reading order: [`Call`] and [`Reply`], [`History`], `post` (what a post in memory would have answered),
//! `steps` (a history made ready), `check` (the search, and why it may leave out what it leaves out),
//! [`Violation`].
//!
//! Sources: M. Herlihy and J. Wing, "Linearizability: a correctness condition for concurrent objects", 1990;
//! J. Wing and C. Gong, "Testing and verifying concurrent objects", 1993; G. Lowe, "Testing for
//! linearizability", 2017.

mod call;

mod history;

mod post;

mod steps;

mod timeline;

mod check;

mod violation;

pub use call::{Call, Reply};
pub use history::{History, Verdict};
pub use violation::Violation;
