//! The other nodes: the links to them, what each has not been told, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use likewise_state::chunk::ChunkLoader;
use likewise_state::digest::Digest;
use likewise_state::place::Place;
use likewise_state::sketch::salted;
use likewise_state::state::State;

use crate::answer::Answering;
use crate::limits::{
    Bounds, FILLING_REST, PEERS_MAX, REPAIR_INTERVAL, REPAIR_YIELD, ROUNDS_TO_OWE_NOTHING,
    STATUS_INTERVAL, TICK_A_MEMBER, TICK_MAX, TICK_MIN,
};
use crate::member::{Direction, LinkId, NodeId, Peer};
use crate::message::Message;
use crate::outbox::Outbox;
use crate::output::Output;
use crate::repair::Repair;
use crate::trace::TraceContext;

/// All that a replica knows of its peers.
pub(crate) struct Peers {
    pub(crate) state: Arc<State>,
    me: NodeId,
    pub(crate) bounds: Bounds,
    pub(crate) now: Duration,
    /// Whether a piece of long work may be done before the next input.
    pub(crate) may_gather: bool,
    /// Whom this node has an open link to.
    pub(crate) mailed: BTreeMap<NodeId, Mailed>,
    pub(crate) links: BTreeMap<LinkId, Link>,
    /// The repair that this node has begun.
    pub(crate) repair: Option<Repair>,
    /// The repair that this node answers.
    pub(crate) answering: Option<Answering>,
    pub(crate) repairs: u64,
    next_repair: Duration,
    last_repaired: Option<NodeId>,
    next_status: Duration,
    /// When anything was last new here.
    pub(crate) last_change: Duration,
    /// Whether this node had anything when it started.
    came_with_data: bool,
    /// Whether this node has had a whole look at what a peer knows.
    pub(crate) caught_up: bool,
    /// What was lacking at the last comparison, while it has not come.
    pub(crate) awaited: Option<Awaited>,
    /// Rounds of which all has come that was lacking.
    pub(crate) rounds_filled: u32,
    /// Whether the disk takes anything. If not, nobody should look for what could be sent here.
    pub(crate) writable: bool,
    /// Who sends whole slots, and when it last did: one at a time, or every peer would send an empty node
    /// the same.
    pub(crate) filling: Option<(NodeId, Duration)>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) figures: RepairFigures,
}

/// What a peer holds that was lacking here. What others mail meanwhile does not count: it may be anything.
#[derive(Clone, Copy)]
pub(crate) struct Awaited {
    /// Who mails it.
    pub(crate) from: NodeId,
    /// Entries that are still to come.
    pub(crate) entries: u64,
}

/// A peer that this node mails to.
pub(crate) struct Mailed {
    pub(crate) link: LinkId,
    pub(crate) outbox: Outbox,
    pub(crate) overflows: u64,
    /// Rounds of repair until it is sure that it lacks nothing but what is in its outbox.
    pub(crate) owes: u32,
    /// Whether it said that it is settled, when states were last compared.
    pub(crate) settled: Option<bool>,
    takes_contexts: bool,
    /// How long it is left alone because it said that it is busy.
    pub(crate) busy_rest: Duration,
    /// When to compare states with it, ahead of its turn.
    pub(crate) repair_due: Option<Duration>,
}

/// An open link.
pub(crate) struct Link {
    pub(crate) peer: Peer,
    pub(crate) direction: Direction,
    pub(crate) chunks: ChunkLoader,
    /// Of frames that have not been acknowledged, where their writes belong in traces.
    traced: VecDeque<Traced>,
    /// Frames that came and have not been acknowledged.
    frames: usize,
    /// What the peer's state came to when it last said so.
    root: Option<Digest>,
}

/// The contexts of a frame, and when they came.
struct Traced {
    frame: u64,
    contexts: Vec<TraceContext>,
    since: Duration,
}

/// What repair has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairFigures {
    /// Rounds begun here that found the states equal.
    pub same: u64,
    /// Rounds begun here that found differences and set out to mend them.
    pub mended: u64,
    /// Rounds begun here that the peer had no time for.
    pub busy: u64,
    /// Rounds begun here that were given up, because of the link or for want of an answer.
    pub failed: u64,
    /// Bytes sent to find out what differs, without the entries.
    pub bytes_sent: u64,
    /// Entries that repair put into an outbox.
    pub entries_sent: u64,
    /// Slots that were sent as a whole.
    pub whole_slots: u64,
    /// Outboxes that were emptied because they were full.
    pub overflows: u64,
}

/// A peer as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Who it is.
    pub peer: Peer,
    /// Whether this node mails to it.
    pub mailed: bool,
    /// Whether it mails to this node.
    pub mails: bool,
    /// Entries that wait to be sent.
    pub outbox: usize,
    /// Entries that it has not acknowledged, those that wait included.
    pub unacknowledged: usize,
    /// How long the oldest of them has been waiting.
    pub lag: Duration,
    /// How often its outbox was full and was left to repair.
    pub overflows: u64,
    /// Whether its state equals this one's, as far as it has said.
    pub equal: Option<bool>,
    /// Whether there is something to catch up with: it has caught up itself, or came with data.
    pub settled: Option<bool>,
}

impl PeerView {
    /// A peer that there is no link with.
    #[must_use]
    pub const fn new(peer: Peer) -> Self {
        Self {
            peer,
            mailed: false,
            mails: false,
            outbox: 0,
            unacknowledged: 0,
            lag: Duration::ZERO,
            overflows: 0,
            equal: None,
            settled: None,
        }
    }
}

impl Mailed {
    /// Adds an entry to the outbox. Where that empties it, because it was full, a repair is due.
    pub(crate) fn push(&mut self, place: Place, now: Duration, figures: &mut RepairFigures) {
        if !self.outbox.push(place, now) {
            self.overflows += 1;
            self.lacks_something(now);
            figures.overflows += 1;
        }
    }

    /// It lacks something that is in no outbox: states are to be compared, at this time.
    pub(crate) fn lacks_something(&mut self, at: Duration) {
        self.owes = ROUNDS_TO_OWE_NOTHING;
        self.repair_due = Some(at);
    }
}

impl Peers {
    pub(crate) fn new(me: NodeId, state: Arc<State>, bounds: Bounds) -> Self {
        Self {
            came_with_data: state.root_digest() != Digest::default(),
            state,
            me,
            bounds,
            now: Duration::ZERO,
            may_gather: false,
            mailed: BTreeMap::new(),
            links: BTreeMap::new(),
            repair: None,
            answering: None,
            repairs: 0,
            next_repair: REPAIR_INTERVAL,
            // Each begins with the one after it, so that not all ask the same one.
            last_repaired: Some(me),
            next_status: Duration::ZERO,
            last_change: Duration::ZERO,
            caught_up: false,
            awaited: None,
            rounds_filled: 0,
            writable: true,
            filling: None,
            outputs: VecDeque::new(),
            figures: RepairFigures::default(),
        }
    }

    pub(crate) fn opened(&mut self, link: LinkId, peer: Peer, direction: Direction) {
        if direction == Direction::Outgoing {
            let is_known = self.mailed.contains_key(&peer.node);
            if !is_known && self.mailed.len() >= PEERS_MAX {
                let reason = format!("this node mails to {PEERS_MAX} peers already");
                return self.outputs.push_back(Output::Close { link, reason });
            }
            let patience = if self.me < peer.node { Duration::ZERO } else { REPAIR_YIELD };
            let mailed = Mailed {
                link,
                outbox: Outbox::new(self.bounds),
                overflows: 0,
                owes: ROUNDS_TO_OWE_NOTHING,
                settled: None,
                takes_contexts: peer.takes_contexts,
                busy_rest: Duration::ZERO,
                repair_due: Some(self.now + patience),
            };
            self.mailed.insert(peer.node, mailed);
        }
        let (chunks, traced) = (ChunkLoader::default(), VecDeque::new());
        self.links.insert(link, Link { peer, direction, chunks, traced, frames: 0, root: None });
    }

    pub(crate) fn closed(&mut self, link: LinkId) {
        let Some(closed) = self.links.remove(&link) else { return };
        if self.mailed.get(&closed.peer.node).is_some_and(|mailed| mailed.link == link) {
            self.mailed.remove(&closed.peer.node);
        }
        if closed.direction == Direction::Incoming {
            self.filling.take_if(|(node, _)| *node == closed.peer.node);
        }
        if self.repair.take_if(|repair| repair.link == link).is_some() {
            self.figures.failed += 1;
        }
        self.answering.take_if(|answering| answering.link == link);
    }

    /// Tells every peer of a change, in time.
    pub(crate) fn changed(&mut self, place: Place) {
        self.last_change = self.now;
        for mailed in self.mailed.values_mut() {
            mailed.push(place, self.now, &mut self.figures);
        }
    }

    /// What every peer has just been told of belongs to a trace.
    pub(crate) fn trace(&mut self, context: TraceContext) {
        for mailed in self.mailed.values_mut().filter(|mailed| mailed.takes_contexts) {
            mailed.outbox.trace(context);
        }
    }

    /// A frame has come in. `Err` says why its link has to be closed.
    pub(crate) fn frame_arrived(&mut self, link: LinkId) -> Result<(), String> {
        let Some(known) = self.links.get_mut(&link) else { return Ok(()) };
        if known.direction == Direction::Outgoing {
            return Err("it sent entries on a link that it did not open".to_owned());
        }
        known.frames += 1;
        let frames_max = self.bounds.frames_in_flight;
        if known.frames > frames_max {
            return Err(format!("it sent more than {frames_max} frames at once"));
        }
        Ok(())
    }

    /// A frame had so many entries that may have been lacking, of which so many were new.
    pub(crate) fn merged(&mut self, link: LinkId, brought: u64, news: u64) {
        if news > 0 {
            self.last_change = self.now;
        }
        let from = self.links.get(&link).map(|known| known.peer.node);
        if let Some(awaited) = self.awaited.as_mut().filter(|awaited| Some(awaited.from) == from) {
            awaited.entries = awaited.entries.saturating_sub(brought);
            self.look_whether_caught_up();
        }
    }

    /// What came in on a link and is no frame.
    pub(crate) fn received(&mut self, link: LinkId, message: Message) {
        let Some(known) = self.links.get_mut(&link) else { return };
        match (known.direction, message) {
            (Direction::Outgoing, Message::Ack { frame }) => {
                let mailed = self.mailed.get_mut(&known.peer.node);
                if let Some(mailed) = mailed.filter(|mailed| mailed.link == link) {
                    mailed.outbox.acknowledged(frame);
                }
            }
            (Direction::Incoming, Message::Status { root }) => known.root = Some(root),
            (Direction::Incoming, Message::Contexts { frame, contexts }) => {
                // A peer that sends them without their frames loses them, and nothing else.
                if known.traced.len() < self.bounds.frames_in_flight {
                    known.traced.push_back(Traced { frame, contexts, since: self.now });
                }
            }
            (Direction::Incoming, Message::Compare { salt, root, marks }) => {
                self.compared(link, salt, root, &marks);
            }
            (Direction::Incoming, Message::Gather { salt, slots, entries }) => {
                self.gather(link, salt, slots, entries);
            }
            (Direction::Incoming, Message::Sketch { first, symbols }) => {
                self.sketched(link, first, symbols);
            }
            (Direction::Outgoing, answer) => self.answered(link, answer),
            (Direction::Incoming, message) => {
                let reason = format!("it sent an answer that nobody asked for: {}", message.name());
                self.outputs.push_back(Output::Close { link, reason });
            }
        }
    }

    /// Tells the sender that its frame is durable.
    pub(crate) fn acknowledge(&mut self, link: LinkId, frame: u64) {
        let Some(known) = self.links.get_mut(&link) else { return };
        known.frames -= 1;
        while let Some(traced) = known.traced.pop_front_if(|traced| traced.frame <= frame) {
            let (peer, Traced { contexts, since, .. }) = (known.peer.name.clone(), traced);
            self.outputs.push_back(Output::Applied { peer, since, contexts });
        }
        self.send(link, &Message::Ack { frame });
    }

    pub(crate) fn send(&mut self, link: LinkId, message: &Message) {
        let bytes = message.encode();
        if message.is_repair() {
            self.figures.bytes_sent += bytes.len() as u64;
        }
        self.send_bytes(link, bytes);
    }

    pub(crate) fn send_bytes(&mut self, link: LinkId, message: Vec<u8>) {
        self.outputs.push_back(Output::Send { link, message });
    }

    /// Whether this node mails, and asks, on this link.
    pub(crate) fn is_mailed_on(&self, link: LinkId) -> bool {
        let known = self.links.get(&link);
        let mailed = known.and_then(|known| self.mailed.get(&known.peer.node));
        mailed.is_some_and(|mailed| mailed.link == link)
    }

    /// Makes outputs of whatever is due.
    pub(crate) fn advance(&mut self) {
        let tick = (TICK_A_MEMBER * self.mailed.len() as u32).clamp(TICK_MIN, TICK_MAX);
        let mut frames = Vec::new();
        for mailed in self.mailed.values_mut() {
            while let Some(frame) = mailed.outbox.poll(&self.state, self.now, tick) {
                frames.push((mailed.link, frame));
            }
        }
        for (link, frame) in frames {
            self.send(link, &frame);
        }
        if self.now >= self.next_status && !self.mailed.is_empty() {
            self.next_status = self.now + STATUS_INTERVAL;
            let status = Message::Status { root: self.state.root_digest() };
            let links: Vec<LinkId> = self.mailed.values().map(|mailed| mailed.link).collect();
            links.into_iter().for_each(|link| self.send(link, &status));
        }
        self.advance_repair();
        if self.repair.is_none() {
            self.begin_due_repair();
        }
        if std::mem::take(&mut self.may_gather) {
            self.advance_gathering();
            self.advance_answering();
        }
    }

    /// Until when nothing is compared, because somebody sends whole slots.
    fn filled_until(&self) -> Option<Duration> {
        let (_, last) = self.filling?;
        Some(last + FILLING_REST).filter(|&until| until > self.now)
    }

    /// Whether others may catch up with this node.
    pub(crate) fn is_settled(&self) -> bool {
        self.caught_up || self.came_with_data
    }

    /// A peer sends whole slots, or is about to.
    pub(crate) fn filled_by(&mut self, node: NodeId) {
        if !self.is_filled_by_another(node) {
            self.filling = Some((node, self.now));
        }
    }

    /// Whether another one than this sends whole slots.
    pub(crate) fn is_filled_by_another(&self, node: NodeId) -> bool {
        let by = self.filling.filter(|_| self.filled_until().is_some());
        by.is_some_and(|(by, _)| by != node)
    }

    /// A peer's state has been found equal to this one.
    pub(crate) fn found_equal(&mut self, node: NodeId) {
        if let Some(mailed) = self.mailed.get_mut(&node) {
            mailed.owes = 0;
        }
    }

    fn begin_due_repair(&mut self) {
        if !self.writable || self.filled_until().is_some() {
            return;
        }
        let ahead = self
            .mailed
            .iter()
            .find(|(_, mailed)| mailed.repair_due.is_some_and(|due| due <= self.now));
        if let Some((&node, _)) = ahead {
            return self.begin_repair(node);
        }
        if self.now < self.next_repair {
            return;
        }
        self.next_repair = self.now + self.repair_interval();
        // In turn: as good as at random where everybody does it, and it needs no dice.
        let after = self.mailed.keys().find(|&&node| Some(node) > self.last_repaired);
        let next = after.or_else(|| self.mailed.keys().next()).copied();
        if let Some(node) = next {
            self.last_repaired = Some(node);
            self.begin_repair(node);
        }
    }

    /// When [`Self::advance`] has something to do, if nothing else happens before.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let answering = self.answering.as_ref().filter(|answering| answering.has_work());
        let work = answering.map(|_| Duration::ZERO);
        if self.mailed.is_empty() {
            return work;
        }
        let mailed = self.mailed.values();
        let outboxes = mailed.clone().filter_map(|mailed| mailed.outbox.next_deadline());
        let due = mailed.filter_map(|mailed| mailed.repair_due);
        let repair = match &self.repair {
            Some(repair) => Some(repair.deadline()),
            // Told by the journal, not by time.
            None if !self.writable => None,
            None => due.chain([self.next_repair]).min().max(self.filled_until()),
        };
        outboxes.chain(repair).chain(work).chain([self.next_status]).min()
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.mailed.values().all(|mailed| mailed.outbox.is_empty() && mailed.owes == 0)
    }

    /// A time between three and five quarters of the usual one: nodes that started together drift apart.
    fn repair_interval(&self) -> Duration {
        let chance = salted(self.repairs, self.me.0) % 1_024;
        REPAIR_INTERVAL.mul_f64(0.75 + chance as f64 / 2_048.0)
    }

    /// The peers that there is a link with.
    pub(crate) fn views(&self) -> Vec<PeerView> {
        let root = self.state.root_digest();
        let mut views: BTreeMap<NodeId, PeerView> = BTreeMap::new();
        for link in self.links.values() {
            let unknown = || PeerView::new(link.peer.clone());
            let view = views.entry(link.peer.node).or_insert_with(unknown);
            view.mails |= link.direction == Direction::Incoming;
            view.equal = view.equal.or_else(|| link.root.map(|theirs| theirs == root));
        }
        for (node, mailed) in &self.mailed {
            let Some(view) = views.get_mut(node) else { continue };
            view.mailed = true;
            view.outbox = mailed.outbox.waiting();
            view.unacknowledged = mailed.outbox.entries();
            view.lag = mailed.outbox.lag(self.now);
            view.overflows = mailed.overflows;
            view.settled = mailed.settled;
        }
        views.into_values().collect()
    }
}
