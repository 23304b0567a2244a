//! What may happen next, and what it does: a [`Scenario`] under a [`Protocol`], for stateright.
//!
//! Three things make it small, and none of them hides a mistake:
//! - *An answer arrives at once, or never.* The earlier a client is told, the more must be in order after it,
//!   so the judge is strictest. An answer that never arrives is worth a step of its own only if its question
//!   wrote something.
//! - *An operation, or a round, begins when its first question arrives.* Nobody sees it earlier.
//! - *A message is never dropped: it is late for ever.* There is no step for it.
//!
//! That nodes also tell each other of likes on their own is in here too: it is a `Merge` that arrives
//! somewhere while its answer does not.

use stateright::{Model, Property};

use crate::client::{Client, Decision, Step, begin, decide, next_round};
use crate::history::History;
use crate::post::{Op, Post};
use crate::protocol::{Answers, Protocol, Quorum, Reads, Seats, VOTERS};
use crate::scenario::Scenario;
use crate::state::{NEWCOMER, State};
use crate::voter::{Talk, Voter};

/// A scenario under rules.
#[derive(Clone, Debug)]
pub struct World {
    /// Who asks for what.
    pub scenario: Scenario,
    /// By which rules.
    pub protocol: Protocol,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client's question arrives at a voter.
    Arrive {
        /// Whose question.
        client: usize,
        /// Where.
        voter: usize,
        /// Whether it is the first question of the client's next round.
        next_round: bool,
        /// Whether the answer gets back.
        heard: bool,
    },
    /// A question of a step that is over arrives at a voter, and nobody waits for the answer.
    ArriveLate {
        /// Where.
        voter: usize,
        /// What it writes.
        push: Post,
    },
    /// All that a voter holds is on its disk now.
    Sync {
        /// Whose.
        voter: usize,
    },
    /// A voter loses what is not on its disk, and starts again.
    Crash {
        /// Who.
        voter: usize,
    },
    /// A voter's roll names the newcomer as holder of seat 0 from now on.
    Claim {
        /// Whose roll.
        voter: usize,
    },
    /// The newcomer copies all that a voter holds.
    Copy {
        /// Whose.
        voter: usize,
    },
}

/// The name of the one property.
pub const LINEARIZABLE: &str = "the history is linearizable";

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let start = self.scenario.start;
        let mut voters = vec![Voter { memory: start, disk: start, ..Voter::default() }; VOTERS];
        if self.scenario.newcomer {
            let names_newcomer = self.protocol.seats.rolls();
            voters.push(Voter { names_newcomer, ..Voter::default() });
        }
        let clients = vec![Client::default(); self.scenario.clients.len()];
        let history = History::new(self.scenario.ops());
        let crashes = self.scenario.crashes;
        vec![State { voters, clients, history, crashes, wrong: false }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let mut readers = 0..state.clients.len();
        if state.wrong || !readers.any(|client| self.may_show_a_mistake(state, client)) {
            return;
        }
        for client in 0..state.clients.len() {
            self.questions(state, client, actions);
        }
        for (voter, held) in state.voters.iter().enumerate() {
            if self.takes_part(state, voter) {
                actions
                    .extend(held.late.iter().map(|push| Action::ArriveLate { voter, push: *push }));
            }
            if held.disk != held.memory && self.scenario.crashes > 0 {
                actions.push(Action::Sync { voter });
                if state.crashes > 0 {
                    actions.push(Action::Crash { voter });
                }
            }
        }
        if state.has_newcomer() {
            self.changes_of_hands(state, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let crashes = self.scenario.crashes > 0;
        match action {
            Action::Arrive { client, voter, next_round: next, heard } => {
                return Some(self.arrive(state.clone(), client, voter, next, heard));
            }
            Action::ArriveLate { voter, push } => {
                let voter = &mut next.voters[voter];
                voter.late.retain(|late| *late != push);
                voter.receive(push, crashes);
            }
            Action::Sync { voter } => self.sync(&mut next, voter),
            Action::Crash { voter } => {
                next.crashes -= 1;
                next.voters[voter].crash();
            }
            Action::Claim { voter } => next.voters[voter].names_newcomer = true,
            Action::Copy { voter } => {
                let copied = next.voters[voter].memory;
                next.voters[voter].copied = true;
                next.voters[NEWCOMER].receive(copied, crashes);
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(LINEARIZABLE, |_, state: &State| !state.wrong)]
    }
}

impl World {
    /// What the client is doing or will do next.
    pub(crate) fn op(&self, client: usize, state: &State) -> Option<Op> {
        self.scenario.clients[client].get(usize::from(state.clients[client].done)).copied()
    }

    /// Whether an answer that could still come may be wrong. Writes are always answered alike, and a read
    /// that has all its answers of the last round gives up.
    fn may_show_a_mistake(&self, state: &State, client: usize) -> bool {
        let done = usize::from(state.clients[client].done);
        let left = &self.scenario.clients[client][done..];
        let waits = |voter: &Voter| matches!(voter.talks[client], Talk::Asked | Talk::Unsynced(_));
        let Step::Collect { round, .. } = state.clients[client].step else {
            return left.iter().any(|op| !matches!(op, Op::Join(..)));
        };
        self.protocol.reads != Reads::SameState
            || round + 1 < self.scenario.rounds
            || state.voters.iter().any(waits)
    }

    fn questions(&self, state: &State, client: usize, actions: &mut Vec<Action>) {
        let Some(op) = self.op(client, state) else { return };
        let now = state.clients[client];
        let first = match now.step {
            Step::Idle => begin(&self.protocol, op, self.scenario.start),
            step => step,
        };
        let next = self.next_round(state, client, op);
        for (voter, held) in state.voters.iter().enumerate() {
            if !self.scenario.sees(client, voter) || !self.takes_part(state, voter) {
                continue;
            }
            if held.talks[client] == Talk::Asked {
                push_arrivals(actions, client, voter, held, first, false);
            }
            if let Some(step) = next {
                push_arrivals(actions, client, voter, held, step, true);
            }
        }
    }

    /// The step that an arriving question belongs to.
    pub(crate) fn asked(&self, state: &State, client: usize, next_round: bool) -> Option<Step> {
        let op = self.op(client, state)?;
        match state.clients[client].step {
            Step::Idle => Some(begin(&self.protocol, op, self.scenario.start)),
            _ if next_round => self.next_round(state, client, op),
            step => Some(step),
        }
    }

    fn next_round(&self, state: &State, client: usize, op: Op) -> Option<Step> {
        let votes = votes(state, client);
        if votes.len() < self.quorum(client) {
            return None;
        }
        let step = next_round(&self.protocol, op, state.clients[client], &votes)?;
        let Step::Collect { round, .. } = step else { return None };
        (round < self.scenario.rounds).then_some(step)
    }

    fn quorum(&self, client: usize) -> usize {
        match self.protocol.quorum {
            Quorum::OfTheList => VOTERS / 2 + 1,
            Quorum::OfTheVisible => self.scenario.visible_to(client) / 2 + 1,
        }
    }

    /// A newcomer takes nothing before it votes. That it may store what it is sent earlier shows nobody more.
    fn takes_part(&self, state: &State, voter: usize) -> bool {
        if voter != NEWCOMER {
            return true;
        }
        let others = &state.voters[1..VOTERS];
        let copied = others.iter().all(|other| other.copied);
        let named = others.iter().all(|other| other.names_newcomer);
        match self.protocol.seats {
            Seats::AtOnce => true,
            Seats::CopyOnly => copied,
            Seats::ClaimThenCopy | Seats::ClaimThenCopyEach | Seats::CopyThenClaim => {
                copied && named
            }
        }
    }

    fn changes_of_hands(&self, state: &State, actions: &mut Vec<Action>) {
        let others = &state.voters[1..VOTERS];
        let copied = others.iter().all(|other| other.copied);
        let named = others.iter().all(|other| other.names_newcomer);
        for voter in 1..VOTERS {
            let other = &state.voters[voter];
            let (may_claim, may_copy) = match self.protocol.seats {
                Seats::ClaimThenCopy => (true, named),
                Seats::ClaimThenCopyEach => (true, other.names_newcomer),
                Seats::CopyThenClaim => (copied, true),
                Seats::CopyOnly => (false, true),
                Seats::AtOnce => (false, false),
            };
            if may_claim && !other.names_newcomer {
                actions.push(Action::Claim { voter });
            }
            if may_copy && !other.copied {
                actions.push(Action::Copy { voter });
            }
        }
    }

    fn arrive(
        &self,
        mut state: State,
        client: usize,
        voter: usize,
        next_round: bool,
        heard: bool,
    ) -> State {
        let op = self.op(client, &state).expect("only a client that has something to do asks");
        let step = self.asked(&state, client, next_round).expect("what arrives was asked");
        if state.clients[client].step == Step::Idle {
            let done = usize::from(state.clients[client].done);
            state.history.call(self.scenario.place(client, done), client, op);
        }
        if state.clients[client].step != step {
            self.enter(&mut state, client, step);
        }
        let crashes = self.scenario.crashes > 0;
        let waits = crashes && self.waits_for_the_disk(step);
        let held = &mut state.voters[voter];
        held.receive(step.push(), crashes);
        let post = held.memory;
        held.talks[client] = match heard {
            false => Talk::Lost,
            true if waits && held.disk != post => Talk::Unsynced(post),
            true => Talk::Heard(held.vote(post)),
        };
        self.settle(&mut state, client);
        state
    }

    fn waits_for_the_disk(&self, step: Step) -> bool {
        match self.protocol.answers {
            Answers::AfterTheDisk => true,
            Answers::WritesAfterTheDisk => matches!(step, Step::Spread { .. }),
            Answers::BeforeTheDisk => false,
        }
    }

    fn sync(&self, state: &mut State, voter: usize) {
        let held = &mut state.voters[voter];
        held.disk = held.memory;
        held.receive(Post::default(), true);
        for client in 0..state.clients.len() {
            if let Talk::Unsynced(post) = state.voters[voter].talks[client] {
                state.voters[voter].talks[client] = Talk::Heard(state.voters[voter].vote(post));
                self.settle(state, client);
            }
        }
    }

    /// Goes as far as the votes lead.
    fn settle(&self, state: &mut State, client: usize) {
        let Some(op) = self.op(client, state) else { return };
        let step = state.clients[client].step;
        let quorum = self.quorum(client);
        match decide(&self.protocol, op, step, &votes(state, client), quorum) {
            Decision::Wait => {}
            Decision::Ask(step) => self.enter(state, client, step),
            Decision::Answer(answer) => {
                let done = usize::from(state.clients[client].done);
                self.enter(state, client, Step::Idle);
                state.clients[client].done += 1;
                state.history.answer(self.scenario.place(client, done), answer);
                state.wrong = !state.history.is_linearizable(self.scenario.start);
            }
        }
    }

    fn enter(&self, state: &mut State, client: usize, step: Step) {
        let push = state.clients[client].step.push();
        let crashes = self.scenario.crashes > 0;
        for voter in &mut state.voters {
            voter.leave_behind(client, push, crashes);
        }
        state.clients[client].step = step;
        if step.writes() {
            let done = usize::from(state.clients[client].done);
            state.history.shows(self.scenario.place(client, done));
        }
    }
}

/// An answer that does not get back is worth a step where the question writes something.
fn push_arrivals(
    actions: &mut Vec<Action>,
    client: usize,
    voter: usize,
    held: &Voter,
    step: Step,
    next_round: bool,
) {
    actions.push(Action::Arrive { client, voter, next_round, heard: true });
    if matches!(step, Step::Collect { .. }) && !held.memory.covers(step.push()) {
        actions.push(Action::Arrive { client, voter, next_round, heard: false });
    }
}

/// The votes that count, at most one of each seat. A newcomer's vote takes the place of the old holder's, and
/// a roll that names the newcomer takes the old holder's away.
fn votes(state: &State, client: usize) -> Vec<Post> {
    let heard = |voter: usize| match state.voters.get(voter)?.talks[client] {
        Talk::Heard(vote) => Some(vote),
        _ => None,
    };
    let newcomer = heard(NEWCOMER);
    let replaced = (1..VOTERS).filter_map(heard).any(|vote| vote.names_newcomer);
    let first = newcomer.or_else(|| heard(0).filter(|_| !replaced));
    first.into_iter().chain((1..VOTERS).filter_map(heard)).map(|vote| vote.post).collect()
}
