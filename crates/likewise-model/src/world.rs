//! What may happen next, and what it does: a [`Scenario`] under a [`Protocol`], for stateright.
//!
//! Three things make it small, and none of them hides a mistake:
//! - *An answer arrives at once, or never.* The earlier a client is told, the more must be in order after it,
//!   so the judge is strictest. An answer that never arrives is worth a step of its own only if its question
//!   wrote something.
//! - *An operation, or a round, begins when its first question arrives.* Nobody sees it earlier.
//! - *A message is never dropped: it is late for ever.* There is no step for it.
//!
//! A newcomer takes no question before it votes: that it may store what comes earlier shows nobody more.
//! That nodes also tell each other of likes on their own is in here too: it is a `Merge` that arrives
//! somewhere while its answer does not.

use stateright::{Model, Property};

use crate::client::{Client, Decision, Step, begin, decide, next_round};
use crate::history::History;
use crate::post::{Answer, Op, Post};
use crate::protocol::{Answers, Protocol, Quorum, Reads, Seats, VOTERS};
use crate::scenario::Scenario;
use crate::seats::{bit, votes};
use crate::state::State;
use crate::voter::{Talk, Voter};

/// A scenario under rules.
#[derive(Clone, Debug)]
pub struct World {
    /// Who asks for what.
    pub scenario: Scenario,
    /// By which rules.
    pub protocol: Protocol,
    /// In how small steps.
    pub steps: Steps,
}

/// In how small steps a world goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// What nobody can tell apart happens at once, and voters that are alike are one.
    Few,
    /// One at a time: beginnings, questions, answers. Many times more states, so this only serves to see that
    /// the other way hides nothing.
    Every,
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
    /// An operation begins. Only where every step is taken, as the next two.
    Begin {
        /// Whose.
        client: usize,
    },
    /// A round begins.
    Round {
        /// Whose.
        client: usize,
    },
    /// An answer arrives.
    Hear {
        /// Who hears it.
        client: usize,
        /// Whose it is.
        voter: usize,
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
    /// A newcomer and a voter tell each other their rolls.
    Claim {
        /// Who claims a seat.
        newcomer: usize,
        /// Who is told.
        voter: usize,
    },
    /// The newcomer copies all that a voter holds.
    Copy {
        /// Who copies.
        newcomer: usize,
        /// Whose.
        voter: usize,
    },
}

/// What must be so always.
pub const LINEARIZABLE: &str = "the history is linearizable";

/// What must be so sometimes, or the search has seen nothing.
pub const TRIED: &str = "all that may go wrong did, and everybody was answered";

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let start = self.scenario.start;
        let holder = Voter { memory: start, disk: start, votes: true, ..Voter::default() };
        let mut voters = vec![holder; VOTERS];
        for voter in VOTERS..VOTERS + self.scenario.newcomers {
            let roll = if self.protocol.seats.rolls() { bit(voter) } else { 0 };
            let votes = self.protocol.seats == Seats::AtOnce;
            voters.push(Voter { roll, votes, ..Voter::default() });
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
            if held.votes {
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
        self.takeovers(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let crashes = self.scenario.crashes > 0;
        match action {
            Action::Arrive { client, voter, next_round, heard } => {
                self.go_on(&mut next, client, next_round);
                self.arrive(&mut next, client, voter, heard);
            }
            Action::Begin { client } => self.go_on(&mut next, client, false),
            Action::Round { client } => self.go_on(&mut next, client, true),
            Action::Hear { client, voter } => self.hear(&mut next, client, voter),
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
            Action::Claim { newcomer, voter } => self.claim(&mut next, newcomer, voter),
            Action::Copy { newcomer, voter } => self.copy(&mut next, newcomer, voter),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(LINEARIZABLE, |_, state: &State| !state.wrong),
            Property::sometimes(TRIED, |world: &Self, state: &State| {
                let answered = state.history.calls().filter(|call| call.answer.is_some()).count();
                let changed = state.voters.iter().all(|voter| voter.votes);
                answered == world.scenario.ops() && state.crashes == 0 && changed
            }),
        ]
    }
}

impl World {
    /// The scenario under the rules.
    #[must_use]
    pub const fn new(scenario: Scenario, protocol: Protocol) -> Self {
        Self { scenario, protocol, steps: Steps::Few }
    }

    /// What the client is doing or will do next.
    pub(crate) fn op(&self, client: usize, state: &State) -> Option<Op> {
        self.scenario.clients[client].get(usize::from(state.clients[client].done)).copied()
    }

    /// Whether an answer that could still come may be wrong. Writes are always answered alike, and a read
    /// that has all its answers of the last round gives up.
    fn may_show_a_mistake(&self, state: &State, client: usize) -> bool {
        let done = usize::from(state.clients[client].done);
        let left = &self.scenario.clients[client][done..];
        let waits = |voter: &Voter| !matches!(voter.talks[client], Talk::Lost | Talk::Heard(_));
        let Step::Collect { round, .. } = state.clients[client].step else {
            return left.iter().any(|op| !matches!(op, Op::Join(..)));
        };
        self.protocol.reads != Reads::SameState
            || round + 1 < self.scenario.rounds
            || state.voters.iter().any(waits)
    }

    fn questions(&self, state: &State, client: usize, actions: &mut Vec<Action>) {
        let Some(op) = self.op(client, state) else { return };
        let Some(now) = self.asked(state, client, false) else { return };
        let next = self.next_round(state, client, op);
        if self.steps == Steps::Every {
            self.small_steps(state, client, next.is_some(), actions);
            return;
        }
        for (voter, held) in state.voters.iter().enumerate() {
            if !self.scenario.sees(client, voter) || !held.votes {
                continue;
            }
            if held.talks[client] == Talk::Asked {
                push_arrivals(actions, client, voter, held, now, false);
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

    fn small_steps(&self, state: &State, client: usize, round: bool, actions: &mut Vec<Action>) {
        if state.clients[client].step == Step::Idle {
            actions.push(Action::Begin { client });
            return;
        }
        if round {
            actions.push(Action::Round { client });
        }
        for (voter, held) in state.voters.iter().enumerate() {
            match held.talks[client] {
                Talk::Asked if held.votes && self.scenario.sees(client, voter) => {
                    actions.push(Action::Arrive { client, voter, next_round: false, heard: true });
                }
                Talk::OnItsWay(_) => actions.push(Action::Hear { client, voter }),
                _ => {}
            }
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

    fn arrive(&self, state: &mut State, client: usize, voter: usize, heard: bool) {
        let step = state.clients[client].step;
        let crashes = self.scenario.crashes > 0;
        let waits = crashes && self.waits_for_the_disk(step);
        let held = &mut state.voters[voter];
        held.receive(step.push(), crashes);
        let post = held.memory;
        held.talks[client] = match heard {
            false => Talk::Lost,
            true if waits && held.disk != post => Talk::Unsynced(post),
            true => Talk::OnItsWay(held.vote(post)),
        };
        if self.steps == Steps::Few {
            self.hear(state, client, voter);
        }
    }

    /// The client begins its next operation or its next round, unless it is in it.
    fn go_on(&self, state: &mut State, client: usize, next_round: bool) {
        let op = self.op(client, state).expect("only a client that has something to do asks");
        let step = self.asked(state, client, next_round).expect("what arrives was asked");
        if state.clients[client].step == Step::Idle {
            let done = usize::from(state.clients[client].done);
            state.history.call(self.scenario.place(client, done), client, op);
        }
        if state.clients[client].step != step {
            self.enter(state, client, step);
        }
    }

    fn hear(&self, state: &mut State, client: usize, voter: usize) {
        if let Talk::OnItsWay(vote) = state.voters[voter].talks[client] {
            state.voters[voter].talks[client] = Talk::Heard(vote);
            self.settle(state, client);
        }
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
                state.voters[voter].talks[client] = Talk::OnItsWay(state.voters[voter].vote(post));
                if self.steps == Steps::Few {
                    self.hear(state, client, voter);
                }
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
                // A write that ends can always be the last so far, so that makes nothing wrong.
                state.wrong =
                    answer != Answer::Done && !state.history.is_linearizable(self.scenario.start);
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
