//! The asking side of a repair: which slots differ, then what in them.
//!
//! | stage      | waits for            | then                                                    |
//! |------------|----------------------|---------------------------------------------------------|
//! | comparing  | `Same`               | done                                                    |
//! | comparing  | `Slots`              | the first batch, or another look where news is flowing  |
//! | confirming | its time             | comparing again: only slots that always differ count    |
//! | gathering  | its own work         | the symbols, sketching                                  |
//! | sketching  | `More`               | gathering more symbols                                  |
//! | either     | `Want` or `Whole`    | the next batch, or done                                 |
//!
//! Each side mails what the other lacks through its own outbox, so what repair found travels, is bounded
//! and is acknowledged like everything else.

use std::collections::VecDeque;
use std::time::Duration;

use likewise_state::digest::Digest;
use likewise_state::place::Place;
use likewise_state::sketch::salted;
use likewise_state::slot::SLOTS;
use likewise_state::state::State;

use crate::gather::Gathered;
use crate::limits::{
    REPAIR_AGAIN, REPAIR_CHECK, REPAIR_INTERVAL, REPAIR_LOOKS_MAX, REPAIR_PATIENCE,
    ROUNDS_TO_BE_READY, SYMBOLS_A_DIFFERENCE, SYMBOLS_FIRST, SYMBOLS_MAX,
};
use crate::member::{LinkId, NodeId};
use crate::message::{GROUP_SLOTS, GROUPS, Message};
use crate::output::Output;
use crate::peers::{Awaited, Peers};

/// A repair that this node has begun.
pub(crate) struct Repair {
    pub(crate) link: LinkId,
    node: NodeId,
    salt: u64,
    stage: Stage,
    /// Whether nothing was new for a while when it began.
    is_quiet: bool,
    /// Slots that differed at each look so far.
    suspected: Option<Vec<u16>>,
    looks: u32,
    batches: VecDeque<Vec<u16>>,
    /// Differences that were found, in so many slots.
    found: u64,
    slots_done: usize,
    /// How many differences a slot is likely to have, before any is known.
    differences_a_slot: f64,
    /// Whether the other side is one to catch up with.
    settled: bool,
    /// Entries that this node lacks, as far as it has heard.
    lacking: u64,
    last_heard: Duration,
}

enum Stage {
    Comparing,
    /// News is flowing, so some slots differ only because it has not arrived. Another look, later.
    Confirming(Duration),
    /// The symbols up to this number are being made.
    Gathering(Gathered, usize),
    Sketching(Gathered),
}

impl Repair {
    /// When there is something to do.
    pub(crate) fn deadline(&self) -> Duration {
        match self.stage {
            Stage::Confirming(at) => at,
            Stage::Gathering(..) => Duration::ZERO,
            Stage::Comparing | Stage::Sketching(_) => self.last_heard + REPAIR_PATIENCE,
        }
    }

    /// How many symbols these slots are likely to take: those that come first have shown how much the
    /// others differ.
    fn symbols_for(&self, slots: &[u16]) -> usize {
        let a_slot = match self.slots_done {
            0 => self.differences_a_slot,
            done => self.found as f64 / done as f64,
        };
        let differences = a_slot * slots.len() as f64;
        (SYMBOLS_FIRST + (differences * SYMBOLS_A_DIFFERENCE) as usize).min(SYMBOLS_MAX)
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

/// What of a digest is compared in a round.
pub(crate) fn mark(digest: Digest, salt: u64) -> u8 {
    salted(digest.low(), salt) as u8
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
        let salt = salted(self.repairs, self.now.as_nanos() as u64);
        self.repair = Some(Repair {
            link,
            node,
            salt,
            stage: Stage::Comparing,
            is_quiet: self.now.saturating_sub(self.last_change) > REPAIR_AGAIN,
            suspected: None,
            looks: 0,
            batches: VecDeque::new(),
            found: 0,
            slots_done: 0,
            differences_a_slot: 0.0,
            settled: false,
            lacking: 0,
            last_heard: self.now,
        });
        self.send_compare(link, salt);
    }

    fn send_compare(&mut self, link: LinkId, salt: u64) {
        let mut marks = Box::new([0; GROUPS]);
        let mut root = Digest::default();
        for (number, group) in marks.iter_mut().enumerate() {
            let digest = group_digest(&self.state, number);
            root += digest;
            *group = mark(digest, salt);
        }
        self.send(link, &Message::Compare { salt, root, marks });
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
            let (link, salt) = (repair.link, repair.salt);
            return self.send_compare(link, salt);
        }
        if let Stage::Gathering(..) = repair.stage {
            return;
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
                // It may be so for long: each time in a row it is asked later.
                let mailed = self.mailed.get_mut(&repair.node);
                let rest = mailed.map_or(REPAIR_AGAIN, |mailed| {
                    mailed.busy_rest = (mailed.busy_rest * 2).clamp(REPAIR_AGAIN, REPAIR_INTERVAL);
                    mailed.busy_rest
                });
                self.repair_again(&repair, rest);
            }
            (Stage::Comparing, Message::Same { settled }) => {
                self.figures.same += 1;
                self.caught_up |= settled;
                self.looked_through(repair.node);
                self.found_equal(repair.node);
                self.heard_whether_settled(&mut repair, settled);
                if !self.caught_up {
                    self.repair_again(&repair, REPAIR_AGAIN);
                }
            }
            (Stage::Comparing, Message::Slots { settled, groups }) => {
                self.heard_whether_settled(&mut repair, settled);
                self.compared_slots(repair, &groups);
            }
            (Stage::Sketching(gathered), Message::More { until })
                if until > gathered.symbols_made() as u64 =>
            {
                repair.stage = Stage::Gathering(gathered, (until as usize).min(SYMBOLS_MAX));
                self.repair = Some(repair);
            }
            (Stage::Sketching(gathered), Message::Want { mut words, lacking }) => {
                repair.found =
                    repair.found.saturating_add(words.len() as u64).saturating_add(lacking);
                repair.slots_done += gathered.slots().len();
                words.sort_unstable();
                let found = gathered.find(|word| words.binary_search(&(word as u32)).is_ok());
                self.mail(repair.node, found.map(|(_, place)| place).collect());
                repair.lacking = repair.lacking.saturating_add(lacking);
                self.next_batch(repair);
            }
            (
                Stage::Sketching(gathered) | Stage::Gathering(gathered, _),
                Message::Whole { lacking },
            ) => {
                let mut slots = gathered.slots().iter();
                if slots.any(|&slot| self.state.entries_in(usize::from(slot)) > 0) {
                    self.mail_whole(repair.node, gathered.slots());
                }
                if lacking > 0 {
                    self.filled_by(repair.node);
                }
                repair.lacking = repair.lacking.saturating_add(lacking);
                self.next_batch(repair);
            }
            (_, answer) => {
                self.figures.failed += 1;
                let reason = format!("it answered out of turn: {}", answer.name());
                self.outputs.push_back(Output::Close { link, reason });
            }
        }
    }

    fn compared_slots(&mut self, mut repair: Repair, groups: &[(u8, [u8; GROUP_SLOTS])]) {
        let mut differing = Vec::new();
        for (group, marks) in groups {
            let first = usize::from(*group) * GROUP_SLOTS;
            let slots = (first..).zip(marks);
            let digest = |slot| self.state.slot_digest(slot);
            let other = slots.filter(|&(slot, &theirs)| mark(digest(slot), repair.salt) != theirs);
            differing.extend(other.map(|(slot, _)| slot as u16));
        }
        let mut is_clearer = true;
        if let Some(suspected) = repair.suspected.take() {
            differing.retain(|slot| suspected.binary_search(slot).is_ok());
            is_clearer = differing.len() * 8 < suspected.len() * 7;
        }
        repair.looks += 1;
        if differing.is_empty() {
            self.figures.same += 1;
            self.looked_through(repair.node);
            if !self.caught_up {
                return self.repaired_before_ready(&repair);
            }
            return self.check(&repair);
        }
        // A node that has not caught up has nothing to wait for.
        let is_in_doubt = !repair.is_quiet && self.caught_up;
        if is_in_doubt && is_clearer && repair.looks < REPAIR_LOOKS_MAX {
            repair.suspected = Some(differing);
            repair.stage = Stage::Confirming(self.now + REPAIR_AGAIN);
            self.repair = Some(repair);
            return;
        }
        repair.differences_a_slot = differences_a_slot(differing.len());
        repair.batches = self.batches(differing);
        self.next_batch(repair);
    }

    /// Slots in batches of a bounded number of entries.
    fn batches(&self, slots: Vec<u16>) -> VecDeque<Vec<u16>> {
        let mut batches = VecDeque::new();
        let (mut batch, mut entries) = (Vec::new(), 0);
        for slot in slots {
            let more = self.state.entries_in(usize::from(slot));
            if !batch.is_empty() && entries + more > self.bounds.batch_entries {
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
        // Slots may have grown since they were put together, and the other side refuses too many at once.
        let mut parts = self.batches(slots);
        let slots = parts.pop_front().expect("no batch is empty");
        parts.into_iter().rev().for_each(|part| repair.batches.push_front(part));
        let entries = slots.iter().map(|&slot| self.state.entries_in(usize::from(slot)) as u64);
        let gather =
            Message::Gather { salt: repair.salt, entries: entries.sum(), slots: slots.clone() };
        self.send(repair.link, &gather);
        let until = repair.symbols_for(&slots);
        repair.stage =
            Stage::Gathering(Gathered::new(slots, repair.salt, self.bounds.gather_piece), until);
        self.repair = Some(repair);
    }

    /// Does a piece of the gathering, and sends the symbols after the last one.
    pub(crate) fn advance_gathering(&mut self) {
        let Some(repair) = &mut self.repair else { return };
        let Stage::Gathering(gathered, until) = &mut repair.stage else { return };
        let until = *until;
        if !gathered.advance(&self.state, Some(until)) {
            return;
        }
        let first = gathered.symbols_made() as u64;
        let sketch = Message::Sketch { first, symbols: gathered.symbols(until) };
        let link = repair.link;
        repair.last_heard = self.now;
        let stage = std::mem::replace(&mut repair.stage, Stage::Comparing);
        if let Stage::Gathering(gathered, _) = stage {
            repair.stage = Stage::Sketching(gathered);
        }
        self.send(link, &sketch);
    }

    /// All batches are through: what was found is on its way.
    fn repaired(&mut self, repair: &Repair) {
        self.figures.mended += 1;
        self.looked_through(repair.node);
        if self.caught_up {
            return self.check(repair);
        }
        self.repaired_before_ready(repair);
    }

    /// What is lacking is on its way. Where it has to wait for a link, the next round finds it again.
    fn repaired_before_ready(&mut self, repair: &Repair) {
        // To hold what another newcomer holds is no end.
        if repair.settled {
            self.awaited = Some(Awaited { from: repair.node, entries: repair.lacking });
        }
        self.repair_again(repair, REPAIR_AGAIN);
        self.look_whether_caught_up();
    }

    fn heard_whether_settled(&mut self, repair: &mut Repair, settled: bool) {
        repair.settled = settled;
        if let Some(mailed) = self.mailed.get_mut(&repair.node) {
            mailed.settled = Some(settled);
        }
    }

    /// Once as much has come as was lacking at the last round, and that often enough, this node has caught up.
    pub(crate) fn look_whether_caught_up(&mut self) {
        if self.awaited.take_if(|awaited| awaited.entries == 0).is_some() {
            self.rounds_filled += 1;
            self.caught_up |= self.rounds_filled >= ROUNDS_TO_BE_READY;
        }
    }

    /// A round is over, and what it found that a peer lacks is in its outbox.
    fn looked_through(&mut self, node: NodeId) {
        let Some(mailed) = self.mailed.get_mut(&node) else { return };
        mailed.busy_rest = Duration::ZERO;
        // If the outbox could not hold all of it, the next round has been set already.
        if mailed.repair_due.is_none() {
            mailed.owes = mailed.owes.saturating_sub(1);
        }
    }

    /// The next round shows whether this one has seen everything: soon, where that matters, or where nothing
    /// else is going on.
    fn check(&mut self, repair: &Repair) {
        let owes = self.mailed.get(&repair.node).is_some_and(|mailed| mailed.owes > 0);
        if owes {
            self.repair_again(repair, REPAIR_AGAIN);
        } else if repair.is_quiet {
            self.repair_again(repair, REPAIR_CHECK);
        }
    }

    fn repair_again(&mut self, repair: &Repair, rest: Duration) {
        if let Some(mailed) = self.mailed.get_mut(&repair.node) {
            mailed.repair_due = Some(self.now + rest);
        }
    }

    /// Puts entries that a peer lacks into its outbox. Without a link to it they wait for another repair, and
    /// so does what finds no room there: to empty the outbox for it would be to begin anew for ever.
    pub(crate) fn mail(&mut self, node: NodeId, mut places: Vec<Place>) {
        let Some(mailed) = self.mailed.get_mut(&node) else { return };
        let room = mailed.outbox.room();
        if places.len() > room {
            // Not always the same first: what the peer has something newer of would be sent again and again.
            let chance = salted(self.repairs, self.now.as_nanos() as u64) as usize;
            let first = chance % places.len();
            places.rotate_left(first);
            places.truncate(room);
            mailed.lacks_something(self.now + REPAIR_AGAIN);
        }
        self.figures.entries_sent += places.len() as u64;
        for place in places {
            mailed.push(place, self.now, &mut self.figures);
        }
    }

    /// Puts whole slots into the outbox of a peer.
    pub(crate) fn mail_whole(&mut self, node: NodeId, slots: &[u16]) {
        let Some(mailed) = self.mailed.get_mut(&node) else { return };
        self.figures.whole_slots += slots.len() as u64;
        mailed.outbox.push_whole(slots.iter().copied());
    }
}
