//! How long an empty node takes to know all that a full one knows.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::Scale;
use crate::cluster::{self, Node};
use crate::load::{scattered, write};
use crate::process::wait_for;

/// Likes of each post.
const LIKES_A_POST: u64 = 10;

/// Users, who like some twenty posts each.
const USERS: u64 = 500_000;

/// Connections that fill the first node.
const CONNECTIONS: usize = 4;

/// Likes of one request.
const REQUEST_LIKES: u64 = 50_000;

pub(crate) fn run(folder: &Path, scale: Scale) {
    println!("### An empty node joins a full one\n");
    println!(
        "| likes | ready after | equal after | bytes sent | a like | CPU of the full one | of the empty one |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    let full = Node::start(folder, 0, None, &[]);
    wait_for("ready node", || full.is_ready().then_some(()));
    fill(&full, scale.likes.into());
    let (cpu, sent) = (full.process.cpu_seconds(), sent_bytes(&full));
    let started = Instant::now();
    let empty = Node::start(folder, 1, Some(full.cluster), &[]);
    wait_for("ready node", || empty.is_ready().then_some(()));
    let ready = started.elapsed();
    let nodes = [full, empty];
    cluster::until_equal(&nodes);
    let equal = started.elapsed();
    let sent = sent_bytes(&nodes[0]) - sent;
    println!(
        "| {} | {:.2} s | {:.2} s | {sent:.0} | {:.1} | {:.2} s | {:.2} s |\n",
        scale.likes,
        ready.as_secs_f64(),
        equal.as_secs_f64(),
        sent / f64::from(scale.likes),
        nodes[0].process.cpu_seconds() - cpu,
        nodes[1].process.cpu_seconds(),
    );
}

fn sent_bytes(node: &Node) -> f64 {
    node.counter("likewise_link_bytes_total", "direction=\"sent\"")
}

fn fill(node: &Node, likes: u64) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = node.connection();
                loop {
                    let first = next.fetch_add(REQUEST_LIKES, Ordering::Relaxed);
                    if first >= likes {
                        return;
                    }
                    let likes = first..likes.min(first + REQUEST_LIKES);
                    let like = |like| (like / LIKES_A_POST, scattered(like) % USERS);
                    write(&mut connection, likes.map(like));
                }
            });
        }
    });
}
