//! What voters tell each other about themselves: who sits where, and what a fresh one lacks.

use std::collections::BTreeMap;

use likewise_state::digest::Digest;
use likewise_state::slot::SLOTS;

use crate::limits::{BALLOT_BYTES, BALLOTS_MAX};
use crate::member::{Direction, LinkId, NodeId};
use crate::message::Message;
use crate::output::BatchId;
use crate::quorum::ballot::{Ask, Vote};
use crate::quorum::seats::{Seat, Seats};
use crate::quorum::{Ballots, Copying, Quorum, Roll};
use crate::replica::Replica;

impl Replica {
    /// Tells the other end of a new link who sits where.
    pub(crate) fn roll_for(&mut self, link: LinkId) {
        if let Some(roll) = self.quorum.as_deref().and_then(Quorum::roll) {
            self.send_ballot(link, &roll);
        }
    }

    /// Tells everybody who sits where: before any later vote.
    pub(crate) fn call_roll(&mut self) {
        let links: Vec<LinkId> = self.peers.links.keys().copied().collect();
        links.into_iter().for_each(|link| self.roll_for(link));
    }

    fn send_ballot(&mut self, link: LinkId, message: &Message) {
        let bytes = message.encode();
        if let Some(quorum) = &mut self.quorum {
            quorum.figures.bytes_sent += bytes.len() as u64;
        }
        self.peers.send_bytes(link, bytes);
    }

    /// A message about votes has come in. `Err` says why its link has to be closed.
    pub(crate) fn ballot(&mut self, link: LinkId, message: Message) -> Result<(), String> {
        let Some(direction) = self.peers.links.get(&link).map(|known| known.direction) else {
            return Ok(());
        };
        let name = message.name();
        match (direction, message) {
            (_, Message::Roll { list, is_active, seats }) => {
                return self.roll_heard(link, list, is_active, &seats);
            }
            (Direction::Incoming, Message::Ask { list, asks }) => self.asked(link, list, asks),
            (Direction::Outgoing, Message::Vote { list, votes }) => {
                return self.voted(link, list, votes);
            }
            (Direction::Incoming, Message::Copy { list, term, digests }) => {
                self.copy_asked(link, list, term, &digests);
            }
            (Direction::Outgoing, Message::Copied { list, term, is_active }) => {
                self.copied(link, list, term, is_active);
            }
            _ => return Err(format!("it sent {name} the wrong way along a link")),
        }
        Ok(())
    }

    fn roll_heard(
        &mut self,
        link: LinkId,
        list: u64,
        is_active: bool,
        seats: &Seats,
    ) -> Result<(), String> {
        let Some(known) = self.peers.links.get(&link) else { return Ok(()) };
        let Some(quorum) = &mut self.quorum else { return Ok(()) };
        let Some(voter) = quorum.voters.number(&known.peer.name) else {
            self.hearsay_heard(list, seats);
            return Ok(());
        };
        let is_same_list = list == quorum.list;
        if !is_same_list {
            let roll = Roll {
                is_same_list,
                voter,
                seat: Seat::EMPTY,
                is_active: false,
                mine: Seat::EMPTY,
            };
            quorum.rolls.insert(link, roll);
            return Ok(());
        }
        if seats.len() != quorum.known.len() {
            return Err(format!("it told of {} seats, of another list", seats.len()));
        }
        // Whoever tells of another holder of its own seat has none.
        let seat = seats.of(voter);
        let seat = if seat.node == known.peer.node { seat } else { Seat::EMPTY };
        let me = quorum.seating.as_ref().map(|seating| seating.voter);
        let mine = me.map_or(Seat::EMPTY, |me| seats.of(me));
        let is_active = is_active && seat != Seat::EMPTY;
        let is_outgoing = known.direction == Direction::Outgoing;
        quorum.merge_seats(seats);
        quorum.rolls.insert(link, Roll { is_same_list, voter, seat, is_active, mine });
        let is_askable = is_outgoing && is_active && quorum.counts(voter, seat);
        if is_askable {
            self.ask_what_is_open(voter, link);
        }
        self.tell_hearsay(link, seats);
        self.look_at_seat();
        Ok(())
    }

    /// A node without a seat tells a voter that knows less what it has heard of the seats. It may be the only
    /// one that has heard of a claim, and takes no vote of that seat any more unless its holder claims it again.
    fn tell_hearsay(&mut self, link: LinkId, told: &Seats) {
        let Some(quorum) = &self.quorum else { return };
        if quorum.seating.is_none() && quorum.known != *told {
            let (list, seats) = (quorum.list, quorum.known.clone());
            self.send_ballot(link, &Message::Roll { list, is_active: false, seats });
        }
    }

    /// Such a node has told. Nobody relies on its keeping that: it only makes others look.
    fn hearsay_heard(&mut self, list: u64, seats: &Seats) {
        let is_about =
            |quorum: &&mut Box<Quorum>| quorum.list == list && quorum.known.len() == seats.len();
        if let Some(quorum) = self.quorum.as_mut().filter(is_about) {
            quorum.merge_seats(seats);
            self.look_at_seat();
        }
    }

    /// Goes on with whatever keeps this node from voting.
    pub(crate) fn look_at_seat(&mut self) {
        let now = self.peers.now;
        let Some(quorum) = &mut self.quorum else { return };
        let majority = quorum.voters.majority();
        let Some(seating) = &mut quorum.seating else { return };
        if seating.is_settled(&quorum.known) {
            return;
        }
        if seating.advance(&mut quorum.known, majority, now) {
            quorum.void_votes();
            self.call_roll();
        }
        self.copy_from_others();
    }

    /// Asks those that know of this node's claim for all that they hold, once it has caught up as any node does:
    /// little is left to be copied then.
    fn copy_from_others(&mut self) {
        let now = self.peers.now;
        let has_caught_up = self.peers.caught_up;
        let Some(quorum) = &mut self.quorum else { return };
        let Some(seating) = &mut quorum.seating else { return };
        let (mine, peers, known) = (seating.mine, &self.peers, &quorum.known);
        let namers = quorum.rolls.iter().filter(|&(&link, roll)| {
            roll.mine == mine
                && known.of(roll.voter) == roll.seat
                && peers.is_mailed_on(link)
                && (has_caught_up || !roll.is_active)
        });
        let links: BTreeMap<usize, LinkId> =
            namers.clone().map(|(&link, roll)| (roll.voter, link)).collect();
        let namers = namers.map(|(_, roll)| (roll.voter, roll.seat, roll.is_active));
        let from = seating.copy_from(namers, now);
        if from.is_empty() {
            return;
        }
        let list = quorum.list;
        let mut digests = Box::new([Digest::default(); SLOTS]);
        for (slot, digest) in digests.iter_mut().enumerate() {
            *digest = self.peers.state.slot_digest(slot);
        }
        for link in from.iter().map(|voter| links[voter]) {
            let digests = digests.clone();
            self.send_ballot(link, &Message::Copy { list, term: mine.term, digests });
        }
    }

    fn copy_asked(&mut self, link: LinkId, list: u64, term: u64, theirs: &[Digest; SLOTS]) {
        let Some(known) = self.peers.links.get(&link) else { return };
        let (node, is_active) =
            (known.peer.node, self.quorum.as_ref().is_some_and(|q| q.is_active()));
        let name = known.peer.name.clone();
        let Some(quorum) = self.quorum.as_mut().filter(|quorum| quorum.list == list) else {
            return;
        };
        if !quorum.has_told_of(node, &name, term) {
            return;
        }
        let state = &self.peers.state;
        let numbered = (0u16..).zip(theirs);
        let differing =
            numbered.filter(|&(slot, &theirs)| state.slot_digest(slot.into()) != theirs);
        let slots: Vec<u16> = differing.map(|(slot, _)| slot).collect();
        if slots.is_empty() {
            return self.send_ballot(link, &Message::Copied { list, term, is_active });
        }
        // Without a link to it there is no way to send anything: it asks again.
        let Some(mailed) = self.peers.mailed.get(&node) else { return };
        let is_under_way = |copying: &Copying| (copying.term, copying.by) == (term, mailed.link);
        if quorum.copying.get(&link).is_some_and(is_under_way) {
            return;
        }
        let copying = Copying { node, by: mailed.link, term, is_active, last_frame: None };
        quorum.copying.insert(link, copying);
        self.peers.mail_whole(node, &slots);
    }

    /// Tells those who copy that they have everything, once they have acknowledged it.
    pub(crate) fn advance_copying(&mut self) {
        let Some(quorum) = &mut self.quorum else { return };
        let (list, mut done) = (quorum.list, Vec::new());
        for (&link, copying) in &mut quorum.copying {
            let mailed = self.peers.mailed.get(&copying.node);
            let Some(mailed) = mailed.filter(|mailed| mailed.link == copying.by) else {
                // What was on its way is lost: it asks again.
                done.push((link, None));
                continue;
            };
            if mailed.outbox.is_sending_whole() {
                continue;
            }
            let last = *copying.last_frame.get_or_insert_with(|| mailed.outbox.last_frame());
            if mailed.outbox.has_acknowledged(last) {
                done.push((link, Some((copying.term, copying.is_active))));
            }
        }
        for (link, result) in done {
            self.quorum.as_mut().and_then(|quorum| quorum.copying.remove(&link));
            if let Some((term, is_active)) = result {
                self.send_ballot(link, &Message::Copied { list, term, is_active });
            }
        }
    }

    fn copied(&mut self, link: LinkId, list: u64, term: u64, is_active: bool) {
        let Some(quorum) = self.quorum.as_mut().filter(|quorum| quorum.list == list) else {
            return;
        };
        let roll = quorum.rolls.get(&link);
        let (Some(roll), Some(seating)) = (roll, &mut quorum.seating) else { return };
        // An answer to a question from before the last claim says nothing about this one.
        if term == seating.mine.term {
            seating.copied(roll.voter, roll.seat, is_active);
            self.look_at_seat();
        }
    }

    /// A link is gone.
    pub(crate) fn ballots_closed(&mut self, link: LinkId) {
        let Some(quorum) = &mut self.quorum else { return };
        quorum.rolls.remove(&link);
        quorum.outgoing.remove(&link);
        quorum.copying.remove(&link);
    }

    /// A batch is durable: what of it is about seats can be told.
    pub(crate) fn seats_persisted(&mut self, batch: BatchId) {
        if self.quorum.as_mut().is_some_and(|quorum| quorum.persisted(batch)) {
            self.call_roll();
            self.look_at_seat();
        }
    }

    /// Sends what has gathered for each link.
    pub(crate) fn send_ballots(&mut self) {
        let Some(quorum) = &mut self.quorum else { return };
        let list = quorum.list;
        for (link, Ballots { asks, votes }) in std::mem::take(&mut quorum.outgoing) {
            for asks in divided(asks, Ask::put) {
                self.send_ballot(link, &Message::Ask { list, asks });
            }
            for votes in divided(votes, Vote::put) {
                self.send_ballot(link, &Message::Vote { list, votes });
            }
        }
    }
}

/// Divides what is to be sent into messages of [`BALLOT_BYTES`] or one ballot more, and at most
/// [`BALLOTS_MAX`] ballots.
fn divided<T>(ballots: Vec<T>, put: impl Fn(&T, &mut Vec<u8>)) -> Vec<Vec<T>> {
    let mut messages = Vec::new();
    let mut bytes = Vec::new();
    let mut message = Vec::new();
    for ballot in ballots {
        put(&ballot, &mut bytes);
        message.push(ballot);
        if bytes.len() >= BALLOT_BYTES || message.len() >= BALLOTS_MAX {
            bytes.clear();
            messages.push(std::mem::take(&mut message));
        }
    }
    if !message.is_empty() {
        messages.push(message);
    }
    messages
}

impl Quorum {
    /// What this node tells of the seats: only what is on its disk.
    fn roll(&self) -> Option<Message> {
        let seating = self.seating.as_ref()?;
        let seats = seating.told.seats.clone();
        Some(Message::Roll { list: self.list, is_active: self.is_active(), seats })
    }

    /// Whether this node, as a voter, has told that another one's seat is held by this node in this term.
    fn has_told_of(&self, node: NodeId, name: &str, term: u64) -> bool {
        let seats = self.seating.as_ref().map(|seating| &seating.told.seats);
        let number = self.voters.number(name);
        seats.zip(number).is_some_and(|(seats, voter)| {
            let seat = seats.of(voter);
            (seat.node, seat.term) == (node, term)
        })
    }
}
