//! The bytes of each format, kept for ever: a release must read what every release before it wrote.
//!
//! When a format gets a new version, add a file beside the old ones and keep the old tests, with reading
//! only. `LIKEWISE_BLESS=1 cargo test -p likewise-state golden` writes the files of the present version;
//! a change of an existing file is a broken promise.

use std::path::Path;

use likewise_state::chunk::ChunkLoader;
use likewise_state::delta::Delta;
use likewise_state::id::{Like, PostId};
use likewise_state::length::CausalLength;
use likewise_state::state::{Keys, State};

const ENTRIES: [(&str, &str, &str, u32); 6] = [
    ("post-1", "like", "ann", 1),
    ("post-1", "like", "bob", 2),
    ("post-1", "heart", "ann", 1),
    ("https://example.org/\u{1f600}", "like", "ann", 3),
    ("https://example.org/\u{1f600}", "like", "carol", 2_147_483_647),
    ("post-1", "like", "dave", 1),
];

fn delta() -> Delta {
    let mut delta = Delta::default();
    for (post, kind, user, length) in ENTRIES {
        let like = Like::new(post, kind, user).unwrap();
        delta.push(like, CausalLength::new(length).unwrap());
    }
    delta
}

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("LIKEWISE_BLESS").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn delta_version_1() {
    let kept = golden("delta-1.bin", delta().as_bytes());
    assert_eq!(delta().as_bytes(), kept);
    assert!(Delta::decode(kept).unwrap().entries().eq(delta().entries()));
}

#[test]
fn chunk_version_1() {
    let state = State::new(Keys::for_tests());
    assert_eq!(state.merge_delta(&delta()), ENTRIES.len());
    let chunks: Vec<Vec<u8>> = state.chunks().collect();
    assert_eq!(chunks.len(), 1);
    let kept = golden("chunk-1.bin", &chunks[0]);
    assert_eq!(chunks[0], kept);
    let read = State::new(Keys::for_tests());
    assert_eq!(ChunkLoader::default().load(&read, &kept), Ok(ENTRIES.len()));
    assert_eq!(read.root_digest(), state.root_digest());
}

/// Nodes of different releases compare digests, so the hash is a format too.
#[test]
fn digest_version_1() {
    let state = State::new(Keys::for_tests());
    state.merge_delta(&delta());
    let summary = state.post(PostId::new("post-1").unwrap(), likewise_state::id::Kind::LIKE);
    let text = format!("{:?}\n{:?}\n", summary.digest, state.root_digest());
    assert_eq!(text.as_bytes(), golden("digest-1.txt", text.as_bytes()));
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut bytes = delta().as_bytes().to_vec();
    bytes[0] = 2;
    assert_eq!(
        Delta::decode(bytes.clone()).unwrap_err().to_string(),
        "at byte 1: format version 2 is unknown, this release reads version 1"
    );
    let state = State::new(Keys::for_tests());
    assert!(ChunkLoader::default().load(&state, &bytes).is_err());
}

#[test]
fn every_truncation_is_refused_or_shorter() {
    let whole = delta();
    for end in 0..whole.as_bytes().len() {
        if let Ok(part) = Delta::decode(whole.as_bytes()[..end].to_vec()) {
            assert!(part.len() < whole.len());
            assert!(part.entries().zip(whole.entries()).all(|(a, b)| a == b));
        }
    }
}
