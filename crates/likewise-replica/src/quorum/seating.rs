//! How this node comes to its vote, where it is a voter.
//!
//! | stage     | what it may do | goes on when                                                                |
//! |-----------|----------------|-----------------------------------------------------------------------------|
//! | resuming  | nothing        | it has copied from others that know that it has been started again: active  |
//! | fresh     | nothing        | it has copied enough from others that know of its claim: settling           |
//! | settling  | nothing        | all that it has copied is on its disk: active                               |
//! | active    | vote           | -                                                                           |
//! | any       |                | somebody knows of a later holder of its seat: fresh, with a new claim       |
//!
//! A voter is its data. One that comes back with it resumes: it has all that it ever voted for. One that comes
//! without, or with an older copy, is fresh: what it once voted for must come back to it first, or a majority
//! that counted its vote might have been for nothing. *Enough* is a majority of active voters, or all the
//! other voters: among either is one that holds whatever a majority ever agreed on, as long as fewer than a
//! majority of voters lose their data at a time.
//!
//! It copies only from voters that have said that they know of its claim. What such a voter joins later can
//! no longer be counted together with a vote of the seat's former holder, because whoever counts has heard of
//! the claim by then; what it had joined before is in the copy.
//!
//! An older copy is known by its boot number, if any other voter has heard of a later one. A copy of the life
//! before this one can't be told from the data itself, so a resuming voter copies too, from a majority of the
//! others or from all of them, active or not, and lacks nothing then. Only where they don't come within five
//! seconds it is content with those that make a majority with it: its data is believed, or two voters that came
//! back out of three could never vote until the third did.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::limits::{COPY_AGAIN, SEAT_AGAIN, SEAT_CONTENT};
use crate::member::NodeId;
use crate::output::BatchId;
use crate::quorum::seats::{Kept, Seat, Seats};

/// Claims in a row before a rest, of a node whose seat is taken by another one each time.
const CLAIMS_IN_A_ROW: u32 = 3;

/// How a voter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has its data, and waits until enough others know that it is back.
    Resuming,
    /// It is getting back what it may have voted for.
    Fresh,
    /// It has got it, and makes it durable.
    Settling,
    /// It votes.
    Active,
}

impl Standing {
    /// The standing in a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resuming => "resuming",
            Self::Fresh => "fresh",
            Self::Settling => "settling",
            Self::Active => "active",
        }
    }
}

/// The seat of this node.
pub(crate) struct Seating {
    /// The number of this voter.
    pub(crate) voter: usize,
    node: NodeId,
    boot: u64,
    pub(crate) mine: Seat,
    pub(crate) standing: Standing,
    /// What is on the disk: only that is told to others.
    pub(crate) told: Kept,
    /// Whether there is more to be put there.
    is_due: bool,
    keeping: VecDeque<(BatchId, Kept)>,
    /// Of whom everything has been copied since the claim: from which holder of the seat, and whether that was
    /// active then.
    copied: BTreeMap<usize, (Seat, bool)>,
    /// Who was asked, and when.
    asked: BTreeMap<usize, (Seat, Duration)>,
    /// When it has waited long enough for more copies, where its data is believed.
    content_at: Duration,
    claims: u32,
    claims_since: Duration,
    /// Whether another node has come to this node's seat while it voted.
    is_replaced: bool,
}

impl Seating {
    /// The seating of a node that has just started with this on its disk. Tells `known` of its seat.
    pub(crate) fn new(
        voter: usize,
        node: NodeId,
        boot: u64,
        kept: Kept,
        known: &mut Seats,
    ) -> Self {
        let last = known.of(voter);
        let mut seating = Self {
            voter,
            node,
            boot,
            mine: Seat { boot, ..last },
            standing: Standing::Resuming,
            is_due: true,
            told: Kept { seats: Seats::empty(known.len()), ..kept },
            keeping: VecDeque::new(),
            copied: BTreeMap::new(),
            asked: BTreeMap::new(),
            content_at: SEAT_CONTENT,
            claims: 0,
            claims_since: Duration::ZERO,
            is_replaced: false,
        };
        if last.node == node && kept.is_whole && boot > last.boot {
            let _ = known.raise(voter, seating.mine);
        } else {
            seating.claim(known, Duration::ZERO);
        }
        seating
    }

    fn claim(&mut self, known: &mut Seats, now: Duration) {
        if now >= self.claims_since + SEAT_AGAIN {
            (self.claims, self.claims_since) = (0, now);
        }
        self.claims += 1;
        let term = known.of(self.voter).term.saturating_add(1);
        self.mine = Seat { term, node: self.node, boot: self.boot };
        let _ = known.raise(self.voter, self.mine);
        self.standing = Standing::Fresh;
        self.copied.clear();
        self.asked.clear();
        self.is_due = true;
    }

    /// What is to be put on the disk with this batch, if anything is.
    pub(crate) fn keep(&mut self, list: u64, known: &Seats, batch: BatchId) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        let is_whole = !matches!(self.standing, Standing::Fresh);
        let kept = Kept { list, is_whole, seats: known.clone() };
        let bytes = kept.encode();
        self.keeping.push_back((batch, kept));
        Some(bytes)
    }

    /// Whether anything is to be put on the disk.
    pub(crate) const fn is_due(&self) -> bool {
        self.is_due
    }

    /// The batch is on the disk. Whether there is anything new to tell.
    pub(crate) fn kept(&mut self, batch: BatchId) -> bool {
        let mut is_new = false;
        while self.keeping.front().is_some_and(|&(with, _)| with <= batch) {
            let (_, kept) = self.keeping.pop_front().expect("it has a front");
            self.told = kept;
            is_new = true;
        }
        is_new
    }

    /// More has become known of the seats.
    pub(crate) const fn heard(&mut self) {
        self.is_due = true;
    }

    /// Forgets what came from those who no longer hold their seats: their successors may have agreed on more.
    pub(crate) fn forget_former(&mut self, known: &Seats) {
        self.copied.retain(|&voter, (seat, _)| known.of(voter) == *seat);
        self.asked.retain(|&voter, (seat, _)| known.of(voter) == *seat);
    }

    /// Everything that the holder of a seat held when it was asked is here.
    pub(crate) fn copied(&mut self, from: usize, seat: Seat, is_active: bool) {
        if self.asked.get(&from).is_none_or(|&(asked, _)| asked != seat) {
            return;
        }
        self.copied.entry(from).or_insert((seat, false)).1 |= is_active;
        // Once it is active it can be asked again, and then counts for more.
        if !is_active {
            self.asked.remove(&from);
        }
    }

    /// Whom to ask now for all that it holds, of those that know of the claim: each with its seat, and whether
    /// it is active.
    pub(crate) fn copy_from(
        &mut self,
        namers: impl Iterator<Item = (usize, Seat, bool)>,
        now: Duration,
    ) -> Vec<usize> {
        let is_copying = matches!(self.standing, Standing::Fresh | Standing::Resuming);
        if !is_copying || self.told.seats.of(self.voter) != self.mine {
            return Vec::new();
        }
        let is_fresh = self.standing == Standing::Fresh;
        let mut from = Vec::new();
        for (voter, seat, is_active) in namers {
            let copied = self.copied.get(&voter);
            let lacks = copied.is_none_or(|(_, was_active)| is_fresh && is_active && !was_active);
            let asked = self.asked.get(&voter);
            if lacks && asked.is_none_or(|&(_, at)| now >= at + COPY_AGAIN) {
                self.asked.insert(voter, (seat, now));
                from.push(voter);
            }
        }
        from
    }

    /// Whether nothing keeps this node from voting.
    pub(crate) fn is_settled(&self, known: &Seats) -> bool {
        self.standing == Standing::Active && known.of(self.voter) == self.mine
    }

    /// Goes on to the next stage where it can. Whether anything has changed for the others.
    pub(crate) fn advance(&mut self, known: &mut Seats, majority: usize, now: Duration) -> bool {
        let before = (self.standing, self.mine);
        if known.of(self.voter) != self.mine {
            self.displaced(known, now);
            return before != (self.standing, self.mine);
        }
        if self.told.seats.of(self.voter) != self.mine {
            return false;
        }
        let has_all = self.copied.len() + 1 == known.len();
        match self.standing {
            Standing::Resuming => {
                let is_content = now >= self.content_at && self.copied.len() + 1 >= majority;
                if has_all || self.copied.len() >= majority || is_content {
                    self.standing = Standing::Active;
                }
            }
            Standing::Fresh => {
                let active = self.copied.values().filter(|(_, is_active)| *is_active).count();
                if has_all || active >= majority {
                    self.standing = Standing::Settling;
                    self.is_due = true;
                }
            }
            Standing::Settling if self.told.is_whole => self.standing = Standing::Active,
            Standing::Settling | Standing::Active => {}
        }
        before != (self.standing, self.mine)
    }

    /// Somebody else came to the seat, or this is an older copy of whoever held it last. Who has not voted yet
    /// claims it. Who voted until another node came leaves it to that one for the rest of this life: the
    /// successor may have voted since, and to take the seat from it would be to lose one more voter's data.
    fn displaced(&mut self, known: &mut Seats, now: Duration) {
        let was_voting = self.standing == Standing::Active;
        self.is_replaced |= was_voting && known.of(self.voter).node != self.node;
        self.standing = Standing::Fresh;
        let has_rested = now >= self.claims_since + SEAT_AGAIN;
        if !self.is_replaced && (self.claims < CLAIMS_IN_A_ROW || has_rested) {
            self.claim(known, now);
        }
    }

    /// When to look again, if nothing else happens before.
    pub(crate) fn next_deadline(&self, known: &Seats, now: Duration) -> Option<Duration> {
        let is_displaced = known.of(self.voter) != self.mine;
        let claim = is_displaced.then_some(self.claims_since + SEAT_AGAIN);
        let content = (self.standing == Standing::Resuming).then_some(self.content_at);
        let is_done = |from: &usize| self.copied.get(from).is_some_and(|(_, is_active)| *is_active);
        let asked = self.asked.iter().filter(|(from, _)| !is_done(from));
        let again = asked.map(|(_, &(_, at))| at + COPY_AGAIN);
        // What was due before could not be done: something else has to happen first.
        again.chain(claim).chain(content).filter(|&at| at > now).min()
    }
}
