//! Faults as they happen, and as they end.

use std::net::SocketAddr;
use std::time::Duration;

use super::life::address;
use super::{Happening, World};
use crate::schedule::Fault;

/// Machines that there may be in all.
const MACHINES_MAX: usize = 10;

/// How long a disk is broken. A journal that notices is done for, however short it was.
const BROKEN: Duration = Duration::from_secs(2);

/// How often a machine of a voter is started anew, so that others know an image of its disk to be old.
const IMAGE_TRIES: u32 = 4;

/// The end of something that lasts.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    Pause(usize),
    Slow(usize),
    Cut(Vec<(usize, usize)>),
    Flap { pairs: Vec<(usize, usize)>, is_cut: bool, period: Duration, until: Duration },
    Storm(usize),
    Mute(usize),
    DiskFull(usize),
    NoDescriptors(usize),
    SlowDisk(usize),
    BrokenDisk(usize),
    Image { machine: usize, down: Duration, tries: u32 },
    Alone { machine: usize, voter: usize, down: Duration, apart: Duration },
    Apart { machine: usize, voter: usize, until: Duration },
}

impl World {
    pub(super) fn trouble(&mut self, number: usize) {
        let fault = self.planned[number].fault.clone();
        let takes_place = self.strike(&fault);
        self.figures.faults += u64::from(takes_place);
        self.figures.faults_by_kind[fault.kind() as usize] += u64::from(takes_place);
        self.say(number, "fault", u64::from(takes_place), || {
            format!("{fault:?}{}", if takes_place { "" } else { " (there was nothing to strike)" })
        });
    }

    /// Lets a fault happen. False where it found nothing to strike.
    fn strike(&mut self, fault: &Fault) -> bool {
        if !self.voters_bear(fault) {
            return false;
        }
        match *fault {
            Fault::Kill { machine, down } => {
                self.strike_running(machine, down, |world| world.kill(machine))
            }
            Fault::PowerCut { machine, down } => {
                self.strike_running(machine, down, |world| world.cut_power(machine))
            }
            Fault::Wipe { machine, down } => {
                self.strike_running(machine, down, |world| world.wipe(machine))
            }
            Fault::OldImage { machine, after, down } => {
                let it = &mut self.machines[machine];
                let has_one = it.durability.is_some() && it.node.is_some();
                if has_one {
                    it.image = Some(it.disk.image());
                    let ending = Ending::Image { machine, down, tries: IMAGE_TRIES };
                    self.after(after, Happening::End(ending));
                }
                has_one
            }
            Fault::Pause { machine, lasts } => {
                self.machines[machine].pauses += 1;
                self.lasts(lasts, Ending::Pause(machine))
            }
            Fault::Slow { machine, lasts, turn } => {
                self.machines[machine].slow_turn = Some(turn);
                self.lasts(lasts, Ending::Slow(machine))
            }
            Fault::ClockJump { machine, by } => {
                let now = self.now;
                self.machines[machine].clock.jump(now, by);
                self.wake(machine);
                true
            }
            Fault::Partition { side, one_way, lasts } => self.partition(side, one_way, lasts),
            Fault::Flap { one, other, period, lasts } => {
                let pairs = vec![(one, other), (other, one)];
                let until = self.now + lasts;
                self.end(Ending::Flap { pairs, is_cut: false, period, until });
                one != other
            }
            Fault::Storm { machine, loss, lasts } => {
                self.network.storm(machine, Some(loss));
                self.lasts(lasts, Ending::Storm(machine))
            }
            Fault::Mute { machine, lasts } => {
                self.network.mute(machine, true);
                self.lasts(lasts, Ending::Mute(machine))
            }
            ref of_a_disk => self.strike_disk(of_a_disk),
        }
    }

    fn strike_disk(&mut self, fault: &Fault) -> bool {
        match *fault {
            Fault::DiskFull { machine, lasts } => {
                // What is there stays, and nothing can be added.
                self.machines[machine].set_disk_faults(|faults| faults.bytes_max = Some(0));
                self.lasts(lasts, Ending::DiskFull(machine))
            }
            Fault::NoDescriptors { machine, lasts } => {
                self.machines[machine].set_disk_faults(|faults| faults.descriptors = true);
                let has_disk = self.machines[machine].durability.is_some();
                self.lasts(lasts, Ending::NoDescriptors(machine)) && has_disk
            }
            Fault::SyncFails { machine } => self.break_disk(machine, |it| {
                it.sync = true;
                it.sync_folder = true;
            }),
            Fault::WriteFails { machine } => self.break_disk(machine, |it| it.write = true),
            Fault::SlowDisk { machine, sync, lasts } => {
                self.machines[machine].slow_sync = Some(sync);
                self.lasts(lasts, Ending::SlowDisk(machine))
            }
            ref of_members => self.strike_members(of_members),
        }
    }

    fn strike_members(&mut self, fault: &Fault) -> bool {
        match *fault {
            Fault::Add { paused } => self.add(paused),
            Fault::Remove { machine } => {
                self.may_lose(machine) && {
                    self.leave(machine, None);
                    true
                }
            }
            Fault::Destroy { machine } => {
                self.may_lose(machine) && {
                    self.take_away(machine, false);
                    true
                }
            }
            Fault::Restart { machine, down } => {
                let runs = self.machines[machine].node.is_some();
                self.leave(machine, Some(down));
                runs
            }
            Fault::Move { machine, down } => {
                let to = self.another_address(machine);
                self.strike_running(machine, down, |world| {
                    world.kill(machine);
                    world.machines[machine].address = to;
                })
            }
            Fault::Swap { one, other, down } => self.swap(one, other, down),
            Fault::Forget { machine } => self.forget_gone(machine),
            Fault::Succession { machine, voter, alone, down, apart } => {
                self.succession(machine, voter, (alone, down, apart))
            }
            Fault::Burst { machine, requests } => {
                self.burst(machine, requests);
                true
            }
            _ => unreachable!("the others are struck before"),
        }
    }

    fn add(&mut self, paused: bool) -> bool {
        if self.machines.len() >= MACHINES_MAX {
            return false;
        }
        let durability = self.options.durability[0];
        let machine = self.add_machine(durability);
        self.after(Duration::ZERO, Happening::Start { machine, life: 0 });
        if paused {
            self.machines[machine].pauses += 1;
            self.after(Duration::from_secs(3), Happening::End(Ending::Pause(machine)));
        }
        true
    }

    fn swap(&mut self, one: usize, other: usize, down: Duration) -> bool {
        let runs = |machine: usize| self.machines[machine].node.is_some();
        if one == other || !runs(one) || !runs(other) {
            return false;
        }
        self.strike_running(one, down, |world| world.kill(one));
        self.strike_running(other, down, |world| world.kill(other));
        let address = self.machines[one].address;
        self.machines[one].address = self.machines[other].address;
        self.machines[other].address = address;
        true
    }

    fn burst(&mut self, machine: usize, requests: usize) {
        let client = self.chance.below(self.clients.len());
        for _ in 0..requests {
            let operation = self.clients[client].new_operation(&mut self.model);
            // Nobody waits for these.
            self.clients[client].operations[operation].is_done = true;
            self.after(Duration::ZERO, Happening::Request { client, operation, machine });
        }
    }

    /// Something that happens to a running node only, which then comes back.
    fn strike_running(
        &mut self,
        machine: usize,
        down: Duration,
        strike: impl FnOnce(&mut Self),
    ) -> bool {
        if self.machines[machine].node.is_none() {
            return false;
        }
        strike(self);
        let life = self.machines[machine].life;
        self.after(down, Happening::Start { machine, life });
        true
    }

    fn lasts(&mut self, lasts: Duration, ending: Ending) -> bool {
        self.after(lasts, Happening::End(ending));
        true
    }

    /// Whether the cluster can do with a machine less.
    pub(super) fn may_lose(&self, machine: usize) -> bool {
        let others = self.machines.iter().enumerate();
        let others = others.filter(|&(number, it)| number != machine && !it.is_gone).count();
        others > 0 && self.machines[machine].node.is_some()
    }

    fn break_disk(
        &mut self,
        machine: usize,
        breaks: impl FnOnce(&mut likewise_journal::disk::memory::Faults),
    ) -> bool {
        let it = &mut self.machines[machine];
        it.set_disk_faults(breaks);
        let has_disk = it.durability.is_some();
        self.lasts(BROKEN, Ending::BrokenDisk(machine)) && has_disk
    }

    fn partition(&mut self, side: u32, one_way: bool, lasts: Duration) -> bool {
        let machines = 0..self.machines.len();
        let is_in = |machine: usize| side >> machine & 1 == 1;
        let mut pairs = Vec::new();
        for from in machines.clone().filter(|&machine| is_in(machine)) {
            for to in machines.clone().filter(|&machine| !is_in(machine)) {
                pairs.push((from, to));
                pairs.extend((!one_way).then_some((to, from)));
            }
        }
        self.network.cut(&pairs, true);
        let cuts = !pairs.is_empty();
        self.lasts(lasts, Ending::Cut(pairs)) && cuts
    }

    /// The address of a machine that is gone, or one that nobody ever had.
    fn another_address(&mut self, machine: usize) -> SocketAddr {
        let is_taken = |address| {
            let mut others = self.machines.iter().filter(|it| !it.is_gone);
            others.any(|it| it.address == address)
        };
        let left = self.machines.iter().filter(|it| it.is_gone).map(|it| it.address);
        let left = left.clone().find(|&address| !is_taken(address));
        let fresh = address(100 + machine + 10 * self.machines[machine].life as usize);
        left.unwrap_or(fresh)
    }

    fn forget_gone(&mut self, machine: usize) -> bool {
        let local = self.machines[machine].clock.shows(self.now);
        let Some(node) = &mut self.machines[machine].node else { return false };
        let members = node.membership.members().filter(|member| !member.state.is_active());
        let gone: Vec<_> = members.map(|member| member.identity.node).collect();
        for &member in &gone {
            if let Err(error) = node.membership.forget(member, local) {
                let detail = format!("n{machine}: {member}: {error}");
                self.fail("who is gone can be forgotten", detail);
                return true;
            }
        }
        self.settle_gossip(machine);
        !gone.is_empty()
    }

    pub(super) fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Pause(machine) => {
                let it = &mut self.machines[machine];
                it.pauses = it.pauses.saturating_sub(1);
                self.wake(machine);
            }
            Ending::Slow(machine) => self.machines[machine].slow_turn = None,
            Ending::Cut(pairs) => self.network.cut(&pairs, false),
            Ending::Flap { pairs, is_cut, period, until } => {
                let goes_on = self.now < until && !self.is_calm;
                if is_cut || goes_on {
                    self.network.cut(&pairs, !is_cut);
                }
                if goes_on {
                    let ending = Ending::Flap { pairs, is_cut: !is_cut, period, until };
                    self.after(period, Happening::End(ending));
                }
            }
            Ending::Storm(machine) => self.network.storm(machine, None),
            Ending::Mute(machine) => self.network.mute(machine, false),
            Ending::DiskFull(machine) => {
                self.machines[machine].set_disk_faults(|faults| faults.bytes_max = None);
            }
            Ending::NoDescriptors(machine) => {
                self.machines[machine].set_disk_faults(|faults| faults.descriptors = false);
            }
            Ending::BrokenDisk(machine) => self.machines[machine].set_disk_faults(|faults| {
                faults.sync = false;
                faults.sync_folder = false;
                faults.write = false;
            }),
            Ending::SlowDisk(machine) => self.machines[machine].slow_sync = None,
            Ending::Alone { machine, voter, down, apart } => {
                self.succeed(machine, voter, (down, apart));
            }
            Ending::Apart { machine, voter, until } => self.reunite(machine, voter, until),
            Ending::Image { machine, down, tries } => {
                let is_meant = !self.is_calm && !self.machines[machine].is_gone;
                if is_meant
                    && self.image_may_come(machine, down, tries)
                    && self.bring_image(machine)
                {
                    let life = self.machines[machine].life;
                    self.after(down, Happening::Start { machine, life });
                }
            }
        }
    }

    /// A machine goes on after a pause, or finds that it is later than it thought.
    pub(super) fn wake(&mut self, machine: usize) {
        let it = &mut self.machines[machine];
        if it.is_paused() {
            return;
        }
        let life = it.life;
        let Some(node) = &mut it.node else { return };
        node.turn_at = None;
        node.gossip_at = None;
        for heard in std::mem::take(&mut node.held_back) {
            self.hear(machine, life, heard);
        }
        self.settle_gossip(machine);
        self.set_turn(machine);
    }
}
