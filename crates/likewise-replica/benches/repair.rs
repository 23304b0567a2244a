//! What repair costs: `cargo bench -p likewise-replica`. Two replicas in one thread, with a network of no
//! cost in between: bytes and messages are exact, the time is what both need to compute.

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

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let sizes: &[usize] = if quick { &[10_000] } else { &[10_000, 1_000_000, 10_000_000] };
    println!("| likes | differing | bytes to find | bytes in all | plain | ratio | messages | s |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
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
            measure(&mut cluster, likes, differing, plain.as_bytes().len());
        }
    }
    bootstrap(if quick { 10_000 } else { 10_000_000 });
}

fn scattered(n: usize) -> usize {
    (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 36
}

fn measure(cluster: &mut Cluster, likes: usize, differing: usize, plain: usize) {
    let before = (cluster.repair_bytes, cluster.frame_bytes, cluster.sent);
    let began = Instant::now();
    cluster.connect(0, 1);
    cluster.run_until_equal();
    // Until both know it, without the frames' acknowledgements.
    let took = began.elapsed();
    let found = cluster.repair_bytes - before.0;
    let all = found + cluster.frame_bytes - before.1;
    let messages = cluster.sent - before.2;
    let ratio =
        if differing == 0 { String::new() } else { format!("{:.2}", all as f64 / plain as f64) };
    println!(
        "| {likes} | {differing} | {found} | {all} | {plain} | {ratio} | {messages} | {:.2} |",
        took.as_secs_f64()
    );
    cluster.run_for(Duration::from_millis(200));
    cluster.disconnect(0, 1);
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
