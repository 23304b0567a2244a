//! Likes at a given rate, in bulk requests every few milliseconds.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cluster::Node;
use crate::connection::Connection;

/// Time between two requests of a connection.
const STEP: Duration = Duration::from_millis(10);

/// Connections where the rate is high; below 100 likes a step one does.
const CONNECTIONS: u64 = 3;

/// Likes of one request. A load that the node does not keep up with falls behind, and says so.
const REQUEST_LIKES_MAX: u64 = 10_000;

/// Posts that the likes go to.
const POSTS: u64 = 100_000;

/// Users, of whom each likes some of them.
const USERS: u64 = 1_000_000;

/// A like by the numbers of its post and its user.
pub(crate) type Like = (u64, u64);

/// A load that is under way.
pub(crate) struct Load {
    started: Instant,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    stopped: AtomicBool,
    /// Likes that are acknowledged.
    done: AtomicU64,
}

impl Load {
    /// Likes that nobody has given before, `rate` a second; `first` is the number of the first.
    pub(crate) fn start(node: &Node, rate: u32, first: u64) -> Self {
        Self::start_at(node, rate, first, |like| (scattered(like) % POSTS, like % USERS))
    }

    /// The same, all of them of one post: the one after all others.
    pub(crate) fn at_hot_post(node: &Node, rate: u32) -> Self {
        Self::start_at(node, rate, 0, |like| (POSTS, like % USERS))
    }

    fn start_at(node: &Node, rate: u32, first: u64, like: fn(u64) -> Like) -> Self {
        let started = Instant::now();
        let shared = Arc::new(Shared { stopped: AtomicBool::new(false), done: AtomicU64::new(0) });
        let connections = if rate < 10_000 { 1 } else { CONNECTIONS };
        let thread = |number| {
            let (mut connection, shared) = (node.connection(), shared.clone());
            let a_second = f64::from(rate) / connections as f64;
            std::thread::spawn(move || {
                // Not all at the same moment.
                let mut next = started + STEP * number as u32 / connections as u32;
                let mut sent = 0;
                while !shared.stopped.load(Ordering::Relaxed) {
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                    next = Instant::now().max(next) + STEP;
                    let due = (started.elapsed().as_secs_f64() * a_second) as u64;
                    let until = due.min(sent + REQUEST_LIKES_MAX);
                    let likes = (sent..until).map(|like| first + like * connections + number);
                    write(&mut connection, likes.map(like));
                    shared.done.fetch_add(until - sent, Ordering::Relaxed);
                    sent = until;
                }
            })
        };
        let threads = (0..connections).map(thread).collect();
        Self { started, shared, threads }
    }

    /// Likes that are acknowledged so far.
    pub(crate) fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Ends it, and answers how many likes a second were acknowledged from its start on.
    pub(crate) fn stop(self) -> f64 {
        let (done, time) = (self.done(), self.started.elapsed());
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("the load goes on"));
        done as f64 / time.as_secs_f64()
    }
}

/// Writes likes in one request.
pub(crate) fn write(connection: &mut Connection, likes: impl Iterator<Item = Like>) {
    let mut body = String::new();
    for (post, user) in likes {
        writeln!(body, "{{\"post\":\"post-{post:06}\",\"user\":\"user-{user:06}\"}}")
            .expect("memory takes all that is written");
    }
    if body.is_empty() {
        return;
    }
    let answer = connection.ask("POST", "/v1/likes", body.as_bytes());
    assert!(answer.status == 200, "likes are answered {}: {}", answer.status, answer.body);
}

/// A number that follows no pattern from one to the next: by Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators". A pattern in who likes what would make the likes small when they travel.
pub(crate) const fn scattered(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
