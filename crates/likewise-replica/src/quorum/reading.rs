//! The coordinator of reads: asks all voters for what they hold, round after round, until a majority holds the
//! same.
//!
//! | where a round stands                                  | then                                              |
//! |-------------------------------------------------------|---------------------------------------------------|
//! | a majority has reported one digest                    | learned: all readers are answered                 |
//! | a majority has answered, not all alike, others may yet | a short grace for the others                     |
//! | ... and all that were asked have answered, or it is over | the next round, with what was heard merged      |
//! | it was the last round                                 | given up: others write to the post all the time   |
//!
//! Readers of one post on one node share rounds. Whoever comes while a round is on its way joins the next one:
//! what is reported in this one may be from before they came.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use likewise_state::delta::Delta;
use likewise_state::digest::Digest;
use likewise_state::length::{Action, CausalLength};

use crate::limits::{
    ASK_AGAIN, RECENT_FIRST, RECENT_MAX, ROUND_GRACE, ROUND_REST, ROUND_USERS_MAX, ROUNDS_AT_ONCE,
    ROUNDS_MAX,
};
use crate::output::Answer;
use crate::quorum::ballot::{Ask, AskId, Vote};
use crate::quorum::request::{Agreed, Level, Subject};
use crate::quorum::seats::Seat;
use crate::quorum::writing::Target;
use crate::quorum::{At, Quorum};
use crate::replica::Replica;
use crate::write::{Refusal, RequestId};

/// The number of a reading on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReadingId(pub(crate) u64);

/// Someone who waits for a reading.
pub(crate) struct Reader {
    pub(crate) request: RequestId,
    /// Whose length is wanted.
    pub(crate) user: Option<String>,
    /// Whether the users are wanted.
    pub(crate) lists: bool,
    /// What is to be done then: a write that had no target.
    pub(crate) action: Option<Action>,
}

/// A digest, a count and the lengths that were asked about.
type Report = (Digest, u64, Vec<CausalLength>);

/// A read on its way.
pub(crate) struct Reading {
    level: Level,
    subject: Subject,
    readers: Vec<Reader>,
    /// Who came after the present round had begun.
    joining: Vec<Reader>,
    round: u32,
    /// What is asked in the present round.
    ask: Option<(AskId, Ask)>,
    users: Vec<String>,
    /// Who was asked in it.
    asked: BTreeSet<usize>,
    reports: BTreeMap<usize, (Seat, Report)>,
    /// When the others have had their grace, or the next round may begin.
    next_round: Option<Duration>,
    ask_again: Duration,
}

impl Reading {
    /// When something is due.
    pub(crate) fn due(&self) -> Duration {
        self.next_round.unwrap_or(self.ask_again).min(self.ask_again)
    }
}

impl Replica {
    /// Begins to read, or joins those who read the same post.
    pub(crate) fn read(&mut self, level: Level, subject: Subject, reader: Reader) {
        let Some(quorum) = &mut self.quorum else { return };
        let shared = quorum.shared.get(&subject).copied().filter(|_| level == Level::Linearizable);
        let id = shared.unwrap_or_else(|| {
            quorum.last_reading += 1;
            ReadingId(quorum.last_reading)
        });
        if let Some(request) = quorum.requests.get_mut(&reader.request) {
            request.at = At::Reading(id);
        }
        if let Some(reading) = quorum.readings.get_mut(&id) {
            return reading.joining.push(reader);
        }
        if level == Level::Linearizable {
            quorum.shared.insert(subject.clone(), id);
        }
        let reading = Reading {
            level,
            subject,
            readers: Vec::new(),
            joining: vec![reader],
            round: 0,
            ask: None,
            users: Vec::new(),
            asked: BTreeSet::new(),
            reports: BTreeMap::new(),
            next_round: None,
            ask_again: Duration::ZERO,
        };
        quorum.readings.insert(id, reading);
        self.begin_round(id);
    }

    fn begin_round(&mut self, id: ReadingId) {
        let now = self.peers.now;
        let ask_id = match &mut self.quorum {
            Some(quorum) => quorum.next_ask(),
            None => return,
        };
        let Some(quorum) = &mut self.quorum else { return };
        let is_voter = quorum.is_active();
        let Some(reading) = quorum.readings.get_mut(&id) else { return };
        reading.take_in();
        reading.reports.clear();
        reading.next_round = None;
        reading.ask_again = now + ASK_AGAIN;
        let (round, subject) = (reading.round, reading.subject.clone());
        let is_shared = reading.level == Level::Linearizable;
        let wants_to_be_equal = is_voter || reading.readers.iter().any(|reader| reader.lists);
        let entries_max = match round {
            _ if !is_shared => 0,
            0 if !wants_to_be_equal => 0,
            0 => RECENT_FIRST,
            _ => entries_in(round),
        };
        let entries = match round {
            0 => Delta::default(),
            _ => quorum.newest_of(&self.state, &subject, entries_in(round)),
        };
        let Some(reading) = quorum.readings.get_mut(&id) else { return };
        let ask = Ask::Pull {
            id: ask_id,
            digest: self.state.post(subject.post(), subject.kind()).digest,
            holds: round > 0,
            entries_max,
            users: reading.users.clone(),
            entries,
            subject: subject.clone(),
        };
        let last = reading.ask.replace((ask_id, ask.clone()));
        if let Some((last, _)) = last {
            quorum.rounds.remove(&last);
        }
        quorum.rounds.insert(ask_id, id);
        quorum.next_look = quorum.next_look.min(now + ASK_AGAIN);
        if round > 0 {
            self.hold(&subject);
        }
        let asked = self.ask_all(&ask, &BTreeSet::new());
        // This node's own answer may have been enough.
        let reading = self.quorum.as_mut().and_then(|quorum| quorum.readings.get_mut(&id));
        if let Some(reading) = reading.filter(|it| it.ask.as_ref().is_some_and(|a| a.0 == ask_id)) {
            reading.asked = asked;
            self.look_at_round(id);
        }
    }

    /// Whether a vote fits what was asked, as far as anybody still waits for it.
    pub(crate) fn is_about_what_was_asked(&self, vote: &Vote) -> bool {
        let (Vote::Report { id, lengths, .. }, Some(quorum)) = (vote, &self.quorum) else {
            return true;
        };
        let reading = quorum.rounds.get(id).and_then(|reading| quorum.readings.get(reading));
        reading.is_none_or(|reading| reading.users.len() == lengths.len())
    }

    /// Takes in what a voter holds and this node may lack.
    pub(crate) fn merge_report(&mut self, entries: &Delta) {
        if !entries.is_empty() && self.takes_entries() {
            self.merge_entries(entries);
        }
    }

    pub(crate) fn reported(&mut self, ask: AskId, voter: usize, seat: Seat, report: Report) {
        let Some(quorum) = &mut self.quorum else { return };
        let Some(&id) = quorum.rounds.get(&ask) else { return };
        let Some(reading) = quorum.readings.get_mut(&id) else { return };
        reading.reports.insert(voter, (seat, report));
        self.look_at_round(id);
    }

    /// Sees whether a round has come to something.
    fn look_at_round(&mut self, id: ReadingId) {
        let now = self.peers.now;
        let Some(quorum) = &mut self.quorum else { return };
        let Some(reading) = quorum.readings.get(&id) else { return };
        let reports: Vec<&Report> = reading.reports.values().map(|(_, report)| report).collect();
        let majority = quorum.voters.majority();
        if reports.len() < majority {
            return;
        }
        if reading.level == Level::Quorum {
            let lengths: BTreeSet<CausalLength> =
                reports.iter().filter_map(|(_, _, lengths)| lengths.first().copied()).collect();
            return self.read_one(id, &lengths);
        }
        let alike =
            |digest: Digest| reports.iter().filter(|(theirs, ..)| *theirs == digest).count();
        let learned = reports.iter().find(|&&&(digest, ..)| alike(digest) >= majority);
        if let Some(learned) = learned.map(|&learned| learned.clone()) {
            return self.learned(id, &learned);
        }
        let all_answered = reading.asked.iter().all(|voter| reading.reports.contains_key(voter));
        let is_due = reading.next_round.is_some_and(|at| at <= now);
        if all_answered || is_due {
            return self.next_round(id);
        }
        if let Some(reading) = quorum.readings.get_mut(&id) {
            let grace = *reading.next_round.get_or_insert(now + ROUND_GRACE);
            quorum.next_look = quorum.next_look.min(grace);
        }
    }

    /// A majority holds exactly this.
    fn learned(&mut self, id: ReadingId, (digest, likes, lengths): &Report) {
        let Some(quorum) = &mut self.quorum else { return };
        let Some(reading) = quorum.readings.get_mut(&id) else { return };
        let (subject, round) = (reading.subject.clone(), reading.round);
        let users = std::mem::take(&mut reading.users);
        let readers = std::mem::take(&mut reading.readers);
        quorum.figures.rounds[(round as usize).min(3)] += 1;
        let lists = readers.iter().any(|reader| reader.lists);
        let listing = lists.then(|| self.state.listing(subject.post(), subject.kind()));
        // This node's own list is an answer only if it is the list of what was learned.
        let listing = listing.filter(|listing| listing.digest == *digest);
        let is_told = |reader: &Reader| !reader.lists || listing.is_some();
        let (told, unlisted): (Vec<Reader>, Vec<Reader>) = readers.into_iter().partition(is_told);
        if unlisted.is_empty() {
            self.release(&subject, round);
        }
        for reader in told {
            let at = reader.user.as_ref().and_then(|user| users.iter().position(|it| it == user));
            let length = at.map_or(CausalLength::UNTOUCHED, |at| lengths[at]);
            let listing = reader.lists.then(|| listing.clone()).flatten();
            let agreed =
                Agreed { likes: *likes, digest: *digest, listing, ..Agreed::on_length(length) };
            self.tell(&subject, reader, agreed, round + 1);
        }
        let reading = self.quorum.as_mut().and_then(|quorum| quorum.readings.get_mut(&id));
        let Some(reading) = reading else { return };
        if unlisted.is_empty() {
            return self.end_reading(id);
        }
        reading.readers = unlisted;
        self.next_round(id);
    }

    /// Writes to a post need to be held back no longer, where rounds that did so were necessary.
    fn release(&mut self, subject: &Subject, round: u32) {
        if round > 0 {
            let release = Ask::Release { subject: subject.clone() };
            self.ask_all(&release, &BTreeSet::new());
            // A coordinator without a vote holds back its own writes too.
            self.answer(None, release);
        }
    }

    /// Tells a reader, or begins the write that it wanted.
    fn tell(&mut self, subject: &Subject, reader: Reader, agreed: Agreed, rounds: u32) {
        let Reader { request, user, action, .. } = reader;
        self.count_rounds(request, rounds);
        let target = action.map(|action| agreed.length.target(action));
        match (target, user) {
            (Some(None), _) => self.finish(request, Answer::Refused(Refusal::Frozen)),
            (Some(Some(target)), Some(user)) if target != agreed.length => {
                let subject = subject.clone();
                self.begin_write(Target { request, subject, user, length: target, changes: true });
            }
            _ => {
                if let Some(quorum) = &mut self.quorum {
                    quorum.figures.reads += 1;
                }
                self.finish(request, Answer::Agreed(agreed));
            }
        }
    }

    /// Voters were asked so often before a request could be answered, or its write begun.
    fn count_rounds(&mut self, request: RequestId, rounds: u32) {
        let known = self.quorum.as_mut().and_then(|quorum| quorum.requests.get_mut(&request));
        known.into_iter().for_each(|known| known.rounds += rounds);
    }

    /// A majority has told of one like. Unless all of it had the largest length it is written back before it is
    /// told: whoever reads later must not find less.
    fn read_one(&mut self, id: ReadingId, lengths: &BTreeSet<CausalLength>) {
        let Some(quorum) = &mut self.quorum else { return };
        let Some(reading) = quorum.readings.get_mut(&id) else { return };
        let subject = reading.subject.clone();
        let length = lengths.last().copied().unwrap_or_default();
        let is_everywhere = lengths.len() == 1;
        for reader in std::mem::take(&mut reading.readers) {
            let target = reader.action.map_or(Some(length), |action| length.target(action));
            match (target, reader.user.clone()) {
                (Some(target), Some(user)) if target != length || !is_everywhere => {
                    let changes = reader.action.is_some();
                    self.count_rounds(reader.request, 1);
                    self.begin_write(Target {
                        request: reader.request,
                        subject: subject.clone(),
                        user,
                        length: target,
                        changes,
                    });
                }
                _ => {
                    self.tell(&subject, reader, Agreed::on_length(length), 1);
                }
            }
        }
        self.end_reading(id);
    }

    /// Nobody waits for a reading any more, except who came after its last round had begun.
    fn end_reading(&mut self, id: ReadingId) {
        let Some(quorum) = &mut self.quorum else { return };
        let Some(reading) = quorum.readings.get_mut(&id) else { return };
        if reading.joining.is_empty() {
            return quorum.forget_reading(id);
        }
        reading.round = 0;
        reading.users.clear();
        self.begin_round(id);
    }

    fn next_round(&mut self, id: ReadingId) {
        let now = self.peers.now;
        let Some(quorum) = &mut self.quorum else { return };
        let Some(reading) = quorum.readings.get_mut(&id) else { return };
        reading.round += 1;
        let round = reading.round;
        if round >= ROUNDS_MAX {
            let readers: Vec<RequestId> = reading.readers.iter().map(|it| it.request).collect();
            let subject = reading.subject.clone();
            readers.into_iter().for_each(|request| self.give_up(request, true));
            self.release(&subject, round);
            return self.end_reading(id);
        }
        if round < ROUNDS_AT_ONCE {
            return self.begin_round(id);
        }
        let rest = now + ROUND_REST * 2u32.pow(round - ROUNDS_AT_ONCE);
        reading.next_round = Some(rest);
        reading.ask_again = rest;
        // Answers to the last round would only begin the next one at once.
        let last = reading.ask.take();
        let subject = &reading.subject;
        let mine = self.state.post(subject.post(), subject.kind()).digest;
        let reports = std::mem::take(&mut reading.reports).into_iter();
        let differing = reports.filter(|(_, (_, (digest, ..)))| *digest != mine);
        let differing: Vec<usize> = differing.map(|(voter, _)| voter).collect();
        if let Some((last, _)) = last {
            quorum.rounds.remove(&last);
        }
        quorum.next_look = quorum.next_look.min(rest);
        self.repair_with(&differing);
    }

    /// What voters differ in may be older than the entries that rounds exchange: then a repair finds it.
    fn repair_with(&mut self, voters: &[usize]) {
        let now = self.peers.now;
        let Some(quorum) = &self.quorum else { return };
        for roll in quorum.rolls.values().filter(|roll| voters.contains(&roll.voter)) {
            if let Some(mailed) = self.peers.mailed.get_mut(&roll.seat.node) {
                mailed.repair_due.get_or_insert(now);
            }
        }
    }

    /// Begins the rounds that are due, and asks again where no answer has come.
    pub(crate) fn go_on_with_readings(&mut self) {
        let now = self.peers.now;
        let Some(quorum) = &mut self.quorum else { return };
        let due = quorum.readings.iter().filter(|(_, reading)| reading.due() <= now);
        let due: Vec<ReadingId> = due.map(|(&id, _)| id).collect();
        for id in due {
            let Some(quorum) = &mut self.quorum else { return };
            let Some(reading) = quorum.readings.get_mut(&id) else { continue };
            let Some((_, ask)) = reading.ask.clone() else {
                if reading.next_round.is_some_and(|at| at <= now) {
                    self.begin_round(id);
                }
                continue;
            };
            if reading.next_round.is_some_and(|at| at <= now) {
                self.look_at_round(id);
                continue;
            }
            reading.ask_again = now + ASK_AGAIN;
            let answered = reading.reports.keys().copied().collect();
            quorum.figures.asked_again += 1;
            self.ask_all(&ask, &answered);
            // Its votes may be fewer than they were when it was last looked at.
            self.look_at_round(id);
        }
    }
}

impl Reading {
    /// Lets those join who came in the last round, as long as there is room for their users.
    fn take_in(&mut self) {
        for reader in std::mem::take(&mut self.joining) {
            let is_known = reader.user.as_ref().is_none_or(|user| self.users.contains(user));
            if !is_known && self.users.len() >= ROUND_USERS_MAX {
                self.joining.push(reader);
                continue;
            }
            if !is_known {
                self.users.extend(reader.user.clone());
            }
            self.readers.push(reader);
        }
    }
}

impl Quorum {
    /// Takes back the votes of those who no longer hold their seats: other votes came after theirs, from whoever
    /// has heard of the new holder, and the two must not be counted together.
    pub(crate) fn void_votes(&mut self) {
        let Self { known, writings, readings, .. } = self;
        for writing in writings.values_mut() {
            writing.votes.retain(|&voter, seat| known.of(voter) == *seat);
        }
        for reading in readings.values_mut() {
            reading.reports.retain(|&voter, (seat, _)| known.of(voter) == *seat);
            // What is left may be no majority, which is what the grace is for.
            reading.next_round.take_if(|_| reading.ask.is_some());
        }
    }

    /// Lets a voter that can be asked from now on take part in all rounds that are on their way.
    pub(crate) fn join_rounds(&mut self, voter: usize) -> Vec<Ask> {
        let mut asks = Vec::new();
        for reading in self.readings.values_mut() {
            if let Some((_, ask)) = &reading.ask
                && !reading.reports.contains_key(&voter)
            {
                asks.push(ask.clone());
                reading.asked.insert(voter);
            }
        }
        asks
    }

    /// Takes a reader out, and answers who had reported.
    pub(crate) fn leave_reading(&mut self, id: ReadingId, request: RequestId) -> BTreeSet<usize> {
        let Some(reading) = self.readings.get_mut(&id) else { return BTreeSet::new() };
        reading.readers.retain(|reader| reader.request != request);
        reading.joining.retain(|reader| reader.request != request);
        let answered = reading.reports.keys().copied().collect();
        if reading.readers.is_empty() && reading.joining.is_empty() {
            self.forget_reading(id);
        }
        answered
    }

    fn forget_reading(&mut self, id: ReadingId) {
        let Some(reading) = self.readings.remove(&id) else { return };
        if let Some((ask, _)) = reading.ask {
            self.rounds.remove(&ask);
        }
        if self.shared.get(&reading.subject) == Some(&id) {
            self.shared.remove(&reading.subject);
        }
    }
}

/// How many entries are told to whoever differs in a round.
fn entries_in(round: u32) -> usize {
    let growth = 4usize.saturating_pow(round.saturating_sub(1));
    RECENT_FIRST.saturating_mul(growth).min(RECENT_MAX)
}
