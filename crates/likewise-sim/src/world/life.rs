//! How nodes come and go: starting over what is on the disk, and dying in various ways.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use likewise_journal::disk::memory::MemoryDisk;
use likewise_journal::journal::{Durability, Journal, Options};
use likewise_journal::store::StoreId;
use likewise_replica::input::Input;
use likewise_replica::member::{NodeId, Peer};
use likewise_replica::membership::{Identity, Membership, Patience};
use likewise_replica::replica::Replica;
use likewise_state::state::{Keys, State, TableKey};

use super::{Happening, World};
use crate::clock::Clock;
use crate::machine::{Machine, Node};
use crate::model::{DIGEST_KEY, Key};
use crate::storage::Storage;

/// How long whatever starts nodes waits until it starts one again that could not.
const RESTART: Duration = Duration::from_secs(1);

/// What the disk gave back.
struct Found {
    state: Arc<State>,
    storage: Option<Storage>,
    store: [u8; 16],
    incarnation: u64,
    seats: Option<Vec<u8>>,
}

impl World {
    pub(super) fn add_machine(&mut self, durability: Option<Durability>) -> usize {
        let number = self.machines.len();
        let rate = 1.0 + self.options.drift * (self.chance.of(0..2_001) as f64 / 1_000.0 - 1.0);
        self.machines.push(Machine::new(address(number), durability, rate));
        self.model.add_machine();
        number
    }

    /// A state with the cluster's key, and one of its own.
    pub(super) fn empty_state(&mut self) -> State {
        State::new(Keys { digest: DIGEST_KEY, table: TableKey::new(self.chance.bytes()) })
    }

    /// Opens what is on a disk. `None` where the disk takes nothing at present.
    fn open(&mut self, machine: usize) -> Option<Found> {
        let state = Arc::new(self.empty_state());
        let store = self.chance.bytes();
        let Machine { disk, durability, .. } = &self.machines[machine];
        let Some(durability) = *durability else {
            return Some(Found { state, storage: None, store, incarnation: 1, seats: None });
        };
        let (disk, segment_bytes) = (disk.clone(), self.options.segment_bytes);
        let options = Options {
            durability,
            segment_bytes,
            snapshot_journal_bytes_min: self.options.snapshot_bytes,
            ..Options::new(StoreId(store), format!("n{machine}"))
        };
        match Journal::open(disk.clone(), options, &state) {
            Ok((journal, recovery)) => {
                let storage = Some(Storage::new(disk, journal, state.clone()));
                let (store, incarnation, seats) =
                    (recovery.store.0, recovery.incarnation, recovery.seats);
                self.say(machine, "recovered", incarnation, || {
                    let torn = if recovery.torn.is_some() { ", a torn end dropped" } else { "" };
                    format!("{} records, incarnation {incarnation}{torn}", recovery.records)
                });
                Some(Found { state, storage, store, incarnation, seats })
            }
            Err(error) => {
                let has_faults = self.machines[machine].disk_faults != Default::default();
                if !has_faults {
                    self.fail(
                        "recovery",
                        format!("n{machine}: an honest disk is refused: {error}"),
                    );
                }
                self.say(machine, "no-start", 0, || error.to_string());
                None
            }
        }
    }

    pub(super) fn start(&mut self, machine: usize, life: u64) {
        let it = &self.machines[machine];
        if it.life != life || it.node.is_some() || it.is_gone {
            return;
        }
        self.machines[machine].has_power = true;
        let Some(found) = self.open(machine) else {
            return self.after(RESTART, Happening::Start { machine, life });
        };
        let is_kept = found.storage.is_some();
        let recovered = self.model.recovered(machine, &found.state, is_kept);
        self.check("what was durable is there after a start", machine, recovered);
        self.figures.starts += 1;
        let has_seeds = self.options.machines > 1 || machine > 0;
        let it = &mut self.machines[machine];
        it.life += 1;
        it.clock = Clock::new(self.now, it.rate);
        // 0 stands for whoever is at an address.
        let id = u64::from_le_bytes(*found.store.first_chunk().expect("it is longer")).max(1);
        let (node, incarnation, address) = (NodeId(id), found.incarnation, it.address);
        let name = format!("n{machine}");
        let (http, takes_contexts) = (String::new(), self.options.takes_contexts(machine));
        let me = Peer { node, name, http, incarnation, takes_contexts };
        let identity = Identity { node, incarnation, address };
        let is_alone = !has_seeds && it.remembered.is_empty();
        let bounds = self.options.bounds;
        let voting = self.voting(machine, incarnation, found.seats.as_deref());
        let replica = Replica::with_bounds(node, found.state.clone(), bounds);
        let replica = match voting {
            Some(voting) => replica.with_voters(node, voting),
            None => replica,
        };
        let seed = self.chance.number();
        let mark = self.model.digest(&found.state);
        let node = Node {
            me,
            replica,
            state: found.state,
            membership: Membership::new(identity, seed, Duration::ZERO),
            patience: (!is_alone).then(|| Patience::new(Duration::ZERO)),
            storage: found.storage,
            links: Default::default(),
            links_opened: 0,
            targets: Default::default(),
            dials: Default::default(),
            inbox: Default::default(),
            turn_at: None,
            gossip_at: None,
            held_back: Default::default(),
            requests: Default::default(),
            casts: Default::default(),
            requests_taken: 0,
            frames: Default::default(),
            mark,
            leaving: None,
        };
        self.machines[machine].node = Some(node);
        self.say(machine, "start", id, || format!("node {id:016x} at {address}"));
        if is_alone {
            self.put_before(machine, Input::Alone);
        }
        self.settle_gossip(machine);
        self.set_turn(machine);
    }

    /// The process is gone, and nobody inside had time to do anything. Who had a link hears of it where the
    /// machine is there to say so.
    pub(super) fn stop(&mut self, machine: usize, has_power: bool) -> Option<Node> {
        self.count_figures(machine);
        let it = &mut self.machines[machine];
        it.has_power = has_power;
        let node = it.node.take()?;
        it.remembered = node.targets.values().map(|target| target.identity.address).collect();
        for end in node.links.values() {
            self.end_is_gone(*end, has_power);
        }
        Some(node)
    }

    pub(super) fn kill(&mut self, machine: usize) {
        let Some(node) = self.stop(machine, true) else { return };
        if let Some(storage) = &node.storage {
            storage.outlives_the_process(&mut self.model, machine);
        }
        self.interrupt(machine, node);
        self.lose_memory(machine);
    }

    pub(super) fn cut_power(&mut self, machine: usize) {
        let Some(node) = self.stop(machine, false) else { return };
        self.interrupt(machine, node);
        let chance = &mut self.chance;
        let it = &mut self.machines[machine];
        let survived = it.disk.after_power_cut(|n| chance.below(n));
        it.disk = survived;
        it.set_disk_faults(|_| {});
        self.lose_memory(machine);
    }

    /// Whatever the disk was doing breaks off somewhere.
    fn interrupt(&mut self, machine: usize, node: Node) {
        let changes = self.chance.of(0..8);
        if let Some(storage) = node.storage {
            storage.break_off(changes);
        }
        self.machines[machine].set_disk_faults(|_| {});
    }

    pub(super) fn wipe(&mut self, machine: usize) {
        drop(self.stop(machine, true));
        let it = &mut self.machines[machine];
        it.disk = MemoryDisk::default();
        it.remembered = Vec::new();
        it.set_disk_faults(|_| {});
        self.lose(machine, None);
    }

    /// The machine comes back with the image that was taken of its disk.
    pub(super) fn bring_image(&mut self, machine: usize) -> bool {
        let Some(image) = self.machines[machine].image.take() else { return false };
        drop(self.stop(machine, true));
        let state = self.empty_state();
        let options = Options::new(StoreId([0; 16]), format!("n{machine}"));
        // To see what is on it, without counting as a start.
        let opened = Journal::open(image.image(), options, &state);
        if let Err(error) = opened {
            self.fail("recovery", format!("n{machine}: an image of the disk is refused: {error}"));
            return false;
        }
        self.machines[machine].disk = image;
        self.machines[machine].set_disk_faults(|_| {});
        self.lose(machine, Some(&state));
        true
    }

    fn lose(&mut self, machine: usize, image: Option<&State>) -> Option<Key> {
        self.doubt_handovers();
        let others = memories(&self.machines, machine);
        self.model.lost(machine, image, &others)
    }

    /// What was not made durable here is lost. Who promises nothing before it is durable has told nobody of
    /// that.
    fn lose_memory(&mut self, machine: usize) -> Option<Key> {
        if self.machines[machine].durability == Some(Durability::Always) {
            return None;
        }
        self.doubt_handovers();
        let others = memories(&self.machines, machine);
        self.model.lost_what_nobody_keeps(&others)
    }

    /// Whom a leaving node has handed everything over to may just have lost it.
    fn doubt_handovers(&mut self) {
        let nodes = self.machines.iter_mut().filter_map(|machine| machine.node.as_mut());
        for leaving in nodes.filter_map(|node| node.leaving.as_mut()) {
            leaving.is_flushed = false;
            leaving.is_doubted = true;
        }
    }

    /// Takes the machine away.
    pub(super) fn take_away(&mut self, machine: usize, is_handed_over: bool) {
        drop(self.stop(machine, false));
        self.machines[machine].is_gone = true;
        self.electorate.is_gone(machine);
        self.machines[machine].disk = MemoryDisk::default();
        self.say(machine, "gone", u64::from(is_handed_over), || {
            format!("taken away, handed over: {is_handed_over}")
        });
        let lost = self.lose(machine, None);
        self.check_handed_over(machine, is_handed_over, lost);
    }

    /// A node has left cleanly, and will come back: what its disk did not take is gone.
    pub(super) fn forget_memory(&mut self, machine: usize, is_handed_over: bool) {
        let lost = self.lose_memory(machine);
        self.check_handed_over(machine, is_handed_over, lost);
    }

    /// Where all peers have said that they keep everything, nothing may be lost by a leave. Where some keep
    /// less than others, what they said is worth less.
    fn check_handed_over(&mut self, machine: usize, is_handed_over: bool, lost: Option<Key>) {
        let of = |durability| self.machines.iter().all(|it| it.durability == durability);
        if let Some(lost) = lost.filter(|_| is_handed_over)
            && (of(Some(Durability::Always)) || of(None))
        {
            let detail = format!("n{machine} left, and nobody else keeps {lost:?}");
            self.fail("whoever leaves cleanly leaves everything behind", detail);
        }
    }
}

/// What the other nodes hold, be it in memory only. What those hold that promise no more than their disks
/// keep does not count: nobody is told when they lose it.
fn memories(machines: &[Machine], but: usize) -> Vec<&State> {
    let others = machines
        .iter()
        .enumerate()
        .filter(|&(number, it)| number != but && it.durability != Some(Durability::Always));
    others.filter_map(|(_, it)| Some(&*it.node.as_ref()?.state)).collect()
}

pub(super) fn address(number: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 9_293))
}
