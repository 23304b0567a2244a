//! Hostile bytes for every decoder that reads from a socket, a file or a user: one function a target.
//!
//! A target runs its decoder on any bytes and panics where one of its promises is broken: what is understood
//! must be understood again once it is written anew, an error must say something, and a refusal must leave
//! things as they were where that is promised. How much memory a target may take is in [`TARGETS`].
//!
//! The same functions run in two ways:
//! - `cargo test -p likewise-fuzz`, on any toolchain: seeded mutations of the seeds, in `tests/it`;
//! - `cargo +nightly fuzz run TARGET`, guided by coverage: see `fuzz/README.md`.
//!
//! One file a family of decoders: [`state`], [`replica`], [`votes`], [`gossip`], [`stream`], [`journal`], [`http`],
//! [`client`], [`edge`], [`access`], [`backup`], [`settings`].

pub mod state;

pub mod replica;

pub mod votes;

pub mod gossip;

pub mod stream;

pub mod journal;

pub mod http;

pub mod client;

pub mod edge;

pub mod access;

pub mod backup;

pub mod settings;

mod script;

#[path = "../../likewise-journal/tests/it/forged.rs"]
mod forged;

pub use script::MAX_INPUT;

/// A decoder and what may be asked of it.
pub struct Target {
    /// The name of the function, of its file in `fuzz/fuzz_targets` and of its folder in `regressions`.
    pub name: &'static str,
    /// Runs the decoder.
    pub run: fn(&[u8]),
    /// Valid inputs, the same each time.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How much memory it may take.
    pub bound: Bound,
    /// Of so many inputs it gets one: those that build a node or a disk for each take long.
    pub slowness: usize,
}

/// The most memory that a target may have taken at once, its own set-up included.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Bytes for any input.
    pub constant: usize,
    /// Bytes more for each byte of the input.
    pub factor: usize,
}

impl Bound {
    /// The bound for an input of `len` bytes.
    #[must_use]
    pub const fn bytes(self, len: usize) -> usize {
        self.constant + self.factor * len
    }
}

/// Every target. Each constant stands beside its function, with the reason for its value.
pub const TARGETS: &[Target] = &[
    state::CODEC,
    state::DELTA,
    state::CHUNK,
    state::SKETCH,
    replica::REPLICA_MESSAGE,
    replica::REPLICA_LINK,
    votes::KEPT_SEATS,
    gossip::GOSSIP_PACKET,
    gossip::GOSSIP_BODY,
    gossip::GOSSIP_NOTICE,
    stream::STREAM_FRAMES,
    stream::HANDSHAKE,
    stream::HELLO,
    journal::JOURNAL,
    journal::JOURNAL_SEALED,
    http::HTTP_CONNECTION,
    http::HTTP_BODY,
    http::HTTP_PARAMETERS,
    http::BULK_LINES,
    client::IMPORT_LINES,
    client::ANSWERS,
    client::LOAD_ANSWER,
    edge::CLIENT_ADDRESS,
    edge::CERTIFICATES,
    access::TOKENS_FILE,
    access::JWKS_FILE,
    access::AUTHORIZATION,
    backup::BACKUP_FILE,
    backup::BACKUP_SEALED,
    backup::RESTORE_BODY,
    settings::SETTINGS_FILE,
    settings::KEY_FILE,
    settings::PEERS_FILE,
];

/// An error must say something.
fn assert_says_something(error: &impl std::fmt::Display) {
    assert!(!error.to_string().is_empty(), "an error without a word");
}
