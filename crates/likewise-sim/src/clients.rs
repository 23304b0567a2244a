//! Clients: they like and unlike, repeat what was not answered, and go to another machine for it.
//!
//! Most carry the version that they last saw, so whatever they repeat counts once. Others don't, as the
//! simplest of clients: they may be surprised by their own repetitions, but never by a loss.

use std::collections::BTreeMap;
use std::time::Duration;

use likewise_replica::write::Writes;
use likewise_state::length::{Action, CausalLength};

use crate::chance::Chance;
use crate::model::{Key, Model};
use crate::options::Options;

/// How long a client waits for an answer before it asks somebody else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// How often a client asks before it gives up.
pub(crate) const ATTEMPTS_MAX: u32 = 12;

/// How far apart the copies of a request can be.
pub(crate) const COPY_LATE_MAX: Duration = Duration::from_secs(30);

/// What a node has been asked: by whom, and which operation it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) client: usize,
    pub(crate) operation: usize,
}

/// One write of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) key: Key,
    action: Action,
    seen: Option<CausalLength>,
}

impl Wish {
    /// What comes of it at least, where the client said what it had seen.
    pub(crate) fn target(&self) -> Option<u32> {
        Some(self.seen?.target(self.action)?.value())
    }
}

/// A request, with all its repetitions.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) wishes: Vec<Wish>,
    pub(crate) attempts: u32,
    pub(crate) is_done: bool,
}

impl Operation {
    pub(crate) fn writes(&self, model: &Model) -> Writes {
        let mut writes = Writes::default();
        for wish in &self.wishes {
            writes.push(model.like(wish.key), wish.action, wish.seen);
        }
        writes
    }
}

/// A client.
pub(crate) struct Client {
    chance: Chance,
    /// Whether it says what it has seen.
    has_memory: bool,
    users: Vec<usize>,
    posts: usize,
    writes: usize,
    seen: BTreeMap<Key, CausalLength>,
    /// Requests that it has still to make.
    pub(crate) left: usize,
    pub(crate) operations: Vec<Operation>,
}

impl Client {
    /// All clients of a run.
    pub(crate) fn all(options: &Options) -> Vec<Self> {
        let mut chance = Chance::new(options.seed, "clients");
        let is_shared = chance.is(0.3);
        let clients = options.clients;
        let with_memory: Vec<bool> = (0..clients).map(|_| chance.is(0.8)).collect();
        let new = |number: usize| {
            // Two devices of one user, now and then; but never one that remembers and one that does not.
            let other = number ^ 1;
            let shares = is_shared && with_memory.get(other) == Some(&with_memory[number]);
            let is_mine = |user: &usize| {
                let owner = user % clients;
                owner == number || shares && owner == other
            };
            let users: Vec<usize> = (0..options.users.max(clients)).filter(is_mine).collect();
            Self {
                chance: Chance::new(options.seed, &format!("client {number}")),
                has_memory: with_memory[number],
                users,
                posts: options.posts,
                writes: options.writes,
                seen: BTreeMap::new(),
                left: options.requests,
                operations: Vec::new(),
            }
        };
        (0..clients).map(new).collect()
    }

    /// Makes up a request.
    pub(crate) fn new_operation(&mut self, model: &mut Model) -> usize {
        let count = 1 + self.chance.below(self.writes);
        let mut wishes: BTreeMap<Key, Wish> = BTreeMap::new();
        for _ in 0..count {
            let key = (self.chance.below(self.posts), *self.chance.pick(&self.users));
            let action = if self.chance.is(0.7) { Action::Like } else { Action::Unlike };
            let known = self.seen.get(&key).copied().unwrap_or(CausalLength::UNTOUCHED);
            let wish = Wish { key, action, seen: self.has_memory.then_some(known) };
            wishes.insert(key, wish);
        }
        let wishes: Vec<Wish> = wishes.into_values().collect();
        for wish in &wishes {
            if let Some(target) = wish.target() {
                model.asked(wish.key, target);
            }
        }
        self.operations.push(Operation { wishes, attempts: 0, is_done: false });
        self.operations.len() - 1
    }

    /// A node has told what length a like has.
    pub(crate) fn saw(&mut self, key: Key, length: CausalLength) {
        let known = self.seen.entry(key).or_default();
        *known = length.max(*known);
    }

    /// How many copies of a request leave, and how late each of them is.
    pub(crate) fn copies(&mut self, duplicates: f64) -> Vec<Duration> {
        let mut copies = vec![Duration::ZERO];
        while copies.len() < 4 && self.chance.is(duplicates) {
            let late = if self.chance.is(0.2) { COPY_LATE_MAX } else { PATIENCE };
            copies.push(self.chance.time(Duration::from_millis(1)..late));
        }
        copies
    }

    pub(crate) fn rest(&mut self, usual: Duration) -> Duration {
        self.chance.about(usual, 0.02)
    }

    /// Which of so many machines to ask.
    pub(crate) fn choice(&mut self, machines: usize) -> usize {
        self.chance.below(machines)
    }

    /// Whether an answer is lost on its way.
    pub(crate) fn answer_is_lost(&mut self, loss: f64) -> bool {
        self.chance.is(loss)
    }
}
