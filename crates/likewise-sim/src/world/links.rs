//! Keeping a link to each member: dialling, waiting, dialling again, and taking in those who dial.

use std::time::Duration;

use likewise_replica::backoff::Backoff;
use likewise_replica::input::Input;
use likewise_replica::member::{LinkId, NodeId, Peer};

use super::wires::{End, Frame, HELD_BACK, Wire};
use super::{Happening, World};
use crate::machine::{Dial, Stage, WireEnd};

/// How long a connection and its handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// How many ways back and forth they take.
const HANDSHAKE_WAYS: u32 = 4;

impl World {
    /// Brings the links in line with the members.
    pub(super) fn follow_targets(&mut self, machine: usize) {
        let Some(node) = &mut self.machines[machine].node else { return };
        let targets = node.membership.targets();
        if targets == node.targets {
            return;
        }
        let me = node.me.node;
        let gone: Vec<NodeId> =
            node.dials.keys().filter(|member| !targets.contains_key(member)).copied().collect();
        let mut to_close = Vec::new();
        for member in gone {
            if let Some(Stage::Open { wire, .. }) = node.dials.remove(&member).map(|it| it.stage) {
                to_close.push(wire);
            }
        }
        let mut to_dial = Vec::new();
        for (&member, &target) in &targets {
            let dial = node.dials.entry(member).or_insert_with(|| Dial {
                target,
                backoff: Backoff::new(me, member),
                attempt: 0,
                stage: Stage::Idle,
            });
            let is_other = dial.target.identity != target.identity;
            let was = std::mem::replace(&mut dial.target, target);
            match dial.stage {
                // It is dialled again where it is now.
                Stage::Open { wire, .. } if is_other => to_close.push(wire),
                Stage::Idle | Stage::Resting if target.dial && was != target => {
                    to_dial.push((member, dial.attempt));
                }
                Stage::Idle if target.dial => to_dial.push((member, dial.attempt)),
                _ => {}
            }
        }
        node.targets = targets;
        let life = self.machines[machine].life;
        for wire in to_close {
            self.close_end(WireEnd { wire, side: 0 }, "the member is another one, or gone");
        }
        for (member, attempt) in to_dial {
            self.after(Duration::ZERO, Happening::Dial { machine, life, member, attempt });
        }
    }

    /// Tries to open a link.
    pub(super) fn dial(&mut self, machine: usize, life: u64, member: NodeId, attempt: u64) {
        let it = &mut self.machines[machine];
        if it.is_paused() {
            return self.after(HELD_BACK, Happening::Dial { machine, life, member, attempt });
        }
        let Some(node) = it.node.as_mut().filter(|_| it.life == life) else { return };
        let Some(dial) = node.dials.get_mut(&member) else { return };
        let is_meant =
            dial.attempt == attempt && matches!(dial.stage, Stage::Idle | Stage::Resting);
        if !is_meant {
            return;
        }
        if !dial.target.dial {
            dial.stage = Stage::Idle;
            return;
        }
        dial.attempt += 1;
        dial.stage = Stage::Trying;
        let (attempt, address) = (dial.attempt, dial.target.identity.address);
        let takes = match self.at_address(address) {
            Some(to) if self.network.passes(machine, to) && self.network.passes(to, machine) => {
                let ways = if self.machines[to].node.is_some() { HANDSHAKE_WAYS } else { 1 };
                (0..ways).map(|_| self.network.stream(machine, to)).sum()
            }
            _ => HANDSHAKE_TIME,
        };
        self.after(takes, Happening::Dialled { machine, life, member, attempt });
    }

    /// The machine that has power and this address.
    pub(super) fn at_address(&self, address: std::net::SocketAddr) -> Option<usize> {
        self.machines.iter().position(|it| it.address == address && it.has_power && !it.is_gone)
    }

    /// What came of it.
    pub(super) fn dialled(&mut self, machine: usize, life: u64, member: NodeId, attempt: u64) {
        let it = &self.machines[machine];
        if it.is_paused() {
            return self.after(HELD_BACK, Happening::Dialled { machine, life, member, attempt });
        }
        let Some(node) = it.node.as_ref().filter(|_| it.life == life) else { return };
        let Some(dial) = node.dials.get(&member) else { return };
        if dial.attempt != attempt || dial.stage != Stage::Trying {
            return;
        }
        let (me, address) = (node.me.clone(), dial.target.identity.address);
        let answers = |&to: &usize| {
            let there = &self.machines[to];
            let is_open = self.network.passes(machine, to) && self.network.passes(to, machine);
            let node = there.node.as_ref().filter(|_| is_open && !there.is_paused())?;
            // A stranger, or a twin, is turned away after the handshake.
            (node.me.node == member && node.me.node != me.node).then(|| node.me.clone())
        };
        let to = self.at_address(address);
        let peer = to.as_ref().and_then(answers);
        let Some((to, peer)) = to.zip(peer) else { return self.rest(machine, member, None) };
        self.connect((machine, me), (to, peer));
    }

    fn connect(&mut self, from: (usize, Peer), to: (usize, Peer)) {
        let (wire, now) = (self.wires_opened, self.now);
        self.wires_opened += 1;
        let sides = [from, to];
        let mut links = [LinkId(0); 2];
        for (side, (machine, _)) in sides.iter().enumerate() {
            let node = self.machines[*machine].node.as_mut().expect("both have answered");
            links[side] = LinkId(node.links_opened);
            node.links_opened += 1;
        }
        let end = |side: usize| {
            let (machine, _) = sides[side];
            let it = &self.machines[machine];
            let peer = sides[1 - side].1.node;
            End::new(machine, it.life, links[side], peer, it.clock.shows(now))
        };
        self.wires.insert(wire, Wire { ends: [end(0), end(1)] });
        self.watch_wire(wire);
        let old = self.incoming(sides[1].0, sides[0].1.node);
        // A task ends the old one: before the new one is there, or after.
        let is_early = self.chance.is(0.5);
        if is_early {
            self.replace(old);
        }
        for side in [0, 1] {
            let (machine, peer) = (sides[side].0, sides[1 - side].1.clone());
            self.opened(machine, WireEnd { wire, side }, links[side], peer);
        }
        if !is_early {
            self.replace(old);
        }
    }

    /// The link that this peer has opened to the machine.
    fn incoming(&self, machine: usize, peer: NodeId) -> Option<WireEnd> {
        let node = self.machines[machine].node.as_ref().expect("it has answered");
        node.links.values().copied().find(|end| {
            end.side == 1 && self.wires.get(&end.wire).is_some_and(|it| it.ends[1].peer == peer)
        })
    }

    /// A peer opens a new link because the old one is no good.
    fn replace(&mut self, old: Option<WireEnd>) {
        if let Some(old) = old {
            self.close_end(old, "the peer has opened another one");
        }
    }

    fn opened(&mut self, machine: usize, end: WireEnd, link: LinkId, peer: Peer) {
        let name = peer.name.clone();
        self.say(machine, "link", end.wire, || format!("wire {} with {name}", end.wire));
        let now = self.now;
        let it = &mut self.machines[machine];
        let local = it.clock.shows(now);
        let node = it.node.as_mut().expect("it has answered");
        node.links.insert(link, end);
        if end.side == 0
            && let Some(dial) = node.dials.get_mut(&peer.node)
        {
            dial.stage = Stage::Open { wire: end.wire, since: local };
        }
        node.membership.introduced(&peer, local);
        let view = node.membership.view();
        let direction = Self::direction(end.side);
        self.put_before(machine, Input::LinkOpened { link, peer, direction });
        self.send_frame(end, Frame::Notice(view));
        self.settle_gossip(machine);
    }

    /// A link that this node had opened is no more.
    pub(super) fn outgoing_ended(&mut self, machine: usize, member: NodeId, wire: u64) {
        let local = self.machines[machine].clock.shows(self.now);
        let Some(node) = &mut self.machines[machine].node else { return };
        let Some(dial) = node.dials.get(&member) else { return };
        if let Stage::Open { wire: open, since } = dial.stage
            && open == wire
        {
            self.rest(machine, member, Some(local.saturating_sub(since)));
        }
    }

    /// Waits before the next attempt.
    fn rest(&mut self, machine: usize, member: NodeId, lasted: Option<Duration>) {
        let it = &mut self.machines[machine];
        let life = it.life;
        let Some(dial) = it.node.as_mut().and_then(|node| node.dials.get_mut(&member)) else {
            return;
        };
        if let Some(lasted) = lasted {
            dial.backoff.link_ended(lasted);
        }
        let wait = dial.backoff.next_wait();
        dial.stage = Stage::Resting;
        let attempt = dial.attempt;
        self.after(wait, Happening::Dial { machine, life, member, attempt });
    }
}
