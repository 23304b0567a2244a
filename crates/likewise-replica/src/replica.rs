//! The replica: one match over the inputs.

use std::collections::VecDeque;
use std::sync::Arc;

use likewise_state::delta::Delta;
use likewise_state::state::State;

use crate::input::Input;
use crate::limits::{BATCHES_MAX, GATHERED_BYTES_MAX, GATHERED_REQUESTS_MAX, WRITES_MAX};
use crate::output::{Answer, BatchId, Output};
use crate::write::{Outcome, RequestId, Writes, Written, target};

/// One node's part of the protocol. It is the only writer of its state; readers may share it.
pub struct Replica {
    state: Arc<State>,
    journal: Journal,
    /// What has been merged since the last batch was handed out.
    gathered: Delta,
    waiting: Vec<Waiting>,
    last_batch: BatchId,
    /// Batches that the journal has not confirmed, oldest first, with the requests that wait for each.
    batches: VecDeque<(BatchId, Vec<Waiting>)>,
    answers: VecDeque<(RequestId, Answer)>,
}

/// A request and what it will be told.
type Waiting = (RequestId, Vec<Outcome>);

/// What the journal can do at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// It takes writes.
    Writable,
    /// It holds back what it has until it can write again. No write is taken meanwhile.
    Stalled,
    /// It has failed for good. No write is taken until the node is started anew.
    Failed,
}

impl Replica {
    /// A replica over a state that has been recovered.
    #[must_use]
    pub fn new(state: Arc<State>) -> Self {
        Self {
            state,
            journal: Journal::Writable,
            gathered: Delta::default(),
            waiting: Vec::new(),
            last_batch: BatchId::default(),
            batches: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    /// What the journal can do, as far as the replica has heard.
    #[must_use]
    pub const fn journal(&self) -> Journal {
        self.journal
    }

    /// Takes in what has happened. Then call [`Self::poll_output`] until it gives `None`; several inputs
    /// may go before that, and then share a batch.
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::Write { request, writes } => self.write(request, &writes),
            Input::Persisted { batch } => self.persisted(batch),
            Input::JournalStalled => self.journal_stopped(Journal::Stalled),
            Input::JournalFailed => self.journal_stopped(Journal::Failed),
        }
    }

    /// The next thing to do, if there is any.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some((request, answer)) = self.answers.pop_front() {
            return Some(Output::Answer { request, answer });
        }
        let is_idle = self.gathered.is_empty() && self.waiting.is_empty();
        if is_idle || self.batches.len() >= BATCHES_MAX || self.journal != Journal::Writable {
            return None;
        }
        self.last_batch.0 += 1;
        self.batches.push_back((self.last_batch, std::mem::take(&mut self.waiting)));
        Some(Output::Persist { batch: self.last_batch, delta: std::mem::take(&mut self.gathered) })
    }

    fn write(&mut self, request: RequestId, writes: &Writes) {
        assert!(writes.len() <= WRITES_MAX, "a request of {} writes", writes.len());
        if self.journal != Journal::Writable {
            return self.answers.push_back((request, Answer::Unavailable));
        }
        let bytes = self.gathered.as_bytes().len() + writes.bytes();
        if bytes > GATHERED_BYTES_MAX || self.waiting.len() >= GATHERED_REQUESTS_MAX {
            return self.answers.push_back((request, Answer::Overloaded));
        }
        let Self { state, gathered, .. } = self;
        let mut outcomes = Vec::with_capacity(writes.len());
        for (like, action, seen) in writes.iter() {
            let mut refusal = None;
            let raised = state.raise(like, |held| {
                target(held, action, seen).map_err(|why| refusal = Some(why)).ok()
            });
            if raised.changed() {
                gathered.push(like, raised.after);
            }
            let written =
                Written { length: raised.after, changed: raised.changed(), likes: raised.likes };
            outcomes.push(refusal.map_or(Ok(written), Err));
        }
        self.waiting.push((request, outcomes));
    }

    fn persisted(&mut self, batch: BatchId) {
        while self.batches.front().is_some_and(|&(id, _)| id <= batch) {
            let (_, waiting) = self.batches.pop_front().expect("it has a front");
            let done = waiting.into_iter().map(|(id, outcomes)| (id, Answer::Done(outcomes)));
            self.answers.extend(done);
        }
        // A stalled journal that has caught up takes writes again; until then what it holds back is
        // bounded, because nothing is added to it.
        if self.journal == Journal::Stalled && self.batches.is_empty() {
            self.journal = Journal::Writable;
        }
    }

    /// Everybody who waits is told so at once. What they wrote is in memory, and in the journal's hands
    /// or gathered here: it will be durable when the journal goes on, and a client that repeats its
    /// request is answered only then.
    fn journal_stopped(&mut self, journal: Journal) {
        if self.journal != Journal::Failed {
            self.journal = journal;
        }
        let batches = self.batches.iter_mut().flat_map(|(_, waiting)| waiting.drain(..));
        let waiting = batches.chain(self.waiting.drain(..));
        self.answers.extend(waiting.map(|(request, _)| (request, Answer::Unavailable)));
    }
}
