//! The answering side of a repair. It finds the difference, because it has both streams of symbols.

use std::time::Duration;

use likewise_state::digest::Digest;
use likewise_state::place::Place;
use likewise_state::sketch::decode;

use crate::gather::Gathered;
use crate::limits::{REPAIR_PATIENCE, SYMBOLS_A_DIFFERENCE, SYMBOLS_MAX};
use crate::member::LinkId;
use crate::message::{GROUP_SLOTS, GROUPS, Message};
use crate::output::Output;
use crate::peers::Peers;
use crate::repair::{group_digest, mark};

/// A batch that is being answered. There is one at a time: it holds the words of its slots.
pub(crate) struct Answering {
    pub(crate) link: LinkId,
    gathered: Gathered,
    /// How many entries the asking side has.
    theirs: u64,
    /// Their symbols that have not been looked at.
    received: Option<Vec<u64>>,
    /// Our symbols less theirs.
    difference: Vec<u64>,
    last_heard: Duration,
}

impl Answering {
    /// Whether there is something to do before anything else arrives.
    pub(crate) fn has_work(&self) -> bool {
        !self.gathered.is_read() || self.received.is_some()
    }
}

impl Peers {
    /// A peer asks whether our states are equal.
    pub(crate) fn compared(
        &mut self,
        link: LinkId,
        salt: u64,
        root: Digest,
        theirs: &[u8; GROUPS],
    ) {
        if self.state.root_digest() == root {
            self.found_equal(self.links[&link].peer.node);
            let settled = self.is_settled();
            return self.send(link, &Message::Same { settled });
        }
        if self.has_no_time_for(link) {
            return self.send(link, &Message::Busy);
        }
        let numbered = (0u8..).zip(theirs);
        let differing = numbered.filter(|&(number, &theirs)| {
            mark(group_digest(&self.state, usize::from(number)), salt) != theirs
        });
        let groups = differing.map(|(number, _)| {
            let first = usize::from(number) * GROUP_SLOTS;
            let digest = |slot| self.state.slot_digest(first + slot);
            (number, std::array::from_fn(|slot| mark(digest(slot), salt)))
        });
        let slots = Message::Slots { settled: self.is_settled(), groups: groups.collect() };
        self.send(link, &slots);
    }

    /// Whether comparing would only find what is on its way, or what the disk here would not take.
    fn has_no_time_for(&self, link: LinkId) -> bool {
        let node = self.links[&link].peer.node;
        let mailed = self.mailed.get(&node);
        let is_sending_whole = mailed.is_some_and(|mailed| mailed.outbox.is_sending_whole());
        is_sending_whole || !self.writable || self.is_filled_by_another(node)
    }

    /// A peer wants some slots compared. While it gathers its entries of them we gather ours.
    pub(crate) fn gather(&mut self, link: LinkId, salt: u64, slots: Vec<u16>, theirs: u64) {
        let is_taken = self.answering.as_ref().is_some_and(|answering| {
            answering.link != link && self.now < answering.last_heard + REPAIR_PATIENCE
        });
        if is_taken || self.has_no_time_for(link) {
            return self.send(link, &Message::Busy);
        }
        self.answering = None;
        let entries = slots.iter().map(|&slot| self.state.entries_in(usize::from(slot)) as u64);
        let ours = entries.sum();
        if is_cheaper_whole(ours, theirs, 0) {
            if theirs > 0 {
                self.filled_by(self.links[&link].peer.node);
            }
            return self.answer_whole(link, &slots, ours);
        }
        // Whoever asks has chosen slots of which it has few enough, and ours are not many times more.
        if slots.len() > 1 && ours > 4 * self.bounds.batch_entries as u64 {
            let reason = format!("it asked to compare {ours} entries at once");
            return self.outputs.push_back(Output::Close { link, reason });
        }
        self.answering = Some(Answering {
            link,
            gathered: Gathered::new(slots, salt, self.bounds.gather_piece),
            theirs,
            received: None,
            difference: Vec::new(),
            last_heard: self.now,
        });
    }

    /// A peer sends symbols for these slots.
    pub(crate) fn sketched(&mut self, link: LinkId, first: u64, symbols: Vec<u64>) {
        let answering = self.answering.as_mut().filter(|answering| answering.link == link);
        // They crossed with our answer that the slots shall be sent as a whole.
        let Some(answering) = answering else { return };
        if answering.received.is_some() || answering.difference.len() as u64 != first {
            self.answering = None;
            let reason = "it sent symbols out of turn".to_owned();
            return self.outputs.push_back(Output::Close { link, reason });
        }
        answering.last_heard = self.now;
        answering.received = Some(symbols);
    }

    /// Does a piece of the gathering, and answers after the last one.
    pub(crate) fn advance_answering(&mut self) {
        let Some(answering) = self.answering.as_mut().filter(|it| it.has_work()) else { return };
        let received = answering.received.as_ref().map(Vec::len);
        let until = received.map(|more| answering.difference.len() + more);
        if answering.gathered.advance(&self.state, until) && until.is_some() {
            let answering = self.answering.take();
            self.compare_symbols(answering.expect("it has just been looked at"));
        }
    }

    /// Answers with what the symbols tell, or with how many more are needed.
    fn compare_symbols(&mut self, mut answering: Answering) {
        let theirs = answering.received.take().unwrap_or_default();
        let until = answering.difference.len() + theirs.len();
        let ours = answering.gathered.symbols(until);
        answering.difference.extend(ours.iter().zip(theirs).map(|(ours, theirs)| ours ^ theirs));
        let (link, ours) = (answering.link, answering.gathered.len() as u64);
        if is_cheaper_whole(ours, answering.theirs, until) {
            return self.answer_whole(link, answering.gathered.slots(), ours);
        }
        let found = match decode(answering.difference.clone()) {
            Ok(found) => found,
            Err(named) => {
                let least = symbols_at_least(ours, answering.theirs);
                let until = more(until, named).max(least).min(SYMBOLS_MAX) as u64;
                self.answering = Some(answering);
                return self.send(link, &Message::More { until });
            }
        };
        let is_ours = |word| found.binary_search(&word).is_ok();
        let (mut ours, places): (Vec<u64>, Vec<Place>) = answering.gathered.find(is_ours).unzip();
        ours.sort_unstable();
        let theirs = found.iter().filter(|word| ours.binary_search(word).is_err());
        let words = theirs.map(|&word| word as u32).collect();
        let lacking = places.len() as u64;
        let node = self.links[&link].peer.node;
        self.mail(node, places);
        self.send(link, &Message::Want { words, lacking });
    }

    fn answer_whole(&mut self, link: LinkId, slots: &[u16], ours: u64) {
        if ours > 0 {
            let node = self.links[&link].peer.node;
            self.mail_whole(node, slots);
        }
        self.send(link, &Message::Whole { lacking: ours });
    }
}

/// How many symbols to have next, where so many of them name `named` words: the closer they are to being
/// enough, the more they name. Of 1.38 symbols a difference that nearly always suffice, half name one word
/// in twenty, and nine tenths one in five.
fn more(symbols: usize, named: usize) -> usize {
    let share = named as f64 / symbols.max(1) as f64;
    let growth = (0.5 - 1.7 * share).clamp(0.06, 0.5);
    symbols + 2 + (symbols as f64 * growth) as usize
}

/// How many symbols two sets of these sizes need, because of their sizes alone.
fn symbols_at_least(ours: u64, theirs: u64) -> usize {
    (ours.abs_diff(theirs) as f64 * SYMBOLS_A_DIFFERENCE) as usize
}

/// Whether two sets differ by so much that the slots should travel as a whole: a symbol and the entry that it
/// finds, at some 41 bytes a difference, would cost more than all entries in chunks, at some 14 bytes each
/// and both ways.
fn is_cheaper_whole(ours: u64, theirs: u64, symbols: usize) -> bool {
    let enough = ours.saturating_add(theirs) / 2 + 64;
    let symbols = symbols.max(symbols_at_least(ours, theirs));
    symbols as u64 > enough || symbols >= SYMBOLS_MAX
}
