//! Clients that nothing may fail for while one node after the other is away: each repeats a request once, at
//! another node, and must have its answer then.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ask::{PATIENCE, agent, check, until};
use super::load::Random;
use super::record::{Record, post_of};

/// Clients at once.
const CLIENTS: u64 = 8;

/// How long a client waits for an answer: longer than a node may take, so that it is the node that gives up.
const ANSWER: Duration = Duration::from_secs(10);

/// What a client rests after a request. It keeps a test from being about the machine's speed.
const REST: Duration = Duration::from_millis(4);

/// Of so many users one is asked the voters about, where there are any.
const ASKS_VOTERS: usize = 4;

/// What the clients share.
#[derive(Debug, Default)]
struct Shared {
    targets: Vec<String>,
    asks_voters: bool,
    users: AtomicUsize,
    acknowledgements: AtomicUsize,
    stopped: AtomicBool,
    record: Mutex<Record>,
    seen: Mutex<Seen>,
}

/// What the clients have met, beside what was acknowledged to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Requests of which the first try failed and the second did not, by what was wrong with the first.
    pub(crate) retried: BTreeMap<String, usize>,
    /// Requests that failed twice, and answers that can't be.
    pub(crate) failed: Vec<String>,
    /// Requests that the voters answered.
    pub(crate) voted: usize,
    /// The longest time until an answer, both tries together.
    pub(crate) slowest: Duration,
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Steady {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

/// A request about the like of one user.
#[derive(Clone, Copy, Debug)]
struct Request {
    user: usize,
    /// The version that it starts from; `None` reads.
    seen: Option<u32>,
    asks_voters: bool,
}

impl Steady {
    /// Sends likes by users from `first` on to nodes drawn from `targets`, some of them by way of the voters
    /// where `asks_voters` is set, until it is stopped.
    pub(crate) fn start(targets: Vec<String>, first: usize, asks_voters: bool) -> Self {
        assert!(targets.len() > 1, "there is another node to go to");
        let users = AtomicUsize::new(first);
        let shared = Arc::new(Shared { targets, asks_voters, users, ..Shared::default() });
        let client = |number| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || client(&shared, Random::new(number)))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    /// Waits until that many more requests were acknowledged.
    pub(crate) fn until_more(&self, count: usize) {
        let before = self.acknowledgements();
        until(&format!("{count} more acknowledgements"), PATIENCE, || {
            let dead = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!dead, "a client has met what no client should meet");
            let more = self.acknowledgements() - before;
            check(more >= count, || format!("{more} acknowledgements"))
        });
    }

    /// How many writes were acknowledged so far.
    pub(crate) fn acknowledgements(&self) -> usize {
        self.shared.acknowledgements.load(Ordering::Relaxed)
    }

    /// What they know so far.
    pub(crate) fn record(&self) -> Record {
        self.shared.record.lock().unwrap().clone()
    }

    /// Stops all clients and answers with what they know and have met.
    pub(crate) fn stop(mut self) -> (Record, Seen) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let seen = self.shared.seen.lock().unwrap().clone();
        (self.record(), seen)
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

/// Likes by one user after the other; of ten users one takes the like back, and one likes again after that.
fn client(shared: &Shared, mut random: Random) {
    let agent = agent(ANSWER);
    while !shared.stopped.load(Ordering::Relaxed) {
        let user = shared.users.fetch_add(1, Ordering::Relaxed);
        let steps = match user % 10 {
            3 => 2,
            7 => 3,
            _ => 1,
        };
        let asks_voters = shared.asks_voters && user.is_multiple_of(ASKS_VOTERS);
        for seen in 0..steps {
            let request = Request { user, seen: Some(seen), asks_voters };
            shared.record.lock().unwrap().attempted(user, seen + 1);
            let Some(version) = shared.ask(&agent, &mut random, request) else { break };
            shared.expect(request, version, seen + 1);
            shared.record.lock().unwrap().acknowledged(user, seen + 1);
            shared.acknowledgements.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(REST);
        }
        if asks_voters {
            let request = Request { user, seen: None, asks_voters };
            // Whatever this client was told before must be known wherever it asks now.
            let acknowledged = shared.record.lock().unwrap().likes[&user].acknowledged;
            if let Some(version) = shared.ask(&agent, &mut random, request) {
                shared.expect(request, version, acknowledged);
            }
        }
    }
}

impl Shared {
    /// The version that a request is answered with, by the second node at the latest.
    fn ask(&self, agent: &ureq::Agent, random: &mut Random, request: Request) -> Option<u64> {
        let nodes = self.targets.len();
        let first = random.below(nodes);
        let second = (first + 1 + random.below(nodes - 1)) % nodes;
        let began = Instant::now();
        let mut problems = Vec::new();
        for target in [first, second] {
            match send(agent, &self.targets[target], request) {
                Ok(version) => {
                    let mut seen = self.seen.lock().unwrap();
                    seen.voted += usize::from(request.asks_voters);
                    seen.slowest = seen.slowest.max(began.elapsed());
                    if let Some(problem) = problems.pop() {
                        *seen.retried.entry(problem).or_default() += 1;
                    }
                    return Some(version);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let took = began.elapsed();
        let failed = format!("{request:?} at nodes {first} and {second}, {took:?}: {problems:?}");
        self.seen.lock().unwrap().failed.push(failed);
        None
    }

    fn expect(&self, request: Request, version: u64, expected: u32) {
        if version != u64::from(expected) {
            let wrong = format!("{request:?} was answered with {version} instead of {expected}");
            self.seen.lock().unwrap().failed.push(wrong);
        }
    }
}

/// The version that one try was answered with, or what kept it from that.
fn send(agent: &ureq::Agent, target: &str, request: Request) -> Result<u64, String> {
    let Request { user, seen, asks_voters } = request;
    let level = if asks_voters { "linearizable" } else { "local" };
    let seen_too = seen.map(|seen| format!("&seen={seen}")).unwrap_or_default();
    let post = post_of(user);
    let url =
        format!("{target}/v1/posts/post-{post}/likes/user-{user}?consistency={level}{seen_too}");
    let sent = match seen {
        None => agent.get(&url).call(),
        Some(seen) if seen % 2 == 0 => agent.put(&url).send_empty(),
        Some(_) => agent.delete(&url).call(),
    };
    // Only an answer that was read to its end is one.
    let mut response = sent.map_err(|error| error.to_string())?;
    let body = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
    let kind = answer["type"].as_str().unwrap_or("no problem");
    check(status == 200, || format!("{status} {kind}"))?;
    answer["version"].as_u64().ok_or_else(|| format!("no version: {answer}"))
}
