//! The voter: joins what it is asked to join, tells what it holds, and answers only what its disk holds too.

use likewise_state::delta::Delta;
use likewise_state::digest::Digest;
use likewise_state::length::CausalLength;

use crate::limits::RECENT_MAX;
use crate::member::LinkId;
use crate::output::BatchId;
use crate::quorum::Quorum;
use crate::quorum::ballot::{Ask, AskId, Vote};
use crate::quorum::hold::Held;
use crate::quorum::request::Subject;
use crate::replica::{Journal, Replica, Waiting};

impl Replica {
    /// Questions have come in. Whoever does not vote, or can take nothing at present, says nothing: it is
    /// asked again, or somebody else is enough.
    pub(crate) fn asked(&mut self, link: LinkId, list: u64, asks: Vec<Ask>) {
        let is_mine = |quorum: &Quorum| quorum.list == list && quorum.is_active();
        if self.quorum.as_deref().is_some_and(is_mine) {
            asks.into_iter().for_each(|ask| self.answer(Some(link), ask));
        }
    }

    /// Answers a question, of this node itself where there is no link. It must have a vote.
    pub(crate) fn answer(&mut self, from: Option<LinkId>, ask: Ask) {
        let now = self.peers.now;
        match ask {
            Ask::Merge { id, entries } => self.join_target(from, id, entries),
            Ask::Pull { id, subject, digest, holds, entries_max, users, entries } => {
                if !self.takes_entries() && !entries.is_empty() {
                    return;
                }
                self.merge_entries(&entries);
                if holds {
                    self.hold(&subject);
                }
                self.report(from, id, &subject, digest, entries_max.min(RECENT_MAX), &users);
            }
            Ask::Release { subject } => {
                let slot = self.state.slot(subject.post());
                if let Some(quorum) = &mut self.quorum {
                    quorum.holds.release(slot, now);
                }
            }
        }
    }

    /// Holds back writes to a post, where it was not held a moment ago.
    pub(crate) fn hold(&mut self, subject: &Subject) {
        let (now, slot) = (self.peers.now, self.state.slot(subject.post()));
        if let Some(quorum) = &mut self.quorum
            && quorum.holds.begin(slot, now)
        {
            quorum.figures.holds += 1;
        }
    }

    /// Whether the disk takes more, and not too much waits for it.
    pub(crate) fn takes_entries(&self) -> bool {
        let bytes = self.gathered.as_bytes().len();
        self.journal == Journal::Writable && bytes <= self.peers.bounds.gathered_bytes
    }

    /// Joins what a coordinator wants joined, once its posts are not held.
    fn join_target(&mut self, from: Option<LinkId>, id: AskId, entries: Delta) {
        let (now, state) = (self.peers.now, &self.peers.state);
        let Some(quorum) = &mut self.quorum else { return };
        let slots = entries.entries().map(|(like, _)| state.slot(like.post));
        if !quorum.holds.holds_any(slots, now) {
            return self.join(from, id, entries);
        }
        // Where too much waits nothing is said: whoever wants it asks again.
        if self.may_wait_for_hold() {
            self.wait_for_hold(Held::Merge { from, id, entries });
        }
    }

    fn join(&mut self, from: Option<LinkId>, id: AskId, entries: Delta) {
        if !self.takes_entries() {
            return;
        }
        self.merge_entries(&entries);
        let slots = entries.entries().map(|(like, _)| self.peers.state.slot(like.post));
        let Some(quorum) = &self.quorum else { return };
        let last = slots.map(|slot| quorum.recent.batch_of(slot)).max().unwrap_or_default();
        self.when_durable(last, from, Vote::Merged { id });
    }

    fn report(
        &mut self,
        from: Option<LinkId>,
        id: AskId,
        subject: &Subject,
        theirs: Digest,
        entries_max: usize,
        users: &[String],
    ) {
        let Some(quorum) = &mut self.quorum else { return };
        let state = &self.peers.state;
        let summary = state.post(subject.post(), subject.kind());
        let lengths: Vec<CausalLength> =
            users.iter().map(|user| state.length(subject.like(user))).collect();
        let differs = summary.digest != theirs && entries_max > 0 && from.is_some();
        let entries = match differs {
            true => quorum.newest_of(state, subject, entries_max),
            false => Delta::default(),
        };
        quorum.figures.entries_sent += entries.len() as u64;
        let batch = quorum.recent.batch_of(state.slot(subject.post()));
        let (digest, likes) = (summary.digest, summary.likes);
        self.when_durable(batch, from, Vote::Report { id, digest, likes, lengths, entries });
    }

    /// Gives a vote once a batch is durable. Where the disk takes nothing, or too much waits for it already, it
    /// is not given: who wants it asks again.
    fn when_durable(&mut self, batch: BatchId, from: Option<LinkId>, vote: Vote) {
        let vote = Waiting::Vote(from, vote);
        let of_batch = self.batches.iter_mut().find(|(id, _)| *id == batch);
        let waiting = match of_batch {
            Some((_, waiting)) => waiting,
            None if batch > self.last_batch => &mut self.waiting,
            None => return self.give_vote(vote),
        };
        let is_bounded = waiting.len() < self.peers.bounds.gathered_requests;
        if self.journal == Journal::Writable && is_bounded {
            waiting.push(vote);
        }
    }

    /// How many votes wait for the disk. O(all that waits for it).
    pub(crate) fn votes_waiting(&self) -> usize {
        let waiting = self.batches.iter().flat_map(|(_, waiting)| waiting).chain(&self.waiting);
        waiting.filter(|waiting| matches!(waiting, Waiting::Vote(..))).count()
    }

    /// What was waited for is durable. A vote that this node has lost meanwhile is not given.
    pub(crate) fn give_vote(&mut self, waiting: Waiting) {
        let Waiting::Vote(from, vote) = waiting else { return };
        let Some(quorum) = self.quorum.as_mut().filter(|quorum| quorum.is_active()) else { return };
        match (from, &quorum.seating) {
            (Some(link), _) => quorum.outgoing.entry(link).or_default().votes.push(vote),
            (None, Some(seating)) => {
                let (voter, seat) = (seating.voter, seating.mine);
                self.count_vote(voter, seat, vote);
            }
            (None, None) => {}
        }
    }

    /// Whether more may wait for a hold to end.
    pub(crate) fn may_wait_for_hold(&self) -> bool {
        let bounds = &self.peers.bounds;
        let waiting = self.quorum.as_ref().map(|quorum| quorum.holds.waiting());
        waiting.is_none_or(|(count, bytes)| {
            count < bounds.gathered_requests && bytes < bounds.gathered_bytes
        })
    }

    pub(crate) fn wait_for_hold(&mut self, held: Held) {
        if let Some(quorum) = &mut self.quorum {
            quorum.figures.held += 1;
            quorum.holds.wait(held);
        }
    }

    /// Does what waited for a hold that has ended. Nothing waits twice.
    pub(crate) fn end_holds(&mut self) {
        let now = self.peers.now;
        let Some(quorum) = self.quorum.as_mut().filter(|quorum| !quorum.holds.is_empty()) else {
            return;
        };
        for held in quorum.holds.ended(now) {
            match held {
                Held::Writes(request, writes) => self.write(request, &writes),
                Held::Write(target) => self.begin_write(target),
                // Without a vote there is nothing to be said.
                Held::Merge { from, id, entries } => {
                    if self.quorum.as_ref().is_some_and(|quorum| quorum.is_active()) {
                        self.join(from, id, entries);
                    }
                }
            }
        }
    }
}

impl Quorum {
    /// The newest entries of a post, or all of it if it has no more.
    pub(crate) fn newest_of(
        &self,
        state: &likewise_state::state::State,
        subject: &Subject,
        entries_max: usize,
    ) -> Delta {
        let (post, kind) = (subject.post(), subject.kind());
        let places = state.places_of(post, kind, entries_max, self.recent.places());
        state.delta_of(&places)
    }
}
