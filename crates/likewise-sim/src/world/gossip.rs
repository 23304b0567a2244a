//! The task that owns the membership of a node: packets, notices and timers in, packets and links out.

use std::net::SocketAddr;

use likewise_replica::input::Input;
use likewise_replica::membership::{Happened, Output};

use super::wires::Frame;
use super::{Happening, World};
use crate::machine::Heard;

/// Packets that wait for a paused node. One more is dropped.
const HELD_BACK_MAX: usize = 64;

/// Seeds that are asked at most.
const SEEDS_MAX: usize = 3;

impl World {
    pub(super) fn packet_arrives(&mut self, from: usize, to: SocketAddr, packet: Vec<u8>) {
        let Some(machine) = self.at_address(to) else { return };
        if !self.network.passes(from, machine) {
            return;
        }
        let life = self.machines[machine].life;
        self.hear(machine, life, Heard::Packet(packet));
    }

    pub(super) fn hear(&mut self, machine: usize, life: u64, heard: Heard) {
        let now = self.now;
        let it = &mut self.machines[machine];
        let (is_paused, local) = (it.is_paused(), it.clock.shows(now));
        let Some(node) = it.node.as_mut().filter(|_| it.life == life) else { return };
        if is_paused {
            if node.held_back.len() < HELD_BACK_MAX {
                node.held_back.push_back(heard);
            }
            return;
        }
        let result = match heard {
            Heard::Packet(packet) => node.membership.received(&packet, local),
            Heard::Notice(notice) => node.membership.told(&notice, local),
            Heard::Seeds(seeds) => {
                node.membership.announce(seeds, local);
                Ok(())
            }
        };
        if let Err(error) = result {
            self.fail("what nodes say makes sense", format!("n{machine} heard: {error}"));
        }
        self.settle_gossip(machine);
    }

    pub(super) fn gossip_is_due(&mut self, machine: usize, life: u64) {
        let it = &mut self.machines[machine];
        let is_paused = it.is_paused();
        let Some(node) = it.node.as_mut().filter(|_| it.life == life) else { return };
        if node.gossip_at != Some(self.now) {
            return;
        }
        node.gossip_at = None;
        // It is woken when the pause is over.
        if !is_paused {
            self.settle_gossip(machine);
        }
    }

    /// Does what is due, carries out what the membership wants, and comes back when it wants to be woken.
    pub(super) fn settle_gossip(&mut self, machine: usize) {
        let now = self.now;
        let it = &mut self.machines[machine];
        let local = it.clock.shows(now);
        let Some(node) = &mut it.node else { return };
        node.membership.tick(local);
        while let Some(output) = self.next_output(machine) {
            self.carry_out_gossip(machine, output);
        }
        self.mind_being_alone(machine);
        self.follow_targets(machine);
        self.look_whether_left(machine);
        self.wake_gossip(machine);
    }

    fn next_output(&mut self, machine: usize) -> Option<Output> {
        self.machines[machine].node.as_mut()?.membership.poll_output()
    }

    pub(super) fn wake_gossip(&mut self, machine: usize) {
        let it = &mut self.machines[machine];
        let life = it.life;
        let Some(node) = &mut it.node else { return };
        let at = it.clock.when(node.membership.next_deadline(), self.now);
        if node.gossip_at.is_none_or(|set| at < set) {
            node.gossip_at = Some(at);
            self.at(at, Happening::Gossip { machine, life });
        }
    }

    fn carry_out_gossip(&mut self, machine: usize, output: Output) {
        match output {
            Output::Packet { to, packet } => self.send_packet(machine, to, &packet),
            Output::Seek => {
                let (life, wait) = (self.machines[machine].life, self.network.one_way());
                let heard = Heard::Seeds(self.seeds(machine));
                self.after(wait, Happening::Heard { machine, life, heard });
            }
            Output::Tell { notice } => {
                let Some(node) = &self.machines[machine].node else { return };
                for end in node.links.values().copied().collect::<Vec<_>>() {
                    self.send_frame(end, Frame::Notice(notice.clone()));
                }
            }
            Output::Event(event) => {
                let of = event.member.identity.node;
                self.say(machine, "member", of.0, || {
                    let name = event.member.name.clone().unwrap_or_default();
                    format!("{of} {name} {}", event.what)
                });
                match event.what {
                    Happened::Down => self.figures.deaths += 1,
                    Happened::Renewed => self.renewed(machine, event.member.identity.incarnation),
                    _ => {}
                }
                self.check_death(machine, &event);
            }
            Output::Twin { .. } => self.say(machine, "twin", 0, || "sees a twin".to_owned()),
            Output::SameName { name, .. } => {
                self.say(machine, "same-name", 0, || format!("two living members are {name}"));
            }
        }
    }

    fn renewed(&mut self, machine: usize, incarnation: u64) {
        self.figures.renewals += 1;
        if let Some(node) = &mut self.machines[machine].node {
            node.me.incarnation = incarnation;
        }
    }

    fn send_packet(&mut self, machine: usize, to: SocketAddr, packet: &[u8]) {
        // Nobody is there: the packet is lost.
        let Some(target) = self.at_address(to) else { return };
        for wait in self.network.datagram(machine, target) {
            let packet = packet.to_vec();
            self.after(wait, Happening::Packet { from: machine, to, packet });
        }
    }

    /// Where an operator's list of seeds leads to at present, and the addresses of an earlier life.
    fn seeds(&self, machine: usize) -> Vec<SocketAddr> {
        let there = self.machines.iter().filter(|it| !it.is_gone).take(SEEDS_MAX);
        let mut seeds: Vec<SocketAddr> = there.map(|it| it.address).collect();
        seeds.extend(&self.machines[machine].remembered);
        seeds
    }

    fn mind_being_alone(&mut self, machine: usize) {
        let it = &mut self.machines[machine];
        let local = it.clock.shows(self.now);
        let Some(node) = &mut it.node else { return };
        let Some(patience) = &mut node.patience else { return };
        if patience.has_ended(&node.membership, |peer| node.replica.is_settled(peer), local) {
            node.patience = None;
            self.say(machine, "alone", 0, || "nobody has been here before".to_owned());
            self.put_before(machine, Input::Alone);
        }
    }
}
