//! Seats that change hands while things are under way. The old holder may still be there, and vote.

use likewise_model::protocol::{LIKEWISE, Protocol, Seats};
use likewise_model::scenario;

use crate::{is_fine, is_found};

const ALL_RULES_THAT_HOLD: [Seats; 2] = [Seats::ClaimThenCopy, Seats::ClaimThenCopyEach];

const fn with(seats: Seats) -> Protocol {
    Protocol { seats, ..LIKEWISE }
}

#[test]
fn a_seat_changes_hands_and_nobody_notices() {
    for seats in ALL_RULES_THAT_HOLD {
        let rules = format!("{seats:?}, one seat");
        for scenario in [
            scenario::one_like_one_list(),
            scenario::one_like_two_lists(),
            scenario::likes_in_order_one_list(),
            scenario::like_then_unlike_one_count(),
        ] {
            is_fine(&rules, scenario.newcomers(1), with(seats));
        }
    }
}

#[test]
fn a_seat_changes_hands_under_likes_without_seen() {
    let scenario = scenario::set_against_set_two_lists().newcomers(1);
    is_fine("ClaimThenCopy, one seat", scenario, LIKEWISE);
}

#[test]
fn two_seats_change_hands_and_nobody_notices() {
    for seats in ALL_RULES_THAT_HOLD {
        let rules = format!("{seats:?}, two seats");
        is_fine(&rules, scenario::one_like_one_list().newcomers(2), with(seats));
    }
}

#[test]
fn a_wiped_voter_that_votes_at_once_has_forgotten() {
    is_found("at once", scenario::one_like_one_list().newcomers(1), with(Seats::AtOnce));
}

/// Not even a copy is enough: the vote of the old holder is still in somebody's hands.
#[test]
fn a_copy_without_a_claim_is_not_enough() {
    is_found("copy only", scenario::one_like_one_list().newcomers(1), with(Seats::CopyOnly));
}

#[test]
fn a_copy_before_the_claim_is_too_early() {
    let scenario = scenario::one_like_one_list().newcomers(1);
    is_found("copy, then claim", scenario, with(Seats::CopyThenClaim));
}

/// Two of three seats change hands at once: whoever copies from somebody new copies nothing.
#[test]
fn a_newcomer_copies_from_nobody_who_is_new() {
    let scenario = scenario::one_like_one_list().newcomers(2).rounds(1);
    is_found("copy from any", scenario, with(Seats::ClaimThenCopyFromAny));
}

/// Its vote would not tell the coordinator which other votes no longer count.
#[test]
fn a_newcomer_takes_over_the_rolls_too() {
    let scenario = scenario::one_like_one_list().newcomers(2).rounds(1);
    is_found("copy without rolls", scenario, with(Seats::ClaimThenCopyWithoutRolls));
}
