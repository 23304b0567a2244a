//! The asking side of a repair: which slots differ, then what in them.
//!
//! | stage      | waits for            | then                                                    |
//! |------------|----------------------|---------------------------------------------------------|
//! | comparing  | `Same`               | done                                                    |
//! | comparing  | `Slots`              | the first batch, or a second look where news is flowing |
//! | confirming | its time             | comparing again: only slots that differ twice count     |
//! | sketching  | `More`               | more symbols                                            |
//! | sketching  | `Want` or `Whole`    | the next batch, or done                                 |
//!
//! Each side mails what the other lacks through its own outbox, so what repair found travels, is bounded
//! and is acknowledged like everything else.

use std::collections::VecDeque;
use std::time::Duration;

use likewise_state::digest::Digest;
use likewise_state::place::Place;
use likewise_state::sketch::{Encoder, Symbol, salted};
use likewise_state::slot::SLOTS;
use likewise_state::state::State;

use crate::limits::{
    BATCH_ENTRIES_MAX, READY_BEHIND_MAX, REPAIR_AGAIN, REPAIR_PATIENCE, SYMBOLS_FIRST, SYMBOLS_MAX,
};
use crate::member::{LinkId, NodeId};
use crate::message::{GROUP_SLOTS, GROUPS, Message};
use crate::output::Output;
use crate::peers::Peers;

/// A repair that this node has begun.
pub(crate) struct Repair {
    pub(crate) link: LinkId,
    node: NodeId,
    salt: u64,
    stage: Stage,
    /// Slots that differed at the first look.
    suspected: Option<Vec<u16>>,
    batches: VecDeque<Vec<u16>>,
    /// How many symbols a slot is likely to take.
    symbols_a_slot: f64,
    /// Entries that this node lacks, as far as it has heard.
    lacking: u64,
    last_heard: Duration,
}

enum Stage {
    Comparing,
    /// News is flowing, so some slots differ only because it has not arrived. A second look, later.
    Confirming(Duration),
    Sketching(Batch),
}

/// Some slots, and where the other side is with their symbols.
struct Batch {
    slots: Vec<u16>,
    entries: Entries,
}

/// The entries of some slots by salted hash, sorted, and their symbols.
pub(crate) struct Entries {
    places: Vec<(u64, Place)>,
    encoder: Encoder,
}

impl Entries {
    pub(crate) fn of(state: &State, slots: &[u16], salt: u64) -> Self {
        let hashed = slots.iter().flat_map(|&slot| state.hashed(usize::from(slot)));
        let mut places: Vec<_> = hashed.map(|(hash, place)| (salted(hash, salt), place)).collect();
        places.sort_unstable();
        let encoder = Encoder::new(places.iter().map(|&(hash, _)| hash));
        Self { places, encoder }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The next symbols, up to number `to`.
    pub(crate) fn symbols(&mut self, to: usize) -> Vec<Symbol> {
        self.encoder.extend(to)
    }

    pub(crate) fn symbols_made(&self) -> usize {
        self.encoder.made()
    }

    pub(crate) fn find(&self, hash: u64) -> Option<Place> {
        let at = self.places.binary_search_by_key(&hash, |&(hash, _)| hash).ok()?;
        Some(self.places[at].1)
    }
}

impl Repair {
    /// When [`Peers::advance_repair`] has something to do.
    pub(crate) fn deadline(&self) -> Duration {
        match self.stage {
            Stage::Confirming(at) => at,
            _ => self.last_heard + REPAIR_PATIENCE,
        }
    }
}

/// How many differences there are in each of `slots` that differ, if all differences are spread at random:
/// of d of them in 1,024 slots, 1,024 (1 - e^(-d / 1,024)) are hit. Where nearly all are hit it could be any
/// number, and the first batch will tell.
fn differences_a_slot(slots: usize) -> f64 {
    let share = (slots as f64 / SLOTS as f64).clamp(0.001, 0.99);
    -(1.0 - share).ln() / share
}

/// The digest of a group of slots.
pub(crate) fn group_digest(state: &State, group: usize) -> Digest {
    (0..GROUP_SLOTS).map(|slot| state.slot_digest(group * GROUP_SLOTS + slot)).sum()
}

/// What of a slot's digest is compared.
pub(crate) fn slot_mark(state: &State, slot: usize) -> u16 {
    state.slot_digest(slot).low() as u16
}

impl Peers {
    pub(crate) fn begin_repair(&mut self, node: NodeId) {
        let Some(mailed) = self.mailed.get_mut(&node) else { return };
        // What is under way would be found again.
        if mailed.outbox.is_sending_whole() {
            mailed.repair_due = Some(self.now + REPAIR_AGAIN);
            return;
        }
        mailed.repair_due = None;
        let link = mailed.link;
        self.repairs += 1;
        self.repair = Some(Repair {
            link,
            node,
            salt: salted(self.repairs, self.now.as_nanos() as u64),
            stage: Stage::Comparing,
            suspected: None,
            batches: VecDeque::new(),
            symbols_a_slot: 1.0,
            lacking: 0,
            last_heard: self.now,
        });
        self.send_compare(link);
    }

    fn send_compare(&mut self, link: LinkId) {
        let mut groups = Box::new([0; GROUPS]);
        let mut root = Digest::default();
        for (number, group) in groups.iter_mut().enumerate() {
            let digest = group_digest(&self.state, number);
            root += digest;
            *group = digest.low() as u32;
        }
        self.send(link, &Message::Compare { root, groups });
    }

    /// Goes on where a time was awaited, and gives up where an answer was.
    pub(crate) fn advance_repair(&mut self) {
        let Some(repair) = self.repair.as_mut().filter(|repair| repair.deadline() <= self.now)
        else {
            return;
        };
        if let Stage::Confirming(_) = repair.stage {
            repair.stage = Stage::Comparing;
            repair.last_heard = self.now;
            let link = repair.link;
            return self.send_compare(link);
        }
        let (link, node) = (repair.link, repair.node);
        self.repair = None;
        self.figures.failed += 1;
        let reason = format!("node {node} did not answer a repair for {REPAIR_PATIENCE:?}");
        self.outputs.push_back(Output::Close { link, reason });
    }

    /// An answer of the other side.
    pub(crate) fn answered(&mut self, link: LinkId, answer: Message) {
        // An answer to a repair that has been given up.
        let Some(mut repair) = self.repair.take_if(|repair| repair.link == link) else { return };
        repair.last_heard = self.now;
        let stage = std::mem::replace(&mut repair.stage, Stage::Comparing);
        match (stage, answer) {
            (_, Message::Busy) => {
                self.figures.busy += 1;
                self.repair_again(&repair);
            }
            (Stage::Comparing, Message::Same) => {
                self.figures.same += 1;
                self.caught_up = true;
            }
            (Stage::Comparing, Message::Slots { groups }) => self.compared_slots(repair, &groups),
            (Stage::Sketching(batch), Message::More { until }) => {
                self.send_symbols(&mut repair, batch, until as usize);
                self.repair = Some(repair);
            }
            (Stage::Sketching(batch), Message::Want { hashes, lacking }) => {
                // The next slots are likely to differ by as much as these.
                repair.symbols_a_slot =
                    batch.entries.symbols_made() as f64 / batch.slots.len() as f64;
                let places = hashes.iter().filter_map(|&hash| batch.entries.find(hash)).collect();
                self.mail(repair.node, places);
                repair.lacking += lacking;
                self.next_batch(repair);
            }
            (Stage::Sketching(batch), Message::Whole { lacking }) => {
                if batch.entries.len() > 0 {
                    self.mail_whole(repair.node, &batch.slots);
                }
                repair.lacking += lacking;
                self.next_batch(repair);
            }
            (_, answer) => {
                self.figures.failed += 1;
                let reason = format!("it answered out of turn: {answer:?}");
                self.outputs.push_back(Output::Close { link, reason });
            }
        }
    }

    fn compared_slots(&mut self, mut repair: Repair, groups: &[(u8, [u16; GROUP_SLOTS])]) {
        let mut differing = Vec::new();
        for (group, marks) in groups {
            let first = usize::from(*group) * GROUP_SLOTS;
            let slots = (first..).zip(marks);
            let other = slots.filter(|&(slot, &mark)| slot_mark(&self.state, slot) != mark);
            differing.extend(other.map(|(slot, _)| slot as u16));
        }
        let is_quiet = self.now.saturating_sub(self.last_change) > REPAIR_AGAIN;
        match repair.suspected.take() {
            Some(suspected) => differing.retain(|slot| suspected.contains(slot)),
            // A node that has not caught up has nothing to wait for.
            None if !is_quiet && self.caught_up && !differing.is_empty() => {
                repair.suspected = Some(differing);
                repair.stage = Stage::Confirming(self.now + REPAIR_AGAIN);
                self.repair = Some(repair);
                return;
            }
            None => {}
        }
        differing.sort_unstable();
        repair.symbols_a_slot = 1.5 * differences_a_slot(differing.len());
        repair.batches = self.batches(differing);
        self.next_batch(repair);
    }

    /// Slots in batches of a bounded number of entries.
    fn batches(&self, slots: Vec<u16>) -> VecDeque<Vec<u16>> {
        let mut batches = VecDeque::new();
        let (mut batch, mut entries) = (Vec::new(), 0);
        for slot in slots {
            let more = self.state.entries_in(usize::from(slot));
            if !batch.is_empty() && entries + more > BATCH_ENTRIES_MAX {
                batches.push_back(std::mem::take(&mut batch));
                entries = 0;
            }
            batch.push(slot);
            entries += more;
        }
        batches.extend((!batch.is_empty()).then_some(batch));
        batches
    }

    fn next_batch(&mut self, mut repair: Repair) {
        let Some(slots) = repair.batches.pop_front() else { return self.repaired(&repair) };
        let entries = Entries::of(&self.state, &slots, repair.salt);
        let until = SYMBOLS_FIRST + (slots.len() as f64 * repair.symbols_a_slot) as usize;
        self.send_symbols(&mut repair, Batch { slots, entries }, until);
        self.repair = Some(repair);
    }

    fn send_symbols(&mut self, repair: &mut Repair, mut batch: Batch, until: usize) {
        let first = batch.entries.symbols_made();
        let sketch = Message::Sketch {
            slots: batch.slots.clone(),
            salt: repair.salt,
            entries: batch.entries.len() as u64,
            first: first as u64,
            symbols: batch.entries.symbols(until.min(SYMBOLS_MAX)),
        };
        repair.stage = Stage::Sketching(batch);
        self.send(repair.link, &sketch);
    }

    /// All batches are through: what was found is on its way.
    fn repaired(&mut self, repair: &Repair) {
        self.figures.mended += 1;
        if repair.lacking <= READY_BEHIND_MAX {
            self.caught_up = true;
        } else {
            self.repair_again(repair);
        }
    }

    fn repair_again(&mut self, repair: &Repair) {
        if let Some(mailed) = self.mailed.get_mut(&repair.node) {
            mailed.repair_due = Some(self.now + REPAIR_AGAIN);
        }
    }

    /// Puts entries that a peer lacks into its outbox. Without a link to it they wait for another repair.
    pub(crate) fn mail(&mut self, node: NodeId, places: Vec<Place>) {
        let Some(mailed) = self.mailed.get_mut(&node) else { return };
        self.figures.entries_sent += places.len() as u64;
        for place in places {
            if !mailed.outbox.push(place, self.now) {
                mailed.overflows += 1;
                self.figures.overflows += 1;
                mailed.repair_due = Some(self.now);
            }
        }
    }

    /// Puts whole slots into the outbox of a peer.
    pub(crate) fn mail_whole(&mut self, node: NodeId, slots: &[u16]) {
        let Some(mailed) = self.mailed.get_mut(&node) else { return };
        self.figures.whole_slots += slots.len() as u64;
        mailed.outbox.push_whole(slots.iter().copied());
    }
}
