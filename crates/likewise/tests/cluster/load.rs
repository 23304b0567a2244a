//! Clients that like and take back while the cluster suffers, each request twice and in no good order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::ask::{PATIENCE, agent, check, until};
use super::nodes::Node;
use super::record::{Record, post_of};

/// Clients at once. Most of them wait while a node is paused: the others must still make a load.
const CLIENTS: u64 = 16;

/// How long a client waits for an answer. Short, so that a paused node holds nobody for long.
const ANSWER: Duration = Duration::from_millis(500);

/// What a client rests after a request. It keeps a test from being about the machine's speed.
const REST: Duration = Duration::from_millis(8);

/// Users whose requests are mixed with each other.
const BATCH: usize = 64;

/// One request: raise the like of `user` from `seen` to the next length.
#[derive(Clone, Copy, Debug)]
struct Request {
    user: usize,
    seen: u32,
}

/// Numbers that look random and are the same in each run.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(stream: u64) -> Self {
        Self(0x2545_f491_4f6c_dd1d ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) const fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Likes by the next users: each request twice, a later request of a user before an earlier one too. Of
/// twenty users one takes the like back, and one takes it back and likes again.
fn batch(first: usize) -> VecDeque<Request> {
    let steps = |user: usize| match user % 20 {
        3 => 2,
        13 => 3,
        _ => 1,
    };
    let of_user = |user| (0..steps(user)).flat_map(move |seen| [Request { user, seen }; 2]);
    let mut requests: Vec<Request> = (first..first + BATCH).flat_map(of_user).collect();
    let mut random = Random::new(first as u64);
    for at in (1..requests.len()).rev() {
        requests.swap(at, random.below(at + 1));
    }
    requests.into()
}

/// What the clients share.
#[derive(Debug, Default)]
struct Shared {
    /// The nodes that a request may go to. Read for as long as a request is under way.
    targets: RwLock<Vec<String>>,
    /// Requests to come, and the user after those.
    queue: Mutex<(VecDeque<Request>, usize)>,
    record: Mutex<Record>,
    acknowledgements: AtomicUsize,
    stopped: AtomicBool,
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Sends likes by users from `first` on to nodes drawn from `targets`, until it is stopped.
    pub(crate) fn start(targets: Vec<String>, first: usize) -> Self {
        Self::start_with(targets, first, ANSWER)
    }

    /// The same, by clients who wait for an answer for as long as `answer`.
    pub(crate) fn start_with(targets: Vec<String>, first: usize, answer: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        *shared.targets.write().unwrap() = targets;
        shared.queue.lock().unwrap().1 = first;
        let client = |number| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || client(&shared, Random::new(number), answer))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    /// From now on the nodes are these: no client waits for an answer of another one any more.
    pub(crate) fn aim(&self, targets: Vec<String>) {
        *self.shared.targets.write().unwrap() = targets;
    }

    /// Waits until that many more requests were acknowledged.
    pub(crate) fn until_more(&self, count: usize) {
        let before = self.acknowledgements();
        until(&format!("{count} more acknowledgements"), PATIENCE, || {
            let more = self.acknowledgements() - before;
            check(more >= count, || format!("{more} acknowledgements"))
        });
    }

    /// How many requests were acknowledged so far.
    pub(crate) fn acknowledgements(&self) -> usize {
        let dead = self.clients.iter().filter(|client| client.is_finished()).count();
        assert_eq!(dead, 0, "clients have met what no client should meet");
        self.shared.acknowledgements.load(Ordering::Relaxed)
    }

    /// Stops all clients and answers with what they know.
    pub(crate) fn stop(mut self) -> Record {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        self.record()
    }

    /// What they know so far.
    pub(crate) fn record(&self) -> Record {
        self.shared.record.lock().unwrap().clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

fn client(shared: &Shared, mut random: Random, answer: Duration) {
    let agent = agent(answer);
    while !shared.stopped.load(Ordering::Relaxed) {
        let request = shared.next();
        let targets = shared.targets.read().unwrap();
        let target = &targets[random.below(targets.len())];
        let length = request.seen + 1;
        shared.record.lock().unwrap().attempted(request.user, length);
        if let Some(version) = send(&agent, target, request) {
            assert!(version >= u64::from(length), "{request:?} was answered with {version}");
            shared.record.lock().unwrap().acknowledged(request.user, length);
            shared.acknowledgements.fetch_add(1, Ordering::Relaxed);
        }
        drop(targets);
        std::thread::sleep(REST);
    }
}

impl Shared {
    fn next(&self) -> Request {
        let mut queue = self.queue.lock().unwrap();
        let (requests, user) = &mut *queue;
        if requests.is_empty() {
            *requests = batch(*user);
            *user += BATCH;
        }
        requests.pop_front().expect("a batch is never empty")
    }
}

/// Sends one request; the version that it was acknowledged with, if it was.
fn send(agent: &ureq::Agent, target: &str, Request { user, seen }: Request) -> Option<u64> {
    let post = post_of(user);
    let url = format!("{target}/v1/posts/post-{post}/likes/user-{user}?seen={seen}");
    let sent = if seen % 2 == 0 { agent.put(&url).send_empty() } else { agent.delete(&url).call() };
    // Only an answer that was read to its end is an acknowledgement.
    let mut response = sent.ok()?;
    let body = response.body_mut().read_to_string().ok()?;
    match response.status().as_u16() {
        200 => serde_json::from_str::<Value>(&body).unwrap()["version"].as_u64(),
        // The node says itself that it did not take the request.
        503 => None,
        status => panic!("{url}: {status}: {body}"),
    }
}

/// Writes likes by that many users, from `first` on, in one request to one node, which acknowledges all.
pub(crate) fn write_all(node: &Node, first: usize, count: usize, record: &mut Record) {
    let line = |user| {
        format!("{{\"post\":\"post-{}\",\"user\":\"user-{user}\",\"seen\":0}}\n", post_of(user))
    };
    let lines: String = (first..first + count).map(line).collect();
    let mut response = agent(PATIENCE).post(&format!("{}/v1/likes", node.url)).send(lines).unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["accepted"].as_u64(), Some(count as u64), "{answer}");
    (first..first + count).for_each(|user| record.acknowledged(user, 1));
}
