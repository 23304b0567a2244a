//! The protocol of one node: what is answered, when, and what a retry may not change.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod cluster;
mod durability;
mod live;
mod membership;
mod messages;
mod quorum;
mod repair;
mod restored;
mod seen;
mod traces;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use likewise_replica::input::Input;
use likewise_replica::member::NodeId;
use likewise_replica::output::{Answer, BatchId, Output};
use likewise_replica::replica::Replica;
use likewise_replica::write::{RequestId, Writes};
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::{Action, CausalLength};
use likewise_state::state::{Keys, State};

/// A replica with the two neighbours that it talks to, both obeying at once or when told.
struct Bench {
    state: Arc<State>,
    replica: Replica,
    persists: Vec<(BatchId, Delta)>,
    answers: BTreeMap<u64, Answer>,
    requests: u64,
}

impl Bench {
    fn new() -> Self {
        let state = Arc::new(State::new(Keys::for_tests()));
        Self {
            replica: Replica::new(NodeId(0), state.clone()),
            state,
            persists: Vec::new(),
            answers: BTreeMap::new(),
            requests: 0,
        }
    }

    fn handle(&mut self, input: Input) {
        self.replica.handle(input, Duration::ZERO);
        self.poll();
    }

    fn poll(&mut self) {
        while let Some(output) = self.replica.poll_output() {
            match output {
                Output::Persist { batch, delta, .. } => self.persists.push((batch, delta)),
                Output::Answer { request, answer } => {
                    assert!(self.answers.insert(request.0, answer).is_none(), "answered twice");
                }
                Output::Send { .. } | Output::Close { .. } | Output::Applied { .. } => {
                    panic!("there is no peer")
                }
            }
        }
    }

    fn write(&mut self, writes: Writes) -> u64 {
        self.requests += 1;
        self.handle(Input::Write { request: RequestId(self.requests), writes });
        self.requests
    }

    fn like(&mut self, user: &str, action: Action, seen: Option<u32>) -> u64 {
        let seen = seen.map(|seen| CausalLength::new(seen).unwrap());
        self.write(Writes::one(like(user), action, seen))
    }

    fn persisted(&mut self, batch: u64) {
        self.handle(Input::Persisted { batch: BatchId(batch) });
    }

    /// Persists whatever has been handed out, until nothing more comes.
    fn persist_all(&mut self) {
        while let Some((batch, _)) = self.persists.pop() {
            self.persists.clear();
            self.persisted(batch.0);
        }
    }

    fn length(&self, user: &str) -> u32 {
        self.state.length(like(user)).value()
    }
}

fn like(user: &str) -> Like<'_> {
    Like::new("post", "like", user).unwrap()
}
