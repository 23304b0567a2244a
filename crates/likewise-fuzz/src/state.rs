//! Likes on the move: varints and ids, deltas, chunks and sketches.

use likewise_state::chunk::ChunkLoader;
use likewise_state::codec::{Reader, put_varint};
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use likewise_state::sketch::{Encoder, decode, word};
use likewise_state::state::{Keys, State};

use crate::script::{Script, pieces};
use crate::{Bound, Target, assert_says_something};

/// An empty state has 1,024 slots; its first users take a chunk of 4 KiB in each of 64 shards.
pub(crate) const STATE_BYTES: usize = 512 << 10;

/// What an entry may cost for each of its bytes. The shortest that names a new post and a new user has eight,
/// and makes tables of at least four places for both; while a table doubles, both sizes are there. Entries of
/// one post have four, and each takes a place in a list that doubles too.
pub(crate) const STATE_FACTOR: usize = 128;

/// [`codec`]
pub const CODEC: Target = Target {
    name: "codec",
    run: codec,
    seeds: codec_seeds,
    // It borrows all that it reads; only an error about a kind copies it, and tells of it.
    bound: Bound { constant: 1 << 10, factor: 8 },
    slowness: 1,
};

/// [`delta`]
pub const DELTA: Target = Target {
    name: "delta",
    run: delta,
    seeds: delta_seeds,
    bound: Bound { constant: STATE_BYTES, factor: STATE_FACTOR },
    slowness: 5,
};

/// [`chunk`]
pub const CHUNK: Target = Target {
    name: "chunk",
    run: chunk,
    seeds: chunk_seeds,
    // Three states are there at once.
    bound: Bound { constant: 3 * STATE_BYTES, factor: 3 * STATE_FACTOR },
    slowness: 10,
};

/// [`sketch`]
pub const SKETCH: Target = Target {
    name: "sketch",
    run: sketch,
    seeds: sketch_seeds,
    // A symbol has eight bytes. Its copy, its word in a map, its place in a list of what is ready and its
    // cursor take some 100, and lists that grow are there twice.
    bound: Bound { constant: 4 << 10, factor: 24 },
    slowness: 4,
};

/// Every kind of field, one after the other.
pub fn codec(data: &[u8]) {
    let mut reader = Reader::new(data);
    while !reader.is_at_end() {
        let mut again = reader.clone();
        let field = reader.byte().expect("it is not at its end") % 6;
        let read = match field {
            0 => reader.varint().map(|n| {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, n);
                assert_eq!(Reader::new(&bytes).varint(), Ok(n));
            }),
            1 => reader.varint().and_then(|len| reader.post(len)).map(drop),
            2 => reader.kind().map(drop),
            3 => reader.user().map(drop),
            4 => reader.length().map(|length| assert!(length != CausalLength::UNTOUCHED)),
            _ => reader.array::<16>().map(drop),
        };
        if let Err(error) = read {
            assert!(error.offset <= data.len(), "an error beyond the end");
            assert_says_something(&error);
            assert!(!again.rest().is_empty());
            return;
        }
    }
}

fn codec_seeds() -> Vec<Vec<u8>> {
    let mut all = vec![0];
    put_varint(&mut all, 300);
    all.extend_from_slice(
        b"\x01\x04post\x02\x05heart\x02\x00\x03\x03ann\x04\x07\x050123456789abcdef",
    );
    vec![all, b"\x00\x80\x80\x01".to_vec(), b"\x04\xff\xff\xff\xff\x07".to_vec()]
}

/// A delta: what is understood is as it was, and merging it again changes nothing.
pub fn delta(data: &[u8]) {
    let delta = match Delta::decode(data.to_vec()) {
        Ok(delta) => delta,
        Err(error) => {
            assert!(error.offset <= data.len(), "an error beyond the end");
            return assert_says_something(&error);
        }
    };
    assert_eq!(delta.as_bytes(), data);
    assert_eq!(delta.len(), delta.entries().count());
    let mut again = Delta::default();
    delta.entries().for_each(|(like, length)| again.push(like, length));
    let read = Delta::decode(again.as_bytes().to_vec()).expect("it was made here");
    assert!(read.entries().eq(delta.entries()), "entries change on their way");
    let state = State::new(Keys::for_tests());
    state.merge_delta(&delta);
    assert!(delta.entries().all(|(like, length)| state.length(like) >= length));
    let root = state.root_digest();
    assert_eq!(state.merge_delta(&read), 0, "a merge that is repeated finds news");
    assert_eq!(state.root_digest(), root);
}

/// Some likes: a post of many users, users of many posts, kinds, and lengths.
pub(crate) fn some_likes(from: usize, count: usize) -> Delta {
    let mut delta = Delta::default();
    for n in from..from + count {
        let post = if n % 3 == 0 { "hot".to_owned() } else { format!("post-{}", n / 4) };
        let kind = if n % 7 == 0 { "heart" } else { "like" };
        let user = format!("user-{}", n / 2);
        let length = CausalLength::new(1 + (n as u32 % 5) * (n as u32)).expect("it is small");
        delta.push(Like::new(&post, kind, &user).expect("these are ids"), length);
    }
    delta
}

fn delta_seeds() -> Vec<Vec<u8>> {
    let counts = [(0, 0), (1, 1), (0, 12), (50, 200)];
    counts.map(|(from, count)| some_likes(from, count).as_bytes().to_vec()).to_vec()
}

/// The chunks of one stream: what was loaded can be loaded again, and written to another state.
pub fn chunk(data: &[u8]) {
    let (state, once_more) = (State::new(Keys::for_tests()), State::new(Keys::for_tests()));
    let mut loader = ChunkLoader::default();
    let mut script = Script(data);
    while let Some(chunk) = script.piece() {
        let mut told = 0;
        match loader.load_telling(&state, chunk, |like, length| {
            assert!(length != CausalLength::UNTOUCHED);
            assert_says_something(&like.post.as_str());
            told += 1;
        }) {
            Ok(entries) => assert!(told <= entries, "more is new than there was"),
            Err(error) => {
                assert!(error.offset <= chunk.len(), "an error beyond the end");
                assert_says_something(&error);
            }
        }
    }
    let mut loader = ChunkLoader::default();
    for chunk in state.chunks() {
        loader.load(&once_more, &chunk).expect("it was made here");
    }
    assert_eq!(once_more.root_digest(), state.root_digest());
}

fn chunk_seeds() -> Vec<Vec<u8>> {
    let counts = [(0, 1), (0, 12), (0, 300)];
    counts
        .map(|(from, count)| {
            let state = State::new(Keys::for_tests());
            state.merge_delta(&some_likes(from, count));
            let chunks: Vec<Vec<u8>> = state.chunks().collect();
            pieces(chunks.iter().map(Vec::as_slice))
        })
        .to_vec()
}

/// The symbols of a difference: what is found accounts for all of them.
pub fn sketch(data: &[u8]) {
    let symbols: Vec<u64> =
        data.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    match decode(symbols.clone()) {
        Ok(found) => {
            let mut encoder = Encoder::default();
            found.iter().for_each(|&word| encoder.insert(word));
            assert_eq!(encoder.symbols(symbols.len()), symbols, "a difference that is none");
        }
        Err(named) => assert!(named <= 2 * symbols.len() + 8, "more named than there can be"),
    }
}

fn sketch_seeds() -> Vec<Vec<u8>> {
    let counts = [(0, 1), (1, 4), (20, 40), (300, 600)];
    counts
        .map(|(words, symbols)| {
            let mut encoder = Encoder::default();
            (0..words).for_each(|n| encoder.insert(word(n, 7)));
            encoder.symbols(symbols).iter().flat_map(|symbol| symbol.to_le_bytes()).collect()
        })
        .to_vec()
}
