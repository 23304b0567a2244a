//! Wires: streams between two nodes. What is put in at one end comes out at the other in order, sooner or
//! later, or the wire breaks.

use std::collections::VecDeque;
use std::time::Duration;

use likewise_replica::input::Input;
use likewise_replica::member::{Direction, LinkId, NodeId};

use super::{Happening, World};
use crate::machine::{Heard, WireEnd};

/// Time between two signs of life, as in a real node.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Without a sign of life for so long a wire is dead.
const SILENCE_MAX: Duration = Duration::from_secs(6);

/// Inputs that wait for a node. What comes on its wires waits outside then.
const INBOX_MAX: usize = 256;

/// How long what is for a node that is paused or full waits until it is tried again.
pub(super) const HELD_BACK: Duration = Duration::from_millis(10);

/// What travels.
pub(super) enum Frame {
    KeepAlive,
    Notice(Vec<u8>),
    Message(Vec<u8>),
    /// The other side has closed.
    End,
}

/// A stream in both directions.
pub(super) struct Wire {
    /// That of the side which opened it, and the other one.
    pub(super) ends: [End; 2],
}

pub(super) struct End {
    pub(super) machine: usize,
    pub(super) life: u64,
    pub(super) link: LinkId,
    /// Who is at the other end.
    pub(super) peer: NodeId,
    /// What is on its way to here.
    frames: VecDeque<Frame>,
    /// When the last of it arrives.
    last_arrival: Duration,
    /// When anything was last heard, by the clock of the machine.
    heard: Duration,
    is_open: bool,
}

impl End {
    pub(super) fn new(
        machine: usize,
        life: u64,
        link: LinkId,
        peer: NodeId,
        now: Duration,
    ) -> Self {
        let (frames, last_arrival) = (VecDeque::new(), Duration::ZERO);
        Self { machine, life, link, peer, frames, last_arrival, heard: now, is_open: true }
    }
}

impl World {
    /// Starts the signs of life of a new wire.
    pub(super) fn watch_wire(&mut self, wire: u64) {
        for side in [0, 1] {
            self.after(KEEP_ALIVE, Happening::Beat { wire, side });
        }
    }

    /// Sends a message from one end. Where too many wait already, the wire is closed instead.
    pub(super) fn send_message(&mut self, from: WireEnd, message: Vec<u8>) {
        let Some(wire) = self.wires.get(&from.wire) else { return };
        let waiting = wire.ends[1 - from.side].frames.iter();
        let waiting = waiting.filter(|frame| matches!(frame, Frame::Message(_))).count();
        if waiting >= self.options.bounds.frames_in_flight + self.options.link_spare {
            self.figures.links_overflowed += 1;
            return self.close_end(from, "its queue is full");
        }
        self.send_frame(from, Frame::Message(message));
    }

    pub(super) fn send_frame(&mut self, from: WireEnd, frame: Frame) {
        let Some(wire) = self.wires.get_mut(&from.wire) else { return };
        let sender = wire.ends[from.side].machine;
        let end = &mut wire.ends[1 - from.side];
        let arrives = (self.now + self.network.stream(sender, end.machine)).max(end.last_arrival);
        end.last_arrival = arrives;
        end.frames.push_back(frame);
        self.at(arrives, Happening::Frame { wire: from.wire, side: 1 - from.side });
    }

    /// The first frame on its way to this end has arrived, if it could.
    pub(super) fn frame_arrives(&mut self, wire: u64, side: usize) {
        let Some(known) = self.wires.get(&wire) else { return };
        let (end, sender) = (&known.ends[side], known.ends[1 - side].machine);
        let (machine, life, link) = (end.machine, end.life, end.link);
        if !self.network.passes(sender, machine) {
            let retry = self.network.retry();
            return self.after(retry, Happening::Frame { wire, side });
        }
        let it = &self.machines[machine];
        if !end.is_open || !it.lives(life) {
            // Nobody is there: whoever answers at all says so.
            if it.has_power {
                self.reset(WireEnd { wire, side: 1 - side });
            }
            return;
        }
        let is_full = it.node.as_ref().is_some_and(|node| node.inbox.len() >= INBOX_MAX);
        if it.is_paused() || is_full {
            return self.after(HELD_BACK, Happening::Frame { wire, side });
        }
        let local = it.clock.shows(self.now);
        let end = &mut self.wires.get_mut(&wire).expect("it is known").ends[side];
        end.heard = local;
        match end.frames.pop_front() {
            Some(Frame::Message(message)) => {
                self.put_before(machine, Input::Received { link, message });
            }
            Some(Frame::Notice(notice)) => self.hear(machine, life, Heard::Notice(notice)),
            Some(Frame::End) => self.end_closes(WireEnd { wire, side }),
            Some(Frame::KeepAlive) | None => {}
        }
    }

    /// Time for a sign of life, and to look for one.
    pub(super) fn beat(&mut self, wire: u64, side: usize) {
        let Some(end) = self.wires.get(&wire).map(|wire| &wire.ends[side]) else { return };
        let it = &self.machines[end.machine];
        if !end.is_open || !it.lives(end.life) {
            return;
        }
        if it.is_paused() {
            return self.after(HELD_BACK, Happening::Beat { wire, side });
        }
        let silence = it.clock.shows(self.now).saturating_sub(end.heard);
        if silence > SILENCE_MAX {
            return self.close_end(WireEnd { wire, side }, "the other side is silent");
        }
        self.send_frame(WireEnd { wire, side }, Frame::KeepAlive);
        self.after(KEEP_ALIVE, Happening::Beat { wire, side });
    }

    /// A node closes its end, and the other side will hear of it.
    pub(super) fn close_end(&mut self, end: WireEnd, why: &str) {
        let Some(known) = self.wires.get(&end.wire) else { return };
        if !known.ends[end.side].is_open {
            return;
        }
        let (machine, peer) = (known.ends[end.side].machine, known.ends[end.side].peer);
        self.say(machine, "close", end.wire, || format!("wire {} to {peer}: {why}", end.wire));
        self.end_closes(end);
        self.end_is_gone(end, true);
    }

    /// Whoever had this end is gone. The other side hears of it, with what was on its way or instead of it.
    pub(super) fn end_is_gone(&mut self, end: WireEnd, has_power: bool) {
        let is_abrupt = self.chance.is(0.5);
        let Some(known) = self.wires.get_mut(&end.wire) else { return };
        known.ends[end.side].is_open = false;
        if !has_power {
            return;
        }
        let other = &mut known.ends[1 - end.side];
        if is_abrupt {
            for frame in &mut other.frames {
                *frame = Frame::KeepAlive;
            }
        }
        self.send_frame(end, Frame::End);
    }

    /// The other side has answered that it knows nothing of this wire.
    fn reset(&mut self, end: WireEnd) {
        let Some(known) = self.wires.get(&end.wire) else { return };
        let here = &known.ends[end.side];
        let is_heard = self.network.passes(known.ends[1 - end.side].machine, here.machine);
        if here.is_open && is_heard && self.machines[here.machine].lives(here.life) {
            self.end_closes(end);
        }
    }

    /// An end closes: its node hears of it, and opens another wire if it wants one.
    fn end_closes(&mut self, end: WireEnd) {
        let Some(known) = self.wires.get_mut(&end.wire) else { return };
        let here = &mut known.ends[end.side];
        if !std::mem::replace(&mut here.is_open, false) {
            return;
        }
        let (machine, life, link, peer) = (here.machine, here.life, here.link, here.peer);
        if !self.machines[machine].lives(life) {
            return;
        }
        let node = self.machines[machine].node.as_mut().expect("it lives");
        node.links.remove(&link);
        self.put_before(machine, Input::LinkClosed { link });
        if end.side == 0 {
            self.outgoing_ended(machine, peer, end.wire);
        }
    }

    pub(super) fn direction(side: usize) -> Direction {
        if side == 0 { Direction::Outgoing } else { Direction::Incoming }
    }

    /// Wires that nobody holds any end of are forgotten.
    pub(super) fn forget_wires(&mut self) {
        self.wires.retain(|_, wire| wire.ends.iter().any(|end| end.is_open));
    }
}
