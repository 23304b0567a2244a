//! What clients ask of the voters, and what they are told.

use std::time::Duration;

use likewise_history::{Call, Reply};
use likewise_replica::input::Input;
use likewise_replica::output::Answer;
use likewise_replica::quorum::request::{Agreed, Level};
use likewise_replica::write::{RequestId, Writes};

use super::{Happening, World};
use crate::polls::{Checked, Polls, Told, numbers};

/// Requests about a post that are still made when all is well.
const LAST_REQUESTS: usize = 5;

/// The part of requests that go to a machine that may not run.
const BLIND: f64 = 0.1;

/// How long a client waits beyond the time that it gave the node.
const SLACK: Duration = Duration::from_millis(300);

/// Time between two readers when all is well.
const LAST_READERS: Duration = Duration::from_millis(7);

/// Which request of a client a node was asked for, and in which attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cast {
    pub(crate) ballot: usize,
    pub(crate) attempt: u32,
}

/// Something that happens to a client who asks voters.
pub(super) enum Step {
    /// It makes its next request.
    Call { caller: usize, poll: usize },
    /// A request arrives at a machine.
    Ask { cast: Cast, machine: usize },
    /// It is told something, or has waited for too long.
    Hear { cast: Cast, told: Told },
    /// A client writes something by way of this machine, and waits for long.
    Wait { machine: usize },
    /// A reader comes when all is well.
    Read { reader: usize, poll: usize, call: Call },
}

impl World {
    pub(super) fn begin_polls(&mut self) {
        let groups = self.polls.as_ref().map_or(0, Polls::groups);
        (0..groups).for_each(|group| self.next_poll(group));
    }

    fn next_poll(&mut self, group: usize) {
        let Some(polls) = &mut self.polls else { return };
        let Some((poll, at)) = polls.open(group) else { return };
        let at = at.max(self.now);
        for caller in polls.group(group) {
            let polls = self.polls.as_mut().expect("there are some");
            polls.enter(poll);
            let rest = polls.rest(caller, poll);
            self.at(at + rest, Happening::Vote(Step::Call { caller, poll }));
        }
    }

    pub(super) fn vote_step(&mut self, step: Step) {
        match step {
            Step::Call { caller, poll } => self.call(caller, poll),
            Step::Ask { cast, machine } => self.ask_voters(cast, machine),
            Step::Hear { cast, told } => self.hear_voters(cast, told),
            Step::Wait { machine } => self.write_patiently(machine),
            Step::Read { reader, poll, call } => {
                let Some(polls) = &mut self.polls else { return };
                let ballot = polls.last_reader(reader, poll, call, self.now);
                let cast = self.attempt(ballot);
                self.ask_voters(cast, reader);
            }
        }
    }

    fn call(&mut self, caller: usize, poll: usize) {
        let Some(polls) = &mut self.polls else { return };
        let ballot = polls.begin(caller, poll, self.now);
        let ballot = match ballot {
            None if !self.is_calm => polls.watch(caller, poll, self.now),
            ballot => ballot,
        };
        if let Some(ballot) = ballot {
            return self.ask_some_voter(ballot);
        }
        let group = polls.group_of(caller);
        if polls.leave(poll) {
            self.check_poll(poll);
            self.next_poll(group);
        }
    }

    fn write_patiently(&mut self, machine: usize) {
        let (Some(polls), Some(node)) = (&mut self.polls, &self.machines[machine].node) else {
            return;
        };
        let Some(poll) = polls.present() else { return };
        let user = self.chance.below(polls.users());
        let key = (polls.polls[poll].post, user);
        let held = node.state.length(self.model.like(key));
        let ballot = polls.patient(poll, user, held, self.now);
        let it = &polls.ballots[ballot];
        let (patience, told) = (it.timeout + SLACK, Told::Nothing);
        if let Call::Raise { to, .. } = it.call {
            self.model.voted(key, Some(to));
        }
        let cast = self.attempt(ballot);
        self.after(patience, Happening::Vote(Step::Hear { cast, told }));
        self.ask_voters(cast, machine);
    }

    fn attempt(&mut self, ballot: usize) -> Cast {
        let it = &mut self.polls.as_mut().expect("there are some").ballots[ballot];
        it.attempts += 1;
        Cast { ballot, attempt: it.attempts }
    }

    /// Sends a request to some machine; to two, now and then, where that is safe.
    fn ask_some_voter(&mut self, ballot: usize) {
        let cast = self.attempt(ballot);
        let polls = self.polls.as_mut().expect("there are some");
        let it = &mut polls.ballots[ballot];
        let (caller, poll, call, is_local) = (it.caller, it.poll, it.call, it.is_local);
        let patience = it.timeout + SLACK;
        let post = polls.polls[poll].post;
        match call {
            Call::Raise { user, to } => self.model.voted((post, user), Some(to)),
            Call::Set { user, .. } => self.model.voted((post, user), None),
            _ => {}
        }
        let duplicates = if self.is_calm { 0.0 } else { self.options.duplicates };
        let is_raise = matches!(call, Call::Raise { .. });
        let copies = if is_raise && polls.dice(caller).is(duplicates) { 2 } else { 1 };
        if is_local || copies > 1 {
            // What one of them says is not all there is to know.
            let _ = polls.hear(ballot, Told::Nothing, self.now);
            polls.ballots[ballot].is_open = !is_local;
        }
        for _ in 0..copies {
            let machine = self.some_machine(caller);
            let wait = self.network.one_way();
            self.after(wait, Happening::Vote(Step::Ask { cast, machine }));
        }
        if is_local {
            return self.rest_caller(caller, poll);
        }
        let told = Told::Nothing;
        self.after(patience, Happening::Vote(Step::Hear { cast, told }));
    }

    /// A machine that runs, most of the time.
    fn some_machine(&mut self, caller: usize) -> usize {
        let open: Vec<usize> =
            (0..self.machines.len()).filter(|&it| self.machines[it].is_open()).collect();
        let dice = self.polls.as_mut().expect("there are some").dice(caller);
        if open.is_empty() || dice.is(BLIND) {
            dice.below(self.machines.len())
        } else {
            *dice.pick(&open)
        }
    }

    fn rest_caller(&mut self, caller: usize, poll: usize) {
        let rest = self.polls.as_mut().expect("there are some").rest(caller, poll);
        self.after(rest, Happening::Vote(Step::Call { caller, poll }));
    }

    fn ask_voters(&mut self, cast: Cast, machine: usize) {
        if !self.machines[machine].is_open() {
            let wait = self.network.one_way();
            let told = Told::Not;
            return self.after(wait, Happening::Vote(Step::Hear { cast, told }));
        }
        let polls = self.polls.as_ref().expect("there are some");
        let it = &polls.ballots[cast.ballot];
        let (call, timeout) = (it.call, it.timeout);
        let node = self.machines[machine].node.as_mut().expect("it is open");
        node.requests_taken += 1;
        let request = RequestId(node.requests_taken);
        node.casts.insert(request.0, cast);
        let (level, post) = (polls.polls[it.poll].level, polls.polls[it.poll].post);
        let input = match it.write {
            Some((action, seen)) if it.is_local => {
                let like = self.model.like((post, it.user()));
                Input::Write { request, writes: Writes::one(like, action, seen) }
            }
            _ => {
                let operation = polls.operation(cast.ballot, &self.model);
                Input::Coordinate { request, operation, timeout }
            }
        };
        let (caller, is_local) = (it.caller, it.is_local);
        self.say(machine, "ask", request.0, || {
            let level = match level {
                _ if is_local => "local",
                Level::Linearizable => "linearizable",
                Level::Quorum => "quorum",
            };
            format!("caller {caller}, post {post}: {call}, {level}, within {timeout:?}")
        });
        self.put_before(machine, input);
    }

    /// A node answers.
    pub(super) fn voters_answer(
        &mut self,
        machine: usize,
        request: RequestId,
        cast: Cast,
        answer: Answer,
    ) {
        let told = match answer {
            Answer::Done(outcomes) => return self.told_locally(machine, cast, &outcomes),
            Answer::Agreed(agreed) => match self.reply(machine, cast, agreed) {
                Ok(told) => told,
                Err(wrong) => {
                    return self
                        .fail("an answer is what was asked for", format!("n{machine}: {wrong}"));
                }
            },
            Answer::Short(shortfall) => {
                if shortfall.may_take_effect {
                    Told::Nothing
                } else {
                    Told::Not
                }
            }
            Answer::Overloaded => Told::Not,
            Answer::Unavailable => Told::Nothing,
            Answer::Refused(_) | Answer::NoVoters => {
                let detail = format!("n{machine}: {answer:?}");
                return self.fail("no honest client is refused", detail);
            }
        };
        self.say(machine, "tell", request.0, || format!("{told:?}"));
        let polls = self.polls.as_mut().expect("there are some");
        if !self.is_calm && polls.answer_is_lost(cast.ballot) {
            return;
        }
        let wait = self.network.one_way();
        self.after(wait, Happening::Vote(Step::Hear { cast, told }));
    }

    /// What an agreement says to the client.
    fn reply(&self, machine: usize, cast: Cast, agreed: Agreed) -> Result<Told, String> {
        let polls = self.polls.as_ref().expect("there are some");
        let it = &polls.ballots[cast.ballot];
        let level = polls.polls[it.poll].level;
        let length = agreed.length.value();
        let likes = (level == Level::Linearizable).then_some(agreed.likes);
        Ok(match it.call {
            Call::Raise { to, .. } if length == to => Told::Reply(Reply::Done, None),
            Call::Set { liked, .. } if agreed.length.liked() == liked => {
                Told::Reply(Reply::Version(length), None)
            }
            Call::Raise { .. } | Call::Set { .. } => {
                return Err(format!("{}: version {length}", it.call));
            }
            Call::Version { .. } => Told::Reply(Reply::Version(length), likes),
            Call::Count => Told::Reply(Reply::Count(agreed.likes), None),
            Call::List => {
                let node = self.machines[machine].node.as_ref().expect("it has just answered");
                let listing = agreed.listing.ok_or("a list without users")?;
                let names = node.state.page(listing, None, polls.users() + 1);
                let users = numbers(names.iter(), &self.model);
                let users = users.ok_or_else(|| format!("nobody knows all of {names:?}"))?;
                Told::Reply(Reply::List(users), likes)
            }
        })
    }

    fn told_locally(
        &mut self,
        machine: usize,
        cast: Cast,
        outcomes: &[likewise_replica::write::Outcome],
    ) {
        let polls = self.polls.as_ref().expect("there are some");
        let it = &polls.ballots[cast.ballot];
        let post = polls.polls[it.poll].post;
        let (Some(Ok(written)), Call::Raise { user, to }) = (outcomes.first(), it.call) else {
            let detail = format!("n{machine}: {}: {outcomes:?}", it.call);
            return self.fail("no honest client is refused", detail);
        };
        let length = written.length.value();
        if length < to {
            let detail = format!("n{machine}: {}: {length}", it.call);
            return self.fail("an answer is what was asked for, or more", detail);
        }
        let node = self.machines[machine].node.as_ref().expect("it has just answered");
        let is_durable = node.storage.as_ref().is_some_and(|storage| storage.is_durable());
        let told = self.model.told(machine, (post, user), length, is_durable);
        self.check("a client is told of what is durable only", machine, told);
    }

    fn hear_voters(&mut self, cast: Cast, told: Told) {
        let Some(polls) = &mut self.polls else { return };
        let it = &polls.ballots[cast.ballot];
        let is_reply = matches!(told, Told::Reply(..));
        // Of an earlier attempt only a reply counts.
        if !it.is_open || !is_reply && it.attempts != cast.attempt {
            return;
        }
        let (caller, poll) = (it.caller, it.poll);
        let is_done = polls.hear(cast.ballot, told, self.now);
        self.figures.voted += u64::from(is_reply);
        match polls.is_caller(caller) {
            false => {}
            true if is_done => self.rest_caller(caller, poll),
            true => self.ask_some_voter(cast.ballot),
        }
    }

    fn check_poll(&mut self, poll: usize) -> Checked {
        let Some(polls) = &self.polls else { return Checked::default() };
        let level = polls.polls[poll].level;
        match polls.check(poll) {
            Ok(checked) => checked,
            Err(wrong) => {
                let check = match level {
                    Level::Linearizable => "a post is as if there were one copy of it",
                    Level::Quorum => "a like is as if there were one copy of it",
                };
                let post = polls.polls[poll].post;
                self.fail(check, format!("post {post}: {wrong}"));
                Checked::default()
            }
        }
    }

    /// Nothing goes wrong any more: clients ask for little more.
    pub(super) fn end_polls(&mut self) {
        if let Some(polls) = &mut self.polls {
            polls.come_to_an_end(LAST_REQUESTS);
        }
    }

    /// Lets every node be asked about every post.
    pub(super) fn read_polls(&mut self) {
        let Some(polls) = self.polls.as_ref().filter(|_| self.electorate.must_vote()) else {
            return;
        };
        let mut readers = Vec::new();
        for (number, poll) in polls.polls.iter().enumerate() {
            let users = 0..polls.users();
            let calls: Vec<Call> = match poll.level {
                Level::Quorum => users.map(|user| Call::Version { user }).collect(),
                Level::Linearizable => {
                    vec![Call::List, Call::Version { user: number % users.len() }]
                }
            };
            readers.extend(calls.into_iter().map(|call| (number, call)));
        }
        let mut at = self.now;
        for (poll, call) in readers {
            for reader in self.running().collect::<Vec<_>>() {
                self.at(at, Happening::Vote(Step::Read { reader, poll, call }));
            }
            at += LAST_READERS;
        }
    }

    /// All that clients saw, from the first to the last, must fit together.
    pub(super) fn check_polls(&mut self) {
        let Some(polls) = &self.polls else { return };
        let (count, first) = (polls.polls.len(), polls.ballots.iter());
        let mut last = first.filter(|it| !polls.is_caller(it.caller));
        if let Some(it) = last.find(|it| it.is_unread()) {
            let (post, call) = (polls.polls[it.poll].post, it.call);
            let detail = format!("post {post}: {call}: no reply");
            self.fail("when all is well voters answer", detail);
        }
        for poll in 0..count {
            let Checked { histories, undecided } = self.check_poll(poll);
            self.figures.histories += histories;
            self.figures.undecided += undecided;
        }
    }
}
