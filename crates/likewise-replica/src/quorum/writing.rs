//! The coordinator of writes: a target goes to all voters, and is done when a majority has made it durable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use likewise_state::delta::Delta;
use likewise_state::length::CausalLength;

use crate::limits::{ASK_AGAIN, LOOK_REST, OPERATIONS_MAX};
use crate::member::LinkId;
use crate::output::Answer;
use crate::quorum::ballot::{Ask, AskId, Vote};
use crate::quorum::hold::Held;
use crate::quorum::reading::Reader;
use crate::quorum::request::{Agreed, Operation, Shortfall, Subject, Wish};
use crate::quorum::seats::Seat;
use crate::quorum::{At, Quorum, Request};
use crate::replica::Replica;
use crate::write::{RequestId, target};

/// What the voters are to join.
pub(crate) struct Target {
    pub(crate) request: RequestId,
    pub(crate) subject: Subject,
    pub(crate) user: String,
    pub(crate) length: CausalLength,
    /// Whether the client wanted a change. What a reader writes back is there already.
    pub(crate) changes: bool,
}

/// A target on its way to the voters.
pub(crate) struct Writing {
    request: RequestId,
    target: CausalLength,
    changes: bool,
    entries: Delta,
    pub(crate) votes: BTreeMap<usize, Seat>,
    ask_again: Duration,
}

impl Writing {
    fn ask(&self, id: AskId) -> Ask {
        Ask::Merge { id, entries: self.entries.clone() }
    }
}

impl Replica {
    /// Takes a request that the voters are to stand behind.
    pub(crate) fn coordinate(
        &mut self,
        request: RequestId,
        operation: Operation,
        timeout: Duration,
    ) {
        let deadline = self.peers.now + timeout;
        let Some(quorum) = &mut self.quorum else {
            return self.answers.push_back((request, Answer::NoVoters));
        };
        if quorum.requests.len() >= OPERATIONS_MAX {
            return self.answers.push_back((request, Answer::Overloaded));
        }
        quorum.next_look = quorum.next_look.min(deadline);
        let Operation { level, subject, wish, trace } = operation;
        quorum.requests.insert(request, Request { deadline, at: At::Hold, rounds: 0, trace });
        match wish {
            Wish::Write { user, action, seen: Some(seen) } => {
                let held = self.state.length(subject.like(&user));
                match target(held, action, Some(seen)) {
                    Ok(length) => {
                        self.write_target(Target { request, subject, user, length, changes: true });
                    }
                    Err(refusal) => self.finish(request, Answer::Refused(refusal)),
                }
            }
            Wish::Write { user, action, seen: None } => {
                let (user, action) = (Some(user), Some(action));
                self.read(level, subject, Reader { request, user, lists: false, action });
            }
            Wish::Read { user, lists } => {
                self.read(level, subject, Reader { request, user, lists, action: None });
            }
        }
    }

    /// Sends a target to the voters, once its post is not held.
    pub(crate) fn write_target(&mut self, target: Target) {
        let now = self.peers.now;
        let slot = self.state.slot(target.subject.post());
        match &mut self.quorum {
            Some(quorum) if quorum.holds.holds(slot, now) => {
                self.wait_for_hold(Held::Write(target));
            }
            _ => self.begin_write(target),
        }
    }

    /// Sends a target to the voters, and from here on the request is bound to it. It is this node's own news
    /// too: every other node hears of it by mail.
    pub(crate) fn begin_write(&mut self, target: Target) {
        let now = self.peers.now;
        let Target { request, subject, user, length: target, changes } = target;
        // It may have been given up while it waited for a hold.
        let known = self.quorum.as_ref().and_then(|quorum| quorum.requests.get(&request));
        let Some(trace) = known.map(|known| known.trace) else { return };
        if !self.takes_entries() {
            return self.finish(request, Answer::Unavailable);
        }
        let like = subject.like(&user);
        let mut entries = Delta::default();
        // To aim at an untouched like is to unlike what nobody ever liked: there is nothing to be written.
        if target != CausalLength::UNTOUCHED {
            entries.push(like, target);
            let raised = self.state.raise(like, |_| Some(target));
            if let Some(place) = raised.place {
                self.gather(like, target, place);
                self.peers.changed(place);
                trace.into_iter().for_each(|context| self.peers.trace(context));
            }
        }
        let Some(quorum) = &mut self.quorum else { return };
        let id = quorum.next_ask();
        if let Some(known) = quorum.requests.get_mut(&request) {
            known.at = At::Writing(id);
            known.rounds += 1;
        }
        let ask_again = now + ASK_AGAIN;
        quorum.next_look = quorum.next_look.min(ask_again);
        let votes = BTreeMap::new();
        let writing = Writing { request, target, changes, entries, votes, ask_again };
        let ask = writing.ask(id);
        quorum.writings.insert(id, writing);
        self.ask_all(&ask, &BTreeSet::new());
    }

    /// Asks every voter that can be asked, this node too, except those that have answered. Whom it has asked.
    pub(crate) fn ask_all(&mut self, ask: &Ask, answered: &BTreeSet<usize>) -> BTreeSet<usize> {
        let Some(quorum) = &mut self.quorum else { return BTreeSet::new() };
        let peers = &self.peers;
        let mut asked = quorum.askable(|link| peers.is_mailed_on(link));
        asked.retain(|voter, _| !answered.contains(voter));
        for &link in asked.values() {
            quorum.outgoing.entry(link).or_default().asks.push(ask.clone());
        }
        let mut asked: BTreeSet<usize> = asked.into_keys().collect();
        let me = quorum.seating.as_ref().map(|seating| seating.voter);
        if let Some(me) = me.filter(|me| quorum.is_active() && !answered.contains(me)) {
            asked.insert(me);
            self.answer(None, ask.clone());
        }
        asked
    }

    /// A voter can be asked from now on: whatever is open goes to it too.
    pub(crate) fn ask_what_is_open(&mut self, voter: usize, link: LinkId) {
        let Some(quorum) = &mut self.quorum else { return };
        let open =
            quorum.writings.iter().filter(|(_, writing)| !writing.votes.contains_key(&voter));
        let mut asks: Vec<Ask> = open.map(|(&id, writing)| writing.ask(id)).collect();
        asks.extend(quorum.join_rounds(voter));
        quorum.figures.asked_again += asks.len() as u64;
        quorum.outgoing.entry(link).or_default().asks.extend(asks);
    }

    /// Votes have come in. `Err` says why the link has to be closed.
    pub(crate) fn voted(
        &mut self,
        link: LinkId,
        list: u64,
        votes: Vec<Vote>,
    ) -> Result<(), String> {
        let Some(quorum) = self.quorum.as_ref().filter(|quorum| quorum.list == list) else {
            return Ok(());
        };
        let roll = quorum.rolls.get(&link).filter(|roll| roll.is_active);
        let Some((voter, seat)) = roll.map(|roll| (roll.voter, roll.seat)) else { return Ok(()) };
        for vote in votes {
            if !self.is_about_what_was_asked(&vote) {
                return Err("it answered something else than it was asked".to_owned());
            }
            self.count_vote(voter, seat, vote);
        }
        Ok(())
    }

    /// Takes in a vote from whoever held a voter's seat when it was given, unless somebody else does now.
    pub(crate) fn count_vote(&mut self, voter: usize, seat: Seat, vote: Vote) {
        if !self.quorum.as_ref().is_some_and(|quorum| quorum.counts(voter, seat)) {
            return;
        }
        match vote {
            Vote::Merged { id } => self.merged(id, voter, seat),
            Vote::Report { id, digest, likes, lengths, entries } => {
                self.merge_report(&entries);
                self.reported(id, voter, seat, (digest, likes, lengths));
            }
        }
    }

    fn merged(&mut self, id: AskId, voter: usize, seat: Seat) {
        let Some(quorum) = &mut self.quorum else { return };
        let Some(writing) = quorum.writings.get_mut(&id) else { return };
        writing.votes.insert(voter, seat);
        let (request, length) = (writing.request, writing.target);
        if writing.votes.len() >= quorum.voters.majority() {
            quorum.writings.remove(&id);
            quorum.figures.writes += 1;
            self.finish(request, Answer::Agreed(Agreed::on_length(length)));
        }
    }

    /// Answers a request, and forgets it.
    pub(crate) fn finish(&mut self, request: RequestId, mut answer: Answer) {
        let known = self.quorum.as_mut().and_then(|quorum| quorum.requests.remove(&request));
        let Some(known) = known else { return };
        if let Answer::Agreed(agreed) = &mut answer {
            agreed.rounds = known.rounds;
        }
        self.answers.push_back((request, answer));
    }

    /// Gives up what has waited for too long, and asks again where no answer has come.
    pub(crate) fn look_after_requests(&mut self) {
        let now = self.peers.now;
        let Some(quorum) = &mut self.quorum else { return };
        if quorum.requests.is_empty() || now < quorum.next_look {
            return;
        }
        let late = quorum.requests.iter().filter(|(_, request)| request.deadline <= now);
        let late: Vec<RequestId> = late.map(|(&request, _)| request).collect();
        late.into_iter().for_each(|request| self.give_up(request, false));
        self.go_on_with_readings();
        let Some(quorum) = &mut self.quorum else { return };
        let mut again = Vec::new();
        for (&id, writing) in &mut quorum.writings {
            if writing.ask_again <= now {
                writing.ask_again = now + ASK_AGAIN;
                again.push((writing.ask(id), writing.votes.keys().copied().collect()));
            }
        }
        quorum.figures.asked_again += again.len() as u64;
        for (ask, answered) in &again {
            self.ask_all(ask, answered);
        }
        let Some(quorum) = &mut self.quorum else { return };
        quorum.next_look = quorum.first_due().max(now + LOOK_REST);
    }

    /// Tells a client that the voters did not agree in time.
    pub(crate) fn give_up(&mut self, request: RequestId, is_contended: bool) {
        let Some(quorum) = &mut self.quorum else { return };
        let Some(at) = quorum.requests.get(&request).map(|known| known.at) else { return };
        let (answered, may_take_effect) = match at {
            At::Hold => (BTreeSet::new(), false),
            At::Writing(id) => {
                let writing = quorum.writings.remove(&id);
                let changes = writing.as_ref().is_some_and(|writing| writing.changes);
                let votes = writing.map(|writing| writing.votes).unwrap_or_default();
                (votes.into_keys().collect(), changes)
            }
            At::Reading(id) => (quorum.leave_reading(id, request), false),
        };
        match is_contended {
            true => quorum.figures.contended += 1,
            false => quorum.figures.unanswered += 1,
        }
        let askable = quorum.askable(|link| self.peers.is_mailed_on(link));
        let voters = quorum.parts(&answered, &askable);
        let majority = quorum.voters.majority();
        let shortfall = Shortfall { majority, voters, may_take_effect, is_contended };
        self.finish(request, Answer::Short(shortfall));
    }
}

impl Quorum {
    /// When the first of the open requests has something due.
    fn first_due(&self) -> Duration {
        let deadlines = self.requests.values().map(|request| request.deadline);
        let writings = self.writings.values().map(|writing| writing.ask_again);
        let readings = self.readings.values().map(|reading| reading.due());
        deadlines.chain(writings).chain(readings).min().unwrap_or(Duration::MAX)
    }
}
