//! Each mistake that one could make with reads, targets and quorums is found.

use likewise_model::protocol::{LIKEWISE, OneUser, Protocol, Quorum, Reads, Sets};
use likewise_model::scenario;
use likewise_model::world::World;

use crate::is_found;

#[test]
fn a_join_of_a_quorum_is_no_answer() {
    let protocol = Protocol { reads: Reads::Merge, ..LIKEWISE };
    is_found("join", scenario::likes_in_order_one_list(), protocol);
    is_found("join", scenario::two_likes_two_counts(), protocol);
}

#[test]
fn a_join_that_was_written_back_is_no_answer_either() {
    let protocol = Protocol { reads: Reads::WriteBack, ..LIKEWISE };
    for scenario in [
        scenario::likes_in_order_one_list(),
        scenario::like_then_unlike_one_count(),
        scenario::two_likes_two_lists(),
        scenario::like_and_unlike_two_counts(),
    ] {
        is_found("join and write back", scenario, protocol);
    }
}

#[test]
fn one_user_by_itself_does_not_mix_with_lists() {
    let protocol = Protocol { one_user: OneUser::ByItself, ..LIKEWISE };
    for scenario in [
        scenario::one_user_after_the_other_and_a_list(),
        scenario::like_then_set_and_unlike_two_lists(),
    ] {
        is_found("one user by itself", scenario, protocol);
    }
}

#[test]
fn a_guess_that_has_left_binds_the_request() {
    let protocol = Protocol { sets: Sets::GuessFirst, ..LIKEWISE };
    is_found("guess first, then aim anew", scenario::set_against_set_two_lists(), protocol);
}

#[test]
fn a_majority_of_the_alive_is_none() {
    let split = || scenario::one_like_two_lists().visible(vec![0b001, 0b110, 0b110]);
    let protocol = Protocol { quorum: Quorum::OfTheVisible, ..LIKEWISE };
    is_found("a majority of the alive", split(), protocol);
    // Behind the same partition a majority of the list leaves the like without an answer, and nothing is wrong.
    let verdict = World::new(split(), LIKEWISE).exhaust();
    println!("a majority of the list: {verdict}");
    assert!(verdict.wrong.is_none(), "{verdict}");
    assert!(!verdict.tried, "nobody can have been answered on the smaller side: {verdict}");
}
