//! What earlier releases have written and said: recorded once, never changed, understood for ever.
//!
//! [The README of this folder](README.md) says what is promised, and how a new version is recorded.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![expect(clippy::print_stderr, reason = "a failed test shows what its nodes said")]

#[path = "../cluster/ask.rs"]
#[expect(dead_code, reason = "some of it is for the cluster's tests")]
mod ask;

#[path = "../cluster/nodes.rs"]
#[expect(dead_code, reason = "some of it is for the cluster's tests")]
mod nodes;

mod version;

mod told;

mod gossip;

mod handshake;

mod session;

mod folder;

mod newer;

mod tap;

mod recording;
