//! The thread that owns the replica of a node: takes what waits for it, carries out what comes of it, and
//! is checked after each turn.

use std::time::Duration;

use likewise_replica::input::Input;
use likewise_replica::member::LinkId;
use likewise_replica::message::Message;
use likewise_replica::output::Output;

use super::{Happening, World};
use crate::machine::{Leaving, Node};
use crate::model::Lengths;
use crate::storage::{Told, Work};

/// How long a turn takes on a machine that is not slow.
const TURN: Duration = Duration::from_micros(20);

/// What a turn takes in at most before it carries out what came of it.
const TURN_INPUTS_MAX: usize = 8;

/// How long a node that leaves waits for its peers.
const FLUSH_TIME: Duration = Duration::from_secs(5);

impl World {
    /// Puts something before the replica, for its next turn.
    pub(super) fn put_before(&mut self, machine: usize, input: Input) {
        let Some(node) = &mut self.machines[machine].node else { return };
        node.inbox.push_back(input);
        self.set_turn(machine);
    }

    /// Sets the next turn: soon where something waits, else when the replica wants one.
    pub(super) fn set_turn(&mut self, machine: usize) {
        let it = &mut self.machines[machine];
        let (life, takes) = (it.life, it.slow_turn.unwrap_or(TURN));
        let Some(node) = &mut it.node else { return };
        let deadline = node.replica.next_deadline().map(|at| it.clock.when(at, self.now));
        let soon = self.now + takes;
        let at = if node.inbox.is_empty() {
            let Some(deadline) = deadline else { return };
            deadline.max(soon)
        } else {
            soon
        };
        if node.turn_at.is_none_or(|set| at < set) {
            node.turn_at = Some(at);
            self.at(at, Happening::Turn { machine, life });
        }
    }

    pub(super) fn turn(&mut self, machine: usize, life: u64) {
        let inputs = 1 + self.chance.below(TURN_INPUTS_MAX);
        let now = self.now;
        let it = &mut self.machines[machine];
        let (is_paused, local) = (it.is_paused(), it.clock.shows(now));
        let Some(node) = it.node.as_mut().filter(|_| it.life == life) else { return };
        if node.turn_at != Some(now) {
            return;
        }
        node.turn_at = None;
        // It is woken when the pause is over.
        if is_paused {
            return;
        }
        let count = node.inbox.len().min(inputs);
        let taken: Vec<Input> = node.inbox.drain(..count).collect();
        if taken.is_empty() {
            node.replica.handle(Input::Tick, local);
        }
        for input in taken {
            self.take(machine, input, local);
        }
        while let Some(output) = self.poll(machine) {
            self.carry_out(machine, output);
        }
        self.look(machine);
        self.look_at_voter(machine);
        self.look_whether_left(machine);
        self.set_turn(machine);
    }

    fn take(&mut self, machine: usize, input: Input, local: Duration) {
        let Some(node) = &mut self.machines[machine].node else { return };
        match &input {
            // Those before the end of a link are heard, though it may have been closed on this side.
            Input::Received { link, message } => {
                self.note_received(machine, *link, message);
            }
            Input::LinkClosed { link } => node.frames.retain(|(of, _), _| of != link),
            _ => {}
        }
        let node = self.machines[machine].node.as_mut().expect("it runs");
        node.replica.handle(input, local);
    }

    fn poll(&mut self, machine: usize) -> Option<Output> {
        self.machines[machine].node.as_mut()?.replica.poll_output()
    }

    fn carry_out(&mut self, machine: usize, output: Output) {
        let Some(node) = &mut self.machines[machine].node else { return };
        match output {
            Output::Persist { batch, delta, seats } => match &mut node.storage {
                Some(storage) => {
                    storage.submit(batch, delta, seats);
                    self.mind_disk(machine);
                }
                None => {
                    if let Some(seats) = seats {
                        self.seats_kept(machine, &seats);
                    }
                    let local = self.machines[machine].clock.shows(self.now);
                    let node = self.machines[machine].node.as_mut().expect("it runs");
                    node.replica.handle(Input::Persisted { batch }, local);
                }
            },
            Output::Send { link, message } => {
                let Some(&end) = node.links.get(&link) else { return };
                self.note_sent(machine, link, &message);
                self.send_message(end, message);
            }
            Output::Close { link, reason } => {
                let Some(&end) = node.links.get(&link) else { return };
                self.check_reason(machine, &reason);
                self.close_end(end, &reason);
            }
            Output::Applied { peer, contexts, .. } => {
                let number = contexts.len() as u64;
                self.say(machine, "applied", number, || format!("{number} traces of {peer}"));
            }
            Output::Answer { request, answer } => self.answer(machine, request, answer),
        }
    }

    /// Lets the disk begin what it can.
    fn mind_disk(&mut self, machine: usize) {
        let it = &mut self.machines[machine];
        let (life, slow) = (it.life, it.slow_sync);
        let Some(storage) = it.node.as_mut().and_then(|node| node.storage.as_mut()) else { return };
        for (work, wait) in storage.begin() {
            let sync =
                slow.unwrap_or_else(|| self.chance.about(self.options.sync, self.options.tail));
            self.after(wait + sync, Happening::Disk { machine, life, work });
        }
    }

    pub(super) fn disk_works(&mut self, machine: usize, life: u64, work: Work) {
        let it = &mut self.machines[machine];
        if it.is_paused() {
            return self.after(TURN * 100, Happening::Disk { machine, life, work });
        }
        let Some(node) = it.node.as_mut().filter(|_| it.life == life) else { return };
        let Some(storage) = &mut node.storage else { return };
        let told = storage.work(work, &mut self.model, machine);
        if let Some(seats) = storage.take_kept_seats() {
            self.seats_kept(machine, &seats);
        }
        for told in told {
            let (input, what) = match told {
                Told::Persisted(batch) => (Input::Persisted { batch }, "persisted"),
                Told::Stalled => (Input::JournalStalled, "stalled"),
                Told::Failed => (Input::JournalFailed, "failed"),
            };
            let number = if let Input::Persisted { batch } = input { batch.0 } else { 0 };
            self.say(machine, what, number, || format!("batch {number}"));
            self.put_before(machine, input);
        }
        self.mind_disk(machine);
    }

    /// What a peer's frame holds is remembered until it is acknowledged.
    fn note_received(&mut self, machine: usize, link: LinkId, message: &[u8]) {
        let number = message.len() as u64;
        let decoded = match Message::decode(message) {
            Ok(decoded) => decoded,
            Err(error) => {
                return self.fail("what nodes say makes sense", format!("n{machine}: {error}"));
            }
        };
        let name = decoded.name();
        let mut entries = Lengths::new();
        if let Message::Delta { delta, .. } = &decoded {
            entries = delta.entries().map(|(it, to)| (self.model.key(it), to.value())).collect();
        }
        self.say(machine, "receive", number, || {
            let what = if entries.is_empty() { String::new() } else { format!(" {entries:?}") };
            format!("{name}, {number} bytes, link {}{what}", link.0)
        });
        if matches!(decoded, Message::Contexts { .. }) && !self.options.takes_contexts(machine) {
            self.fail("traces are told to who asked", format!("n{machine} did not"));
        }
        if let Message::Delta { frame, .. } = decoded {
            let node = self.machines[machine].node.as_mut().expect("it runs");
            node.frames.insert((link, frame), entries);
        }
    }

    /// An acknowledgement must be true.
    fn note_sent(&mut self, machine: usize, link: LinkId, message: &[u8]) {
        let decoded = Message::decode(message);
        let Ok(Message::Ack { frame }) = decoded else { return };
        let Some(node) = &mut self.machines[machine].node else { return };
        let Some(entries) = node.frames.remove(&(link, frame)) else { return };
        let storage = node.storage.as_ref();
        if storage.is_some_and(|storage| storage.is_durable()) {
            let kept = self.model.check_kept(machine, &entries);
            self.check("a peer is told of what is durable only", machine, kept);
        }
    }

    /// After a turn: what the node holds, and how much it keeps waiting.
    fn look(&mut self, machine: usize) {
        let Some(node) = &self.machines[machine].node else { return };
        let mark = self.model.digest(&node.state);
        let state = node.state.clone();
        if mark != node.mark {
            self.machines[machine].node.as_mut().expect("it runs").mark = mark;
            let looked = self.model.look(machine, &state);
            self.check("what a node holds", machine, looked);
        }
        self.check_bounds(machine);
    }

    /// Begins the clean leave of a node.
    pub(super) fn leave(&mut self, machine: usize, back_after: Option<Duration>) {
        let local = self.machines[machine].clock.shows(self.now);
        let Some(node) = &mut self.machines[machine].node else { return };
        if node.leaving.is_none() {
            let until = local + FLUSH_TIME;
            let (is_flushed, is_doubted) = (false, false);
            node.leaving = Some(Leaving { until, is_flushed, is_doubted, back_after });
            self.say(machine, "leaving", 0, || "asked to leave".to_owned());
            self.set_turn(machine);
        }
    }

    /// A node that leaves goes on to its next step when it can: first its clients get their answers, then
    /// its peers what they lack, then all hear that it goes, then its disk is closed.
    pub(super) fn look_whether_left(&mut self, machine: usize) {
        let now = self.now;
        let Some(node) = self.machines[machine].node.as_ref() else { return };
        if node.leaving.is_none() {
            return;
        }
        let peers_live = self.peers_live(node);
        let it = &mut self.machines[machine];
        let local = it.clock.shows(now);
        let Some(node) = &mut it.node else { return };
        let Some(leaving) = &mut node.leaving else { return };
        if node.membership.has_left() {
            return self.has_left(machine);
        }
        if leaving.until.is_zero() || !node.requests.is_empty() || !node.casts.is_empty() {
            return;
        }
        let has_peers = node.replica.peers().iter().any(|peer| peer.mailed);
        let is_flushed = has_peers && node.replica.is_flushed();
        if is_flushed || local >= leaving.until {
            leaving.is_flushed = is_flushed && peers_live && !leaving.is_doubted;
            leaving.until = Duration::ZERO;
            node.membership.leave(local);
            self.say(machine, "leaves", u64::from(is_flushed), || {
                format!("all peers hold everything: {is_flushed}")
            });
            self.wake_gossip(machine);
        }
    }

    /// Whether all that a node has links with are still alive. What one has said that is not is worth
    /// nothing: it may have lost it with its disk, and the node has not heard of that yet.
    fn peers_live(&self, node: &Node) -> bool {
        let mut others = node.links.values().map(|end| &self.wires[&end.wire].ends[1 - end.side]);
        others.all(|other| self.machines[other.machine].lives(other.life))
    }

    fn has_left(&mut self, machine: usize) {
        let Some(mut node) = self.stop(machine, true) else { return };
        let leaving = node.leaving.take().expect("it has left");
        if let Some(storage) = node.storage.take() {
            storage.close(&mut self.model, machine);
        }
        match leaving.back_after {
            Some(wait) => {
                self.forget_memory(machine, leaving.is_flushed);
                let life = self.machines[machine].life;
                self.after(wait, Happening::Start { machine, life });
            }
            None => self.take_away(machine, leaving.is_flushed),
        }
    }
}
