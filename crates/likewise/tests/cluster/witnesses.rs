//! Clients who ask the voters, and remember when they asked what and what they were told: whether all of it
//! can have happened at one copy is then for the checker to say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use likewise_history::{Call, History, Reply, Verdict};
use serde_json::Value;

use super::ask::{PATIENCE, agent, check, until};
use super::load::Random;

/// Clients at once, all of them at the same post: what they do must overlap.
const CLIENTS: usize = 5;

/// Users that they write for.
const USERS: usize = 4;

/// Requests about one post, then the next one has its turn: short histories are decided soon.
const REQUESTS_A_POST: usize = 60;

/// As so many of them a request counts whose outcome is not known: each makes the search for an order longer.
const REQUESTS_AN_UNKNOWN: usize = 10;

/// How long a node may take for an answer, and how long a client waits for it.
const TIMEOUT: &str = "800ms";
const ANSWER: Duration = Duration::from_secs(2);

/// What a client rests after a request that nobody took.
const REST: Duration = Duration::from_millis(5);

/// Steps of the search for an order. What is not decided by then counts as a failure.
const STEPS_MAX: u64 = 5_000_000;

/// One request.
struct Seen {
    client: usize,
    call: Call,
    began: u64,
    reply: Option<(Reply, u64)>,
}

#[derive(Default)]
struct Shared {
    targets: Vec<String>,
    level: &'static str,
    /// Grows with each thing that a client notices: the order in which they do is the order of the clock.
    clock: AtomicU64,
    requests: AtomicUsize,
    replies: AtomicUsize,
    stopped: AtomicBool,
    posts: Mutex<BTreeMap<usize, Vec<Seen>>>,
}

/// Clients at work.
pub(crate) struct Witnesses {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Witnesses {
    /// Starts to ask the nodes at `targets`, each request at this level.
    pub(crate) fn start(targets: Vec<String>, level: &'static str) -> Self {
        let shared = Arc::new(Shared { targets, level, ..Shared::default() });
        let client = |number| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || client(&shared, number))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    /// Waits until that many more requests were answered.
    pub(crate) fn until_more(&self, count: usize) {
        let before = self.shared.replies.load(Ordering::Relaxed);
        until(&format!("{count} more replies"), PATIENCE, || {
            let dead = self.clients.iter().any(|client| client.is_finished());
            assert!(!dead, "a client has met what no client should meet");
            let more = self.shared.replies.load(Ordering::Relaxed) - before;
            check(more >= count, || format!("{more} replies"))
        });
    }

    /// How many requests were answered so far.
    pub(crate) fn replies(&self) -> usize {
        self.shared.replies.load(Ordering::Relaxed)
    }

    /// Stops all clients, and judges what they have seen. Answers how many replies that was.
    pub(crate) fn judge(mut self) -> usize {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let mut posts = self.shared.posts.lock().unwrap();
        let mut judged = 0;
        for (post, seen) in std::mem::take(&mut *posts) {
            judged += seen.iter().filter(|seen| seen.reply.is_some()).count();
            let history = history(seen);
            let parts: Vec<History> = match self.shared.level {
                "linearizable" => vec![history],
                _ => (0..USERS).map(|user| history.of_user(user)).collect(),
            };
            for part in parts {
                match part.check(STEPS_MAX) {
                    Verdict::Linearizable => {}
                    Verdict::Violated(violation) => panic!("post {post}: {violation}"),
                    Verdict::Undecided => panic!("post {post} was not decided"),
                }
            }
        }
        judged
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

fn history(mut seen: Vec<Seen>) -> History {
    seen.sort_by_key(|seen| seen.began);
    let mut history = History::default();
    for Seen { client, call, began, reply } in seen {
        let number = history.begin(client, call, began);
        if let Some((reply, at)) = reply {
            history.end(number, reply, at);
        }
    }
    history
}

fn client(shared: &Shared, number: usize) {
    let agent = agent(ANSWER);
    let mut random = Random::new(1_000 + number as u64);
    while !shared.stopped.load(Ordering::Relaxed) {
        let post = shared.requests.fetch_add(1, Ordering::Relaxed) / REQUESTS_A_POST;
        let call = choose(&mut random, shared.level);
        let target = &shared.targets[random.below(shared.targets.len())];
        let began = shared.clock.fetch_add(1, Ordering::SeqCst);
        let asked = ask(&agent, target, post, &call, shared.level);
        let ended = shared.clock.fetch_add(1, Ordering::SeqCst);
        let reply = match asked {
            Asked::Answered(reply) => Some((reply, ended)),
            Asked::Unknown => {
                shared.requests.fetch_add(REQUESTS_AN_UNKNOWN - 1, Ordering::Relaxed);
                None
            }
            Asked::NotTaken => {
                std::thread::sleep(REST);
                continue;
            }
        };
        shared.replies.fetch_add(usize::from(reply.is_some()), Ordering::Relaxed);
        let mut posts = shared.posts.lock().unwrap();
        posts.entry(post).or_default().push(Seen { client: number, call, began, reply });
    }
}

fn choose(random: &mut Random, level: &str) -> Call {
    let user = random.below(USERS);
    match random.below(if level == "linearizable" { 10 } else { 7 }) {
        0..=2 => Call::Raise { user, to: 1 + random.below(3) as u32 },
        3 | 4 => Call::Set { user, liked: random.below(2) == 0 },
        5 | 6 => Call::Version { user },
        7 | 8 => Call::Count,
        _ => Call::List,
    }
}

/// What became of a request.
enum Asked {
    Answered(Reply),
    /// It may have been done, or may yet be.
    Unknown,
    /// It never got anywhere.
    NotTaken,
}

fn ask(agent: &ureq::Agent, target: &str, post: usize, call: &Call, level: &str) -> Asked {
    let post = format!("{target}/v1/posts/witnessed-{level}-{post}");
    let level = format!("consistency={level}&timeout={TIMEOUT}");
    let like = |user: usize| format!("{post}/likes/{user}?{level}");
    let sent = match *call {
        Call::Raise { user, to } if to % 2 == 1 => {
            agent.put(format!("{}&seen={}", like(user), to - 1)).send_empty()
        }
        Call::Raise { user, to } => agent.delete(format!("{}&seen={}", like(user), to - 1)).call(),
        Call::Set { user, liked: true } => agent.put(like(user)).send_empty(),
        Call::Set { user, liked: false } => agent.delete(like(user)).call(),
        Call::Version { user } => agent.get(like(user)).call(),
        Call::Count => agent.get(format!("{post}?{level}")).call(),
        Call::List => agent.get(format!("{post}/likes?{level}")).call(),
    };
    let mut response = match sent {
        Ok(response) => response,
        Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            return Asked::NotTaken;
        }
        Err(_) => return Asked::Unknown,
    };
    let Ok(body) = response.body_mut().read_to_string() else { return Asked::Unknown };
    let answer: Value = serde_json::from_str(&body).unwrap();
    match response.status().as_u16() {
        200 => Asked::Answered(reply(call, &answer)),
        503 => Asked::Unknown,
        status => panic!("{call:?} at {target}: {status}: {body}"),
    }
}

fn reply(call: &Call, answer: &Value) -> Reply {
    let number = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("{answer}"));
    match *call {
        Call::Raise { to, .. } => {
            assert_eq!(number("version"), u64::from(to), "a target is what it was: {answer}");
            Reply::Done
        }
        Call::Set { .. } | Call::Version { .. } => Reply::Version(number("version") as u32),
        Call::Count => Reply::Count(number("likes")),
        Call::List => {
            let users = answer["users"].as_array().unwrap().iter();
            let users: BTreeSet<usize> =
                users.map(|user| user.as_str().unwrap().parse().unwrap()).collect();
            Reply::List(users)
        }
    }
}
