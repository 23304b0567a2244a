//! Answers that promise more than this node's own state: a majority of a fixed list of voters stands behind
//! them. There is no leader and no log, and nobody decides anything: a value that only grows needs no
//! consensus, only readers that make sure of what they have read.
//!
//! **A write** with a target is one join, durable on a majority:
//!
//! ```text
//! coordinator ── Merge ──> all voters ── durable ──> Merged, Merged: done
//! ```
//!
//! **A read** of a post is answered only when a majority report *exactly the same* state of it:
//!
//! ```text
//! coordinator ── Pull ──> all voters ──> Report {digest 7}, Report {digest 7}: learned
//!                                    ──> Report {digest 7}, Report {digest 9}: join what differs, tell the
//!                                        voters, ask again
//! ```
//!
//! It is not enough to read a majority, merge and write back: what is merged so may be a state that the post
//! never had. States that were learned are all states that some majority had as a whole, so any two of them
//! share a voter, and are the same or one after the other. A write that is done is in every state that is
//! learned later. And if one write was done before another began, no learned state has the second without the
//! first: a voter in both majorities had the first before it could report the second. So the learned states
//! are a history of the post that never was otherwise: each write takes place just before the first of them
//! that has it, each read just after the one that it saw.
//!
//! A write without a target reads first, because what it aims at depends on the present length; then it is
//! bound to that target, whatever happens. And at [`Level::Quorum`](request::Level::Quorum) a read of one
//! like takes the largest length that a majority reports, and writes it to a majority before it is told, unless
//! all of them had it.
//!
//! Who is alive plays no part in any of this, and neither do clocks: they only decide when to ask again, when to
//! give up, and for how long a voter that comes back doubts its own data (see `seating`).
//!
//! Sources: J. Skrzypczak, F. Schintke and T. Schuett, "Linearizable State Machine Replication of State-Based
//! CRDTs without Logs", PODC 2019; H. Attiya, A. Bar-Noy and D. Dolev, "Sharing memory robustly in
//! message-passing systems", JACM 1995. `docs/consistency.md` has the whole argument, and counter-examples.
//!
//! Reading order: [`voters`], [`seats`], `seating` (how this node comes to its vote), [`request`],
//! [`ballot`] (what is asked and answered), `answering` (the voter), `writing` and `reading` (the
//! coordinator), `hold`, `recent`, [`view`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use likewise_state::lattice::{Changed, Lattice};

use crate::member::{LinkId, NodeId};
use crate::output::BatchId;
use crate::trace::TraceContext;
use crate::write::RequestId;

pub mod voters;

pub mod seats;

pub(crate) mod seating;

pub mod request;

pub mod ballot;

pub(crate) mod answering;

pub(crate) mod writing;

pub(crate) mod reading;

pub(crate) mod hold;

pub(crate) mod recent;

pub(crate) mod linking;

pub mod view;

use ballot::{Ask, AskId, Vote};
use hold::Holds;
use reading::{Reading, ReadingId};
use recent::Recent;
use request::{Part, Subject};
use seating::{Seating, Standing};
use seats::{Kept, Seat, Seats};
use view::Figures;
use voters::Voters;
use writing::Writing;

/// All that a replica knows of votes, as voter, as coordinator, or as both.
pub(crate) struct Quorum {
    pub(crate) voters: Voters,
    /// Stands for the list in messages.
    pub(crate) list: u64,
    /// The greatest holder of each seat that this node has heard of.
    pub(crate) known: Seats,
    /// This node's own seat, where it is a voter.
    pub(crate) seating: Option<Seating>,
    /// What was last heard on each link.
    pub(crate) rolls: BTreeMap<LinkId, Roll>,
    /// What is to be sent over each link.
    pub(crate) outgoing: BTreeMap<LinkId, Ballots>,
    /// Voters that copy from this node.
    pub(crate) copying: BTreeMap<LinkId, Copying>,
    pub(crate) holds: Holds,
    pub(crate) recent: Recent,
    pub(crate) requests: BTreeMap<RequestId, Request>,
    pub(crate) writings: BTreeMap<AskId, Writing>,
    pub(crate) readings: BTreeMap<ReadingId, Reading>,
    /// The reading whose present round has this number.
    pub(crate) rounds: BTreeMap<AskId, ReadingId>,
    /// The reading that linearizable readers of a post share.
    pub(crate) shared: BTreeMap<Subject, ReadingId>,
    pub(crate) last_ask: u64,
    pub(crate) last_reading: u64,
    /// When something in here may be due.
    pub(crate) next_look: Duration,
    pub(crate) figures: Figures,
}

/// A request that this node coordinates.
pub(crate) struct Request {
    pub(crate) deadline: Duration,
    pub(crate) at: At,
    /// How often voters were asked for it.
    pub(crate) rounds: u32,
    /// Where it belongs in a trace.
    pub(crate) trace: Option<TraceContext>,
}

/// Where a request stands.
#[derive(Clone, Copy)]
pub(crate) enum At {
    Hold,
    Writing(AskId),
    Reading(ReadingId),
}

/// What a voter has last said about the seats on one link.
pub(crate) struct Roll {
    /// Whether it has the same list.
    pub(crate) is_same_list: bool,
    /// Its number, where it has.
    pub(crate) voter: usize,
    /// Its own seat; empty where it holds none.
    pub(crate) seat: Seat,
    pub(crate) is_active: bool,
    /// Who holds the seat of this node, as far as it keeps on its disk.
    pub(crate) mine: Seat,
}

/// Questions and answers that wait for the end of the turn, to be sent together.
#[derive(Default)]
pub(crate) struct Ballots {
    pub(crate) asks: Vec<Ask>,
    pub(crate) votes: Vec<Vote>,
}

/// A voter that gets whole slots because it asked to copy.
pub(crate) struct Copying {
    pub(crate) node: NodeId,
    /// The link that they are mailed on.
    pub(crate) by: LinkId,
    /// The term of its claim.
    pub(crate) term: u64,
    /// Whether this node was active when it was asked.
    pub(crate) is_active: bool,
    /// The last frame of them, once all have been sent.
    pub(crate) last_frame: Option<u64>,
}

/// How a replica takes part in votes, from its start on.
#[derive(Clone, Debug)]
pub struct Voting {
    /// The list of voters.
    pub voters: Voters,
    /// The name of this node, which may be one of them or not.
    pub name: String,
    /// How often this node has been started over its data.
    pub boot: u64,
    /// What it has kept of the seats, as [`Output::Persist`](crate::output::Output::Persist) gave it; `None`
    /// where it keeps nothing, or has nothing.
    pub kept: Option<Kept>,
}

impl Quorum {
    pub(crate) fn new(me: NodeId, voting: Voting) -> Self {
        let Voting { voters, name, boot, kept } = voting;
        let (list, count) = (voters.hash(), voters.names().len());
        // Under another list what was kept means nothing: its seats are not even those of the same voters.
        let kept = kept.filter(|kept| kept.list == list && kept.seats.len() == count);
        let nothing = || Kept { list, is_whole: false, seats: Seats::empty(count) };
        let kept = kept.unwrap_or_else(nothing);
        let mut known = kept.seats.clone();
        let number = voters.number(&name);
        let seating = number.map(|voter| Seating::new(voter, me, boot, kept, &mut known));
        Self {
            voters,
            list,
            known,
            seating,
            rolls: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            copying: BTreeMap::new(),
            holds: Holds::default(),
            recent: Recent::default(),
            requests: BTreeMap::new(),
            writings: BTreeMap::new(),
            readings: BTreeMap::new(),
            rounds: BTreeMap::new(),
            shared: BTreeMap::new(),
            last_ask: 0,
            last_reading: 0,
            next_look: Duration::ZERO,
            figures: Figures::default(),
        }
    }

    /// Whether this node votes.
    pub(crate) fn is_active(&self) -> bool {
        self.seating.as_ref().is_some_and(|seating| seating.standing == Standing::Active)
    }

    /// Whether a vote from this seat still counts: nobody has been heard of who holds it later.
    pub(crate) fn counts(&self, voter: usize, seat: Seat) -> bool {
        self.known.of(voter) == seat
    }

    /// Takes in what somebody else knows of the seats.
    pub(crate) fn merge_seats(&mut self, seats: &Seats) {
        if self.known.merge(seats) == Changed(true) {
            self.void_votes();
            if let Some(seating) = &mut self.seating {
                seating.heard();
                seating.forget_former(&self.known);
            }
        }
    }

    pub(crate) fn next_ask(&mut self) -> AskId {
        self.last_ask += 1;
        AskId(self.last_ask)
    }

    /// The links on which a voter with a vote can be asked, by the voter's number.
    pub(crate) fn askable(&self, is_mailed: impl Fn(LinkId) -> bool) -> BTreeMap<usize, LinkId> {
        let rolls = self.rolls.iter().filter(|&(&link, roll)| {
            roll.is_same_list
                && roll.is_active
                && self.counts(roll.voter, roll.seat)
                && is_mailed(link)
        });
        rolls.map(|(&link, roll)| (roll.voter, link)).collect()
    }

    /// What part each voter had in something that was not done, where these answered and these could be asked.
    pub(crate) fn parts(
        &self,
        answered: &BTreeSet<usize>,
        askable: &BTreeMap<usize, LinkId>,
    ) -> Vec<(String, Part)> {
        let me = self.seating.as_ref().map(|seating| seating.voter);
        let part = |voter: usize| {
            let mut rolls = self.rolls.values().filter(|roll| roll.voter == voter);
            if answered.contains(&voter) {
                Part::Answered
            } else if me == Some(voter) && !self.is_active() {
                Part::Fresh
            } else if me == Some(voter) || askable.contains_key(&voter) {
                Part::Silent
            } else if rolls.clone().any(|roll| !roll.is_same_list) {
                Part::OtherList
            } else if rolls.any(|roll| !roll.is_active) {
                Part::Fresh
            } else {
                Part::NoLink
            }
        };
        let named = self.voters.names().iter().enumerate();
        named.map(|(voter, name)| (name.clone(), part(voter))).collect()
    }

    /// Whether there is anything about the seats to be put on the disk.
    pub(crate) fn keeps_more(&self) -> bool {
        self.seating.as_ref().is_some_and(Seating::is_due)
    }

    /// What it is, with this batch.
    pub(crate) fn keep(&mut self, batch: BatchId) -> Option<Vec<u8>> {
        let (list, known) = (self.list, &self.known);
        self.seating.as_mut().and_then(|seating| seating.keep(list, known, batch))
    }

    /// A batch is on the disk.
    pub(crate) fn persisted(&mut self, batch: BatchId) -> bool {
        self.seating.as_mut().is_some_and(|seating| seating.kept(batch))
    }

    /// When something in here is due, if nothing else happens before.
    pub(crate) fn next_deadline(&self, now: Duration) -> Option<Duration> {
        let seating = self.seating.as_ref();
        let seat = seating.and_then(|seating| seating.next_deadline(&self.known, now));
        let has_work = !self.requests.is_empty();
        let look = has_work.then_some(self.next_look);
        seat.into_iter().chain(look).chain(self.holds.next_deadline()).min()
    }
}
