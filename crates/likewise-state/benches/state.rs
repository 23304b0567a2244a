//! How long the structures take: `cargo bench -p likewise-state`. Medians of seven runs, one core.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "a benchmark is what reads the clock")]
#![expect(clippy::print_stdout, reason = "the table is the purpose")]

use std::hint::black_box;
use std::time::Instant;

use likewise_state::chunk::ChunkLoader;
use likewise_state::delta::Delta;
use likewise_state::id::{Kind, Like, PostId};
use likewise_state::length::CausalLength;
use likewise_state::state::{Keys, State};

const LIKES: u32 = 1_000_000;
const POSTS: u32 = 100_000;
const USERS: u32 = 300_000;
const RUNS: usize = 7;

fn main() {
    let names: Vec<(String, String)> = (0..LIKES).map(ids).collect();
    let likes: Vec<Like<'_>> =
        names.iter().map(|(post, user)| Like::new(post, "like", user).unwrap()).collect();
    let full = state();
    for &like in &likes {
        let _ = full.raise(like, |_| Some(CausalLength::LIKED_ONCE));
    }
    println!("{LIKES} likes in random order, {POSTS} posts, {USERS} users");
    println!("| operation | ns a like |\n|---|---|");
    row("raise, of a new like", || {
        let state = state();
        for &like in &likes {
            let _ = black_box(state.raise(like, |_| Some(CausalLength::LIKED_ONCE)));
        }
    });
    row("raise, of a like that is there", || {
        for &like in &likes {
            let _ = black_box(full.raise(like, |_| Some(CausalLength::LIKED_ONCE)));
        }
    });
    row("length of a like", || {
        for &like in &likes {
            black_box(full.length(like));
        }
    });
    row("count of a post", || {
        for like in &likes {
            black_box(full.count(like.post, Kind::LIKE));
        }
    });
    row("count and digest of a post", || {
        for like in &likes {
            black_box(full.post(like.post, Kind::LIKE));
        }
    });
    let mut delta = Delta::default();
    row("delta, written", || {
        delta = Delta::default();
        for &like in &likes {
            delta.push(like, CausalLength::LIKED_ONCE);
        }
    });
    row("delta, checked and merged", || {
        let delta = Delta::decode(delta.as_bytes().to_vec()).unwrap();
        assert_eq!(state().merge_delta(&delta), full.totals().likes as usize);
    });
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    row("chunks, written", || chunks = full.chunks().collect());
    row("chunks, checked and merged", || {
        let state = state();
        let mut loader = ChunkLoader::default();
        for chunk in &chunks {
            loader.load(&state, chunk).unwrap();
        }
    });
    let held = full.totals().likes as f64;
    let bytes: usize = chunks.iter().map(Vec::len).sum();
    println!(
        "\nbytes a like: delta {:.1}, chunks {:.1}",
        delta.as_bytes().len() as f64 / f64::from(LIKES),
        bytes as f64 / held
    );
    let began = Instant::now();
    black_box(full.top(Kind::LIKE, 10));
    println!("top 10 of {POSTS} posts: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    likers_of_a_million();
}

fn likers_of_a_million() {
    let state = state();
    for user in 0..LIKES {
        let user = format!("user-{user}");
        let _ = state.raise(Like::new("hot", "like", &user).unwrap(), |_| CausalLength::new(1));
    }
    let began = Instant::now();
    black_box(state.likers(PostId::new("hot").unwrap(), Kind::LIKE, None, 100));
    println!("a page of 100 of {LIKES} likers: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
}

fn state() -> State {
    State::new(Keys::for_tests())
}

/// Like number `n`, spread by a fixed odd multiplier: the same in each run.
fn ids(n: u32) -> (String, String) {
    let n = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (post, user) = ((n >> 40) as u32 % POSTS, (n >> 8) as u32 % USERS);
    (format!("post-{post}"), format!("user-{user}"))
}

fn row(what: &str, mut run: impl FnMut()) {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    println!("| {what} | {:.0} |", seconds[RUNS / 2] * 1e9 / f64::from(LIKES));
}
