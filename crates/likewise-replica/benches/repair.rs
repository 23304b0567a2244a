//! What repair costs: `cargo bench -p likewise-replica --bench repair`. Two replicas in one thread, from the
//! moment that they have links until they are equal; half of what differs is missing on each side. Bytes are
//! exact, but for the acknowledgements, of three bytes for 2,048 entries.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "a benchmark is what reads the clock")]
#![expect(clippy::print_stdout, reason = "the table is the purpose")]
#![allow(dead_code, reason = "the tests use more of the cluster")]

#[path = "../tests/it/cluster.rs"]
mod cluster;

use std::time::{Duration, Instant};

use cluster::Cluster;
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;

/// Users that like a post on average.
const LIKES_A_POST: usize = 10;

/// *Plain* is the size of the differing entries in one delta, *rounds* the comparisons of states, *questions*
/// what waits for an answer in all of them. In the *time* a message takes 0.3 ms one way and everything else
/// nothing; the *work* is what both nodes compute together, on one core.
const COLUMNS: [&str; 10] = [
    "likes",
    "differing",
    "plain",
    "bytes to find",
    "bytes in all",
    "ratio",
    "rounds",
    "questions",
    "time",
    "work",
];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let sizes: &[usize] = if quick { &[10_000] } else { &[10_000, 1_000_000, 10_000_000] };
    println!("| {} |", COLUMNS.join(" | "));
    println!("|{}", "---:|".repeat(COLUMNS.len()));
    for &likes in sizes {
        let mut cluster = Cluster::new(2);
        for like in 0..likes {
            for node in 0..2 {
                cluster.recover(node, like / LIKES_A_POST, scattered(like));
            }
        }
        let mut user = 0;
        for differing in [0, 1, 100, 10_000, 100_000] {
            let mut plain = Delta::default();
            for n in 0..differing {
                user += 1;
                let post = scattered(user) % (likes / LIKES_A_POST);
                cluster.recover(n % 2, post, 100_000_000 + user);
                let (post, user) = (format!("post-{post}"), format!("user-{}", 100_000_000 + user));
                let like = Like::new(&post, "like", &user).unwrap();
                plain.push(like, CausalLength::LIKED_ONCE);
            }
            measure(&mut cluster, likes, differing, plain.as_bytes().len() as u64);
        }
    }
    bootstrap(if quick { 10_000 } else { 10_000_000 });
}

fn scattered(n: usize) -> usize {
    (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 36
}

fn measure(cluster: &mut Cluster, likes: usize, differing: usize, plain: u64) {
    let before = figures(cluster);
    let began = Instant::now();
    cluster.connect(0, 1);
    // Without differences the states are equal from the start, and both find that out.
    let look = if differing == 0 { Duration::from_millis(200) } else { Duration::ZERO };
    cluster.run_for(look);
    let virtual_time = look + cluster.run_until_equal();
    let took = began.elapsed();
    let after = figures(cluster);
    let [find, frames, rounds, questions] = std::array::from_fn(|at| after[at] - before[at]);
    let all = find + frames;
    let ratio =
        if differing == 0 { "-".to_owned() } else { format!("{:.2}", all as f64 / plain as f64) };
    let plain = if differing == 0 { 0 } else { plain };
    println!(
        "| {likes} | {differing} | {plain} | {find} | {all} | {ratio} | {rounds} | {questions} | {:.0} ms | {:.3} s |",
        virtual_time.as_secs_f64() * 1e3,
        took.as_secs_f64(),
    );
    // The acknowledgements, and the round that finds nothing more.
    cluster.run_for(Duration::from_secs(2));
    cluster.disconnect(0, 1);
}

/// Bytes to find differences, bytes of frames, rounds, questions.
fn figures(cluster: &Cluster) -> [u64; 4] {
    [cluster.repair_bytes, cluster.frame_bytes, cluster.comparisons, cluster.questions]
}

fn bootstrap(likes: usize) {
    let mut cluster = Cluster::new(2);
    for like in 0..likes {
        cluster.recover(0, like / LIKES_A_POST, scattered(like) % 3_000_000);
    }
    let held = cluster.nodes[0].likes();
    let began = Instant::now();
    cluster.connect(0, 1);
    cluster.run_until_equal();
    println!(
        "\nan empty node is given {held} likes in {:.1} s of one core for both, {:.1} bytes a like",
        began.elapsed().as_secs_f64(),
        cluster.frame_bytes as f64 / held as f64
    );
}
