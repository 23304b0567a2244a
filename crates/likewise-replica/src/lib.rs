//! The protocol of Likewise, as a state machine that never touches the world (sans-IO).
//!
//! Everything that happens to a node is an [`Input`](input::Input), everything that it wants done is an
//! [`Output`](output::Output). The rule of use: hand in what has happened with
//! [`handle`](replica::Replica::handle), then carry out what
//! [`poll_output`](replica::Replica::poll_output) gives until it gives `None`. There are no callbacks, no
//! threads, no clocks and no random sources, so a run can be replayed to the letter.
//!
//! The way of a write through it:
//!
//! ```text
//! node                         replica                          journal
//!  | Write {request, writes}      |                                |
//!  |----------------------------->| merge, remember who waits      |
//!  |           Persist {batch, delta}                              |
//!  |<-----------------------------|                                |
//!  |-------------------------------------------------------------->| one record, one fsync
//!  | Persisted {batch}            |                                |
//!  |----------------------------->|                                |
//!  |           Answer {request}   |                                |
//!  |<-----------------------------|                                |
//! ```
//!
//! While a batch is on its way to the disk the next one gathers. A write that changed nothing waits like
//! any other: what it found may itself not be durable yet.
//!
//! And the way of a like to the other nodes: what changes is mailed to every peer that there is a link
//! with, a frame a tick, and leaves the outbox of a peer when that peer has made it durable. Whatever the
//! mail missed, because a peer was away, slow or new, repair finds by comparing digests. [`message`] shows
//! both conversations.
//!
//! Reading order: [`input`], [`output`], [`write`], [`replica`]; then [`member`], [`message`], [`trace`],
//! `outbox`, [`peers`], `repair` (the asking side), `answer` (the other) and `gather` (the work of both);
//! [`membership`], who is there at all, and [`backoff`]; [`limits`] has every bound.

pub mod input;

pub mod output;

pub mod write;

pub mod replica;

pub mod member;

pub mod message;

pub mod trace;

mod outbox;

pub mod peers;

mod repair;

mod answer;

mod gather;

pub mod quorum;

pub mod membership;

pub mod backoff;

pub mod limits;
