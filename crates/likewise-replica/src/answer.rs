//! The answering side of a repair. It finds the difference, because it has both streams of symbols.

use std::time::Duration;

use likewise_state::digest::Digest;
use likewise_state::place::Place;
use likewise_state::sketch::{Symbol, decode};

use crate::limits::{REPAIR_PATIENCE, SYMBOLS_MAX};
use crate::member::LinkId;
use crate::message::{GROUP_SLOTS, GROUPS, Message};
use crate::output::Output;
use crate::peers::Peers;
use crate::repair::{Entries, group_digest, slot_mark};

/// A batch that is being answered. There is one at a time: it holds the hashes of its slots.
pub(crate) struct Answering {
    pub(crate) link: LinkId,
    slots: Vec<u16>,
    salt: u64,
    entries: Entries,
    /// Ours less theirs.
    difference: Vec<Symbol>,
    last_heard: Duration,
}

impl Peers {
    /// A peer asks whether our states are equal.
    pub(crate) fn compared(&mut self, link: LinkId, root: Digest, groups: &[u32; GROUPS]) {
        if self.state.root_digest() == root {
            return self.send(link, &Message::Same);
        }
        let node = self.links[&link].peer.node;
        let is_mailing = |node| self.mailed.get(node).is_some_and(|m| m.outbox.is_sending_whole());
        if is_mailing(&node) {
            return self.send(link, &Message::Busy);
        }
        let numbered = (0u8..).zip(groups);
        let differing = numbered.filter(|&(number, &mark)| {
            group_digest(&self.state, usize::from(number)).low() as u32 != mark
        });
        let groups = differing.map(|(number, _)| {
            let first = usize::from(number) * GROUP_SLOTS;
            (number, std::array::from_fn(|slot| slot_mark(&self.state, first + slot)))
        });
        let slots = Message::Slots { groups: groups.collect() };
        self.send(link, &slots);
    }

    /// A peer sends symbols for some slots.
    pub(crate) fn sketched(
        &mut self,
        link: LinkId,
        slots: Vec<u16>,
        salt: u64,
        theirs: u64,
        first: u64,
        symbols_of_theirs: Vec<Symbol>,
    ) {
        if first == 0 {
            let is_taken = self.answering.as_ref().is_some_and(|answering| {
                answering.link != link && self.now < answering.last_heard + REPAIR_PATIENCE
            });
            if is_taken {
                return self.send(link, &Message::Busy);
            }
            let entries = Entries::of(&self.state, &slots, salt);
            let difference = Vec::new();
            let last_heard = self.now;
            self.answering = Some(Answering { link, slots, salt, entries, difference, last_heard });
        }
        let fits = |answering: &mut Answering| {
            answering.link == link
                && answering.salt == salt
                && answering.difference.len() as u64 == first
        };
        let Some(mut answering) = self.answering.take_if(fits) else {
            let reason = "it sent symbols out of turn".to_owned();
            return self.outputs.push_back(Output::Close { link, reason });
        };
        answering.last_heard = self.now;
        self.extend(answering, theirs, &symbols_of_theirs);
    }

    /// Adds symbols, and answers with what they tell or with how many more are needed.
    fn extend(&mut self, mut answering: Answering, theirs: u64, symbols_of_theirs: &[Symbol]) {
        let (from, link) = (answering.difference.len(), answering.link);
        let until = from + symbols_of_theirs.len();
        let ours = answering.entries.symbols(until);
        let minus = ours.iter().zip(symbols_of_theirs).map(|(ours, theirs)| ours.minus(*theirs));
        answering.difference.extend(minus);
        let node = self.links[&link].peer.node;
        let of_ours = answering.entries.len() as u64;
        if is_cheaper_whole(of_ours, theirs, until) {
            if of_ours > 0 {
                self.mail_whole(node, &answering.slots);
            }
            return self.send(link, &Message::Whole { lacking: of_ours });
        }
        let Some(found) = decode(answering.difference.clone()) else {
            let until = (until + until / 2).max(until + 8) as u64;
            self.answering = Some(answering);
            return self.send(link, &Message::More { until });
        };
        let places: Vec<Place> =
            found.ours.iter().filter_map(|&hash| answering.entries.find(hash)).collect();
        let lacking = places.len() as u64;
        self.mail(node, places);
        self.send(link, &Message::Want { hashes: found.theirs, lacking });
    }
}

/// Whether two sets differ by so much that the slots should travel as a whole: the one is empty, or so
/// many symbols would be needed that they and the entries, at some 46 bytes a difference, cost more than
/// all entries in chunks, at some 14 bytes each and both ways.
fn is_cheaper_whole(ours: u64, theirs: u64, symbols: usize) -> bool {
    let (less, more) = (ours.min(theirs), ours.max(theirs));
    if more == 0 {
        return false;
    }
    let enough = more * 2 / 5 + 64;
    less == 0 && more > 64
        || more - less > enough
        || symbols as u64 > enough
        || symbols >= SYMBOLS_MAX
}
