//! The verdict: every order was looked at and all is well, or here is what went wrong, step by step.

use std::fmt::{Display, Formatter, Result};
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::client::{Step, Then};
use crate::history::Call;
use crate::seats::{bit, seat};
use crate::state::State;
use crate::voter::Talk;
use crate::world::{Action, LINEARIZABLE, Steps, TRIED, World};

/// What a search has come to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The scenario.
    pub name: &'static str,
    /// How many different states were looked at.
    pub states: usize,
    /// How long it took.
    pub took: Duration,
    /// Whether everybody was answered in one of them, after all the crashes and changes of hands.
    pub tried: bool,
    /// What happened, one line a step, and what the clients saw; nothing if nothing is wrong.
    pub wrong: Option<Vec<String>>,
}

impl World {
    /// Looks at every state. Where voters are alike, one order of them stands for all.
    #[must_use]
    pub fn exhaust(self) -> Verdict {
        let began = Instant::now();
        let alike = self.scenario.visible.is_none() && self.steps == Steps::Few;
        let world = self.clone();
        let checker = self.checker().finish_when(HasDiscoveries::AnyFailures);
        if alike {
            world.verdict(checker.symmetry_fn(State::representative).spawn_dfs().join(), began)
        } else {
            world.verdict(checker.spawn_dfs().join(), began)
        }
    }

    /// Looks for the shortest way to a history that is wrong.
    #[must_use]
    pub fn shortest_mistake(self) -> Verdict {
        let began = Instant::now();
        let world = self.clone();
        let checker = self.checker().finish_when(HasDiscoveries::AnyFailures);
        world.verdict(checker.spawn_bfs().join(), began)
    }

    fn verdict(&self, checker: impl Checker<Self>, began: Instant) -> Verdict {
        let wrong = checker.discovery(LINEARIZABLE).map(|path| self.told(path.into_vec()));
        let tried = checker.discovery(TRIED).is_some();
        let states = checker.unique_state_count();
        Verdict { name: self.scenario.name, states, took: began.elapsed(), tried, wrong }
    }

    fn told(&self, path: Vec<(State, Option<Action>)>) -> Vec<String> {
        let mut lines = Vec::new();
        for pair in path.windows(2) {
            let (before, Some(action)) = &pair[0] else { continue };
            lines.push(self.step_told(before, *action, &pair[1].0));
        }
        let calls = path.iter().last().into_iter().flat_map(|(state, _)| state.history.calls());
        lines.extend(calls.map(call_told));
        lines
    }

    fn step_told(&self, before: &State, action: Action, after: &State) -> String {
        let Action::Arrive { client, voter, next_round, heard } = action else {
            return match action {
                Action::ArriveLate { voter, push } => {
                    format!("{}: {push:?} arrives late", name(voter))
                }
                Action::Begin { client } => format!("client {client}: begins"),
                Action::Round { client } => format!("client {client}: asks again"),
                Action::Hear { client, voter } => {
                    format!("client {client}: hears {}{}", name(voter), told(before, after))
                }
                Action::Sync { voter } => {
                    format!("{}: its disk has it all{}", name(voter), told(before, after))
                }
                Action::Crash { voter } => {
                    format!("{}: crashes, and holds {:?}", name(voter), after.voters[voter].memory)
                }
                Action::Claim { newcomer, voter } => {
                    format!("{}: claims its seat at {}", name(newcomer), name(voter))
                }
                Action::Copy { newcomer, voter } => {
                    let held = after.voters[newcomer].memory;
                    format!("{}: copies {}, and holds {held:?}", name(newcomer), name(voter))
                }
                Action::Arrive { .. } => unreachable!("it is told below"),
            };
        };
        let op = self.op(client, before).expect("a client that asks has something to do");
        let step = self.asked(before, client, next_round).expect("what arrives was asked");
        let held = after.voters[voter].memory;
        let fate = match (heard, after.voters[voter].talks[client]) {
            (false, _) => ", and the answer is lost".to_owned(),
            (true, Talk::Unsynced(_)) => ", and the answer waits for the disk".to_owned(),
            (true, _) => told(before, after),
        };
        format!(
            "client {client}, {op:?} -> {}: {}; it holds {held:?}{fate}",
            name(voter),
            question(step)
        )
    }
}

fn question(step: Step) -> String {
    match step {
        Step::Idle => "nothing".to_owned(),
        Step::Collect { round, push } => format!("pull, round {round}, with {push:?}"),
        Step::Spread { push, then: Then::Answer(_) } => format!("merge {push:?}"),
        Step::Spread { push, then: Then::Learned(_) } => format!("write back {push:?}"),
        Step::Guess { push } => format!("guess {push:?}"),
    }
}

fn name(voter: usize) -> String {
    match bit(voter) {
        0 => format!("voter {voter}"),
        _ => format!("newcomer of voter {}", seat(voter)),
    }
}

fn call_told(call: &Call) -> String {
    let answer = match call.answer {
        Some(answer) => format!("{answer:?}"),
        None => "never answered".to_owned(),
    };
    format!("seen by client {}: {:?} = {answer}", call.client, call.op)
}

/// Who was answered by a step.
fn told(before: &State, after: &State) -> String {
    let answered = |state: &State| {
        state
            .history
            .calls()
            .filter_map(|call| call.answer.map(|answer| (call.client, answer)))
            .collect::<Vec<_>>()
    };
    let old = answered(before);
    let mut new = answered(after);
    for known in old {
        if let Some(place) = new.iter().position(|answer| *answer == known) {
            new.remove(place);
        }
    }
    new.iter().map(|(client, answer)| format!(" => client {client} is told {answer:?}")).collect()
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let verdict = if self.wrong.is_some() { "WRONG" } else { "fine" };
        write!(
            f,
            "| {} | {} | {:.1} s | {verdict} |",
            self.name,
            self.states,
            self.took.as_secs_f64()
        )?;
        self.wrong.iter().flatten().try_for_each(|line| write!(f, "\n    {line}"))
    }
}
