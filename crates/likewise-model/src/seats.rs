//! Seats that change hands: who takes one over, whom it must be known to, and from whom it copies.
//!
//! A vote of the old holder may be in flight, or already in a coordinator's hands, while somebody with an empty
//! disk takes over. If both could count, a write that only they hold could be called done, and two others could
//! then say that it never was. So the newcomer of a seat first has its claim in the rolls of the others:
//!
//! ```text
//! newcomer ── claim ──> other      its roll names the newcomer; so does each vote that it gives from now on
//! newcomer <─ copy ──── other      everything that it voted for before it named the newcomer
//! ```
//!
//! Whatever a coordinator has, beside the old vote, from a voter that was copied from is then either in the copy,
//! or comes with a roll that takes the old vote away.

use crate::post::Post;
use crate::protocol::{Seats, VOTERS};
use crate::state::State;
use crate::voter::Talk;
use crate::world::{Action, World};

/// Which newcomers are known to hold their seats: one bit each. It only grows, by union.
pub type Roll = u8;

/// The seat of a voter: newcomers stand behind the holders of the beginning, in the same order.
#[must_use]
pub const fn seat(voter: usize) -> usize {
    voter % VOTERS
}

/// The newcomer's place in a [`Roll`], or none for a holder of the beginning.
#[must_use]
pub const fn bit(voter: usize) -> Roll {
    if voter < VOTERS { 0 } else { 1 << seat(voter) }
}

/// Who holds the seat, if the roll is all that is known.
#[must_use]
pub const fn holder(roll: Roll, seat: usize) -> usize {
    if roll & (1 << seat) == 0 { seat } else { seat + VOTERS }
}

/// The votes that a client counts: of each seat at most one, and none of a holder that has been replaced
/// according to any roll that came with any of them.
#[must_use]
pub fn votes(state: &State, client: usize) -> Vec<Post> {
    let heard = |voter: usize| match state.voters[voter].talks[client] {
        Talk::Heard(vote) => Some(vote),
        _ => None,
    };
    let all = || (0..state.voters.len()).filter_map(heard);
    let roll = all().fold(0, |roll, vote| roll | vote.roll);
    let newcomer = |seat: usize| (seat + VOTERS < state.voters.len()).then_some(seat + VOTERS);
    let counted = |seat: usize| {
        let of_newcomer = newcomer(seat).and_then(heard);
        of_newcomer.or_else(|| heard(seat).filter(|_| holder(roll, seat) == seat))
    };
    (0..VOTERS).filter_map(counted).map(|vote| vote.post).collect()
}

impl World {
    /// What newcomers may do on their way to a vote.
    pub(crate) fn takeovers(&self, state: &State, actions: &mut Vec<Action>) {
        for newcomer in VOTERS..state.voters.len() {
            if state.voters[newcomer].votes {
                continue;
            }
            let asked = self.asked_by(state, newcomer);
            let named = |voter: usize| state.voters[voter].roll & bit(newcomer) != 0;
            let copied = |voter: usize| state.voters[voter].copied_by & bit(newcomer) != 0;
            for voter in asked.clone() {
                let (may_claim, may_copy) = match self.protocol.seats {
                    Seats::ClaimThenCopy
                    | Seats::ClaimThenCopyFromAny
                    | Seats::ClaimThenCopyWithoutRolls => {
                        (true, asked.iter().all(|voter| named(*voter)))
                    }
                    Seats::ClaimThenCopyEach => (true, named(voter)),
                    Seats::CopyThenClaim => (asked.iter().all(|voter| copied(*voter)), true),
                    Seats::CopyOnly => (false, true),
                    Seats::AtOnce => (false, false),
                };
                if may_claim && !named(voter) {
                    actions.push(Action::Claim { newcomer, voter });
                }
                if may_copy && !copied(voter) && self.may_give(state, voter) {
                    actions.push(Action::Copy { newcomer, voter });
                }
            }
        }
    }

    /// Whom a newcomer asks: who holds the other seats, as far as it knows.
    fn asked_by(&self, state: &State, newcomer: usize) -> Vec<usize> {
        let others = (0..VOTERS).filter(|other| *other != seat(newcomer));
        others.map(|other| holder(state.voters[newcomer].roll, other)).collect()
    }

    /// Whether what the voter holds and says is enough to build upon.
    fn may_give(&self, state: &State, voter: usize) -> bool {
        state.voters[voter].votes || self.protocol.seats == Seats::ClaimThenCopyFromAny
    }

    /// Both tell each other their rolls.
    pub(crate) fn claim(&self, state: &mut State, newcomer: usize, voter: usize) {
        let claimed = state.voters[newcomer].roll;
        state.voters[voter].roll |= claimed;
        self.learn(state, newcomer, voter);
    }

    /// The newcomer takes over all that the voter holds.
    pub(crate) fn copy(&self, state: &mut State, newcomer: usize, voter: usize) {
        let copied = state.voters[voter].memory;
        state.voters[newcomer].receive(copied, self.scenario.crashes > 0);
        state.voters[voter].copied_by |= bit(newcomer);
        self.learn(state, newcomer, voter);
    }

    fn learn(&self, state: &mut State, newcomer: usize, voter: usize) {
        let roll = state.voters[voter].roll;
        if self.protocol.seats != Seats::ClaimThenCopyWithoutRolls {
            state.voters[newcomer].roll |= roll;
        }
        let done = |voter: usize| {
            let asked = &state.voters[voter];
            let named = asked.roll & bit(newcomer) != 0 || !self.protocol.seats.rolls();
            named && asked.copied_by & bit(newcomer) != 0 && self.may_give(state, voter)
        };
        state.voters[newcomer].votes = self.asked_by(state, newcomer).into_iter().all(done);
    }
}
