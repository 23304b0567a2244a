//! The replica: one match over the inputs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use likewise_state::chunk::ChunkLoader;
use likewise_state::codec::DecodeError;
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use likewise_state::place::Place;
use likewise_state::state::State;

use crate::input::Input;
use crate::limits::{BATCHES_MAX, Bounds, HOLD_TIME, WRITES_MAX};
use crate::member::{LinkId, NodeId};
use crate::message::Message;
use crate::outbox::Outbox;
use crate::output::{Answer, BatchId, Output};
use crate::peers::{PeerView, Peers, RepairFigures};
use crate::quorum::ballot::Vote;
use crate::quorum::hold::Held;
use crate::quorum::view::{Standing, View};
use crate::quorum::{Quorum, Voting};
use crate::write::{Outcome, RequestId, Writes, Written};

/// One node's part of the protocol. It is the only writer of its state; readers may share it.
pub struct Replica {
    pub(crate) state: Arc<State>,
    pub(crate) journal: Journal,
    /// What has been merged since the last batch was handed out.
    pub(crate) gathered: Delta,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) last_batch: BatchId,
    /// Batches that the journal has not confirmed, oldest first, with the requests that wait for each.
    pub(crate) batches: VecDeque<(BatchId, Vec<Waiting>)>,
    pub(crate) answers: VecDeque<(RequestId, Answer)>,
    pub(crate) peers: Peers,
    /// Where there are voters.
    pub(crate) quorum: Option<Box<Quorum>>,
    /// Frames of peers that have to wait until the disk has taken others: at most
    /// [`Bounds::frames_in_flight`] a link.
    parked: VecDeque<(LinkId, Frame)>,
}

/// How much waits in a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Links that are open.
    pub links: usize,
    /// Bytes of entries that wait for the next batch.
    pub gathered_bytes: usize,
    /// Requests and frames that wait for it.
    pub waiting: usize,
    /// Batches on their way to the disk.
    pub batches: usize,
    /// Frames of peers that wait until the disk has taken others.
    pub parked: usize,
    /// Entries in the fullest outbox.
    pub outbox: usize,
    /// Frames that one peer has not acknowledged, at most.
    pub in_flight: usize,
    /// Requests that wait for votes: at most [`OPERATIONS_MAX`](crate::limits::OPERATIONS_MAX).
    pub coordinated: usize,
    /// Writes that wait for a hold to end: at most as many, and as many requests as may wait for a batch.
    pub held: usize,
    /// Votes that wait for the disk: at most as many as requests may wait for a batch, for each of the batches
    /// on their way and the next one.
    pub votes: usize,
    /// Changes that are remembered in order: at most [`RECENT_KEPT`](crate::limits::RECENT_KEPT).
    pub recent: usize,
}

/// A frame of a peer.
struct Frame {
    number: u64,
    entries: Entries,
    /// Until when it waits for a reader, once that is known.
    held_until: Option<Duration>,
}

enum Entries {
    Delta(Delta),
    Chunk { first: bool, chunk: Vec<u8> },
}

/// Who waits for a batch, and what it will be told.
pub(crate) enum Waiting {
    Client(RequestId, Vec<Outcome>),
    Peer(LinkId, u64),
    /// A coordinator, or this node as one.
    Vote(Option<LinkId>, Vote),
}

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
    /// The replica of node `me`, over a state that has been recovered.
    #[must_use]
    pub fn new(me: NodeId, state: Arc<State>) -> Self {
        Self::with_bounds(me, state, Bounds::default())
    }

    /// The same with other bounds than the usual ones.
    #[must_use]
    pub fn with_bounds(me: NodeId, state: Arc<State>, bounds: Bounds) -> Self {
        Self {
            peers: Peers::new(me, state.clone(), bounds),
            parked: VecDeque::new(),
            state,
            journal: Journal::Writable,
            gathered: Delta::default(),
            waiting: Vec::new(),
            last_batch: BatchId::default(),
            batches: VecDeque::new(),
            answers: VecDeque::new(),
            quorum: None,
        }
    }

    /// The same, where there are voters, of which this node may be one or not.
    #[must_use]
    pub fn with_voters(mut self, me: NodeId, voting: Voting) -> Self {
        self.quorum = Some(Box::new(Quorum::new(me, voting)));
        self.look_at_seat();
        self
    }

    /// What the journal can do, as far as the replica has heard.
    #[must_use]
    pub const fn journal(&self) -> Journal {
        self.journal
    }

    /// Takes in what has happened, `now` being the time since any moment that stays the same. Then call
    /// [`Self::poll_output`] until it gives `None`; several inputs may go before that, and then share a
    /// batch.
    pub fn handle(&mut self, input: Input, now: Duration) {
        self.peers.now = now;
        self.peers.may_gather = true;
        self.end_holds();
        match input {
            Input::Write { request, writes } => self.take_writes(request, writes),
            Input::Coordinate { request, operation, timeout } => {
                self.coordinate(request, operation, timeout);
            }
            Input::Persisted { batch } => self.persisted(batch),
            Input::LinkOpened { link, peer, direction } => {
                self.peers.opened(link, peer, direction);
                self.roll_for(link);
            }
            Input::Received { link, message } => self.received(link, &message),
            Input::LinkClosed { link } => self.link_closed(link),
            Input::Tick => {}
            Input::Alone => self.peers.caught_up = true,
            Input::JournalStalled => self.journal_stopped(Journal::Stalled),
            Input::JournalFailed => self.journal_stopped(Journal::Failed),
        }
        if self.quorum.is_some() {
            self.look_after_requests();
            self.look_at_seat();
        }
    }

    /// The next thing to do, if there is any.
    pub fn poll_output(&mut self) -> Option<Output> {
        while self.takes_frames() && !self.is_held_back() {
            let Some((link, frame)) = self.parked.pop_front() else { break };
            self.merge(link, frame);
        }
        if self.quorum.is_some() {
            self.advance_copying();
            self.send_ballots();
        }
        if let Some((request, answer)) = self.answers.pop_front() {
            return Some(Output::Answer { request, answer });
        }
        if let Some(output) = self.peers.outputs.pop_front() {
            return Some(output);
        }
        self.peers.advance();
        if let Some(output) = self.peers.outputs.pop_front() {
            return Some(output);
        }
        let seats_are_due = self.quorum.as_ref().is_some_and(|quorum| quorum.keeps_more());
        let is_idle = self.gathered.is_empty() && self.waiting.is_empty() && !seats_are_due;
        if is_idle || self.batches.len() >= BATCHES_MAX || self.journal != Journal::Writable {
            return None;
        }
        self.last_batch.0 += 1;
        self.batches.push_back((self.last_batch, std::mem::take(&mut self.waiting)));
        let batch = self.last_batch;
        let seats = self.quorum.as_mut().and_then(|quorum| quorum.keep(batch));
        Some(Output::Persist { batch, delta: std::mem::take(&mut self.gathered), seats })
    }

    /// The batch that gathers now.
    pub(crate) const fn next_batch(&self) -> BatchId {
        BatchId(self.last_batch.0 + 1)
    }

    /// Does what a client wants written, once none of its posts is held.
    fn take_writes(&mut self, request: RequestId, writes: Writes) {
        assert!(writes.len() <= WRITES_MAX, "a request of {} writes", writes.len());
        let (now, state) = (self.peers.now, &self.state);
        let slots = writes.iter().map(|(like, ..)| state.slot(like.post));
        let holds = self.quorum.as_ref().map(|quorum| &quorum.holds);
        if !holds.is_some_and(|holds| holds.holds_any(slots, now)) {
            return self.write(request, &writes);
        }
        match self.may_wait_for_hold() {
            true => self.wait_for_hold(Held::Writes(request, writes)),
            false => self.answers.push_back((request, Answer::Overloaded)),
        }
    }

    pub(crate) fn write(&mut self, request: RequestId, writes: &Writes) {
        if self.journal != Journal::Writable {
            return self.answers.push_back((request, Answer::Unavailable));
        }
        let bytes = self.gathered.as_bytes().len() + writes.bytes();
        let bounds = &self.peers.bounds;
        if bytes > bounds.gathered_bytes || self.waiting.len() >= bounds.gathered_requests {
            return self.answers.push_back((request, Answer::Overloaded));
        }
        let (mut outcomes, mut has_news) = (Vec::with_capacity(writes.len()), false);
        for (like, wish) in writes.iter() {
            let mut refusal = None;
            let raised = self
                .state
                .raise(like, |held| wish.target(held).map_err(|why| refusal = Some(why)).ok());
            if let Some(place) = raised.place {
                self.gather(like, raised.after, place);
                self.peers.changed(place);
                has_news = true;
            }
            let written =
                Written { length: raised.after, changed: raised.changed(), likes: raised.likes };
            outcomes.push(refusal.map_or(Ok(written), Err));
        }
        if let Some(context) = writes.trace().filter(|_| has_news) {
            self.peers.trace(context);
        }
        self.waiting.push(Waiting::Client(request, outcomes));
    }

    fn received(&mut self, link: LinkId, bytes: &[u8]) {
        let (number, entries) = match Message::decode(bytes) {
            Ok(Message::Delta { frame, delta }) => (frame, Entries::Delta(delta)),
            Ok(Message::Chunk { frame, first, chunk }) => (frame, Entries::Chunk { first, chunk }),
            Ok(message) if message.is_ballot() => {
                if let Err(reason) = self.ballot(link, message) {
                    self.close(link, reason);
                }
                return;
            }
            Ok(message) => return self.peers.received(link, message),
            Err(error) => {
                return self.close(link, format!("it sent a message that makes no sense: {error}"));
            }
        };
        if let Err(reason) = self.peers.frame_arrived(link) {
            return self.close(link, reason);
        }
        // Frames of a link stay in order, so whoever comes after a parked one is parked too.
        self.parked.push_back((link, Frame { number, entries, held_until: None }));
    }

    /// Whether the next frame of a peer may be merged. While the disk is behind, peers wait for their
    /// acknowledgements, and so hold back, before clients are turned away.
    fn takes_frames(&self) -> bool {
        let gathered = self.gathered.as_bytes().len();
        self.journal == Journal::Writable && gathered < self.peers.bounds.gathered_bytes_of_peers
    }

    /// Whether the next frame of a peer has to wait because a reader of one of its posts wants to find the voters
    /// equal. It waits once, and those behind it wait too: frames stay in order.
    fn is_held_back(&mut self) -> bool {
        let now = self.peers.now;
        let Some(quorum) = self.quorum.as_ref().filter(|quorum| !quorum.holds.is_empty()) else {
            return false;
        };
        let Some((_, frame)) = self.parked.front_mut() else { return false };
        let Entries::Delta(delta) = &frame.entries else { return false };
        let held = frame.held_until.get_or_insert_with(|| {
            let slots = delta.entries().map(|(like, _)| self.state.slot(like.post));
            let is_held = quorum.holds.holds_any(slots, now);
            if is_held { now + HOLD_TIME } else { now }
        });
        now < *held
    }

    /// An entry is new here: it goes into the batch that gathers.
    pub(crate) fn gather(&mut self, like: Like<'_>, length: CausalLength, place: Place) {
        let batch = self.next_batch();
        self.gathered.push(like, length);
        if let Some(quorum) = &mut self.quorum {
            quorum.recent.push(place, batch);
        }
    }

    /// Joins what another node holds. It is not mailed on: whoever took it from a client does that.
    pub(crate) fn merge_entries(&mut self, entries: &Delta) {
        for (like, length) in entries.entries() {
            if let Some(place) = self.state.raise(like, |_| Some(length)).place {
                self.gather(like, length, place);
                self.peers.last_change = self.peers.now;
            }
        }
    }

    /// Merges the frame of a peer, which is acknowledged when what was new is durable.
    fn merge(&mut self, link: LinkId, frame: Frame) {
        let before = self.gathered.len();
        let merged = match frame.entries {
            _ if !self.peers.links.contains_key(&link) => return,
            Entries::Delta(delta) => {
                self.merge_entries(&delta);
                Ok(Some(delta.len()))
            }
            Entries::Chunk { first, chunk } => self.merge_chunk(link, first, &chunk).map(|()| None),
        };
        let news = self.gathered.len() - before;
        // Of whole slots only what was new can have been lacking; whoever mails entries mails what was, though
        // another peer may have brought it by now.
        let brought = merged.as_ref().map_or(0, |entries| entries.unwrap_or(news));
        self.peers.merged(link, brought as u64, news as u64);
        match merged {
            Ok(_) => self.waiting.push(Waiting::Peer(link, frame.number)),
            Err(error) => self.close(link, format!("it sent entries that make no sense: {error}")),
        }
    }

    fn merge_chunk(&mut self, link: LinkId, first: bool, chunk: &[u8]) -> Result<(), DecodeError> {
        let batch = self.next_batch();
        let Some(known) = self.peers.links.get_mut(&link) else { return Ok(()) };
        let node = known.peer.node;
        if first {
            known.chunks = ChunkLoader::default();
        }
        let new = |like: Like<'_>, length| {
            self.gathered.push(like, length);
            if let Some(quorum) = &mut self.quorum {
                quorum.recent.changed(self.state.slot(like.post), batch);
            }
        };
        let loaded = known.chunks.load_telling(&self.state, chunk, new).map(drop);
        self.peers.filled_by(node);
        loaded
    }

    /// Nobody waits any more for what came on this link.
    fn link_closed(&mut self, link: LinkId) {
        self.parked.retain(|&(of, _)| of != link);
        let batches = self.batches.iter_mut().map(|(_, waiting)| waiting);
        for waiting in batches.chain([&mut self.waiting]) {
            waiting.retain(|waiting| match waiting {
                Waiting::Peer(of, _) | Waiting::Vote(Some(of), _) => *of != link,
                Waiting::Client(..) | Waiting::Vote(None, _) => true,
            });
        }
        self.ballots_closed(link);
        self.peers.closed(link);
    }

    fn close(&mut self, link: LinkId, reason: String) {
        self.peers.outputs.push_back(Output::Close { link, reason });
    }

    /// When something is due, if nothing else happens before: then hand in
    /// [`Tick`](Input::Tick).
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let quorum = self.quorum.as_ref().and_then(|quorum| quorum.next_deadline(self.peers.now));
        let frame = self.parked.front().and_then(|(_, frame)| frame.held_until);
        let frame = frame.filter(|&until| until > self.peers.now);
        self.peers.next_deadline().into_iter().chain(quorum).chain(frame).min()
    }

    /// Whether this replica knows what at least one peer knew when it came, or has nobody to ask.
    #[must_use]
    pub const fn has_caught_up(&self) -> bool {
        self.peers.caught_up
    }

    /// Whether all peers have acknowledged all that was mailed to them.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.peers.is_flushed()
    }

    /// Whether there is something to catch up with at a peer, as far as it has said.
    #[must_use]
    pub fn is_settled(&self, peer: NodeId) -> Option<bool> {
        self.peers.mailed.get(&peer)?.settled
    }

    /// The peers that there is a link with. O(slots).
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        self.peers.views()
    }

    /// How much waits here, for whoever checks that it is bounded. O(peers).
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        let outboxes = self.peers.mailed.values().map(|mailed| &mailed.outbox);
        Backlog {
            links: self.peers.links.len(),
            gathered_bytes: self.gathered.as_bytes().len(),
            waiting: self.waiting.len(),
            batches: self.batches.len(),
            parked: self.parked.len(),
            outbox: outboxes.clone().map(Outbox::waiting).max().unwrap_or(0),
            in_flight: outboxes.map(Outbox::in_flight).max().unwrap_or(0),
            coordinated: self.quorum.as_ref().map_or(0, |quorum| quorum.requests.len()),
            held: self.quorum.as_ref().map_or(0, |quorum| quorum.holds.waiting().0),
            votes: self.votes_waiting(),
            recent: self.quorum.as_ref().map_or(0, |quorum| quorum.recent.len()),
        }
    }

    /// Votes as they stand, where there are voters. O(voters).
    #[must_use]
    pub fn votes(&self) -> Option<View> {
        let askable = |quorum: &Quorum| quorum.askable(|link| self.peers.is_mailed_on(link));
        self.quorum.as_deref().map(|quorum| quorum.view(&askable(quorum)))
    }

    /// How this node stands as a voter, where it is one.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        self.quorum.as_ref()?.seating.as_ref().map(|seating| seating.standing)
    }

    /// What repair has done so far.
    #[must_use]
    pub const fn repair_figures(&self) -> RepairFigures {
        self.peers.figures
    }

    fn persisted(&mut self, batch: BatchId) {
        while self.batches.front().is_some_and(|&(id, _)| id <= batch) {
            let (_, waiting) = self.batches.pop_front().expect("it has a front");
            for waiting in waiting {
                match waiting {
                    Waiting::Client(request, outcomes) => {
                        self.answers.push_back((request, Answer::Done(outcomes)));
                    }
                    Waiting::Peer(link, frame) => self.peers.acknowledge(link, frame),
                    vote @ Waiting::Vote(..) => self.give_vote(vote),
                }
            }
        }
        self.seats_persisted(batch);
        // A stalled journal that has caught up takes writes again; until then what it holds back is
        // bounded, because nothing is added to it.
        if self.journal == Journal::Stalled && self.batches.is_empty() {
            self.journal = Journal::Writable;
            self.peers.writable = true;
        }
    }

    /// Every client that waits is told so at once. What they wrote is in memory, and in the journal's hands
    /// or gathered here: it will be durable when the journal goes on, and a client that repeats its request
    /// is answered only then. Peers go on waiting for their acknowledgements, which come then too: until
    /// then they send no more than fits the window, and for ever where the journal has failed.
    fn journal_stopped(&mut self, journal: Journal) {
        if self.journal != Journal::Failed {
            self.journal = journal;
        }
        self.peers.writable = false;
        let batches = self.batches.iter_mut().map(|(_, waiting)| waiting);
        for waiting in batches.chain([&mut self.waiting]) {
            waiting.retain(|waiting| match waiting {
                Waiting::Client(request, _) => {
                    self.answers.push_back((*request, Answer::Unavailable));
                    false
                }
                Waiting::Peer(..) | Waiting::Vote(..) => true,
            });
        }
    }
}
