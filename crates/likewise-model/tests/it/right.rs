//! The protocol that is built, while messages are late, lost and out of order.

use likewise_model::protocol::{LIKEWISE, OneUser, Protocol, Reads};
use likewise_model::scenario;

use crate::is_fine;

const RULES: &str = "as built";

#[test]
fn lists_agree_on_likes_at_once() {
    is_fine(RULES, scenario::two_likes_two_lists().rounds(3), LIKEWISE);
}

#[test]
fn counts_agree_on_likes_at_once() {
    is_fine(RULES, scenario::two_likes_two_counts(), LIKEWISE);
}

#[test]
fn counts_agree_on_a_like_and_an_unlike() {
    is_fine(RULES, scenario::like_and_unlike_two_counts().rounds(3), LIKEWISE);
}

#[test]
fn one_reader_sees_likes_in_their_order() {
    is_fine(RULES, scenario::likes_in_order_one_list().rounds(4), LIKEWISE);
    is_fine(RULES, scenario::like_then_unlike_one_count().rounds(4), LIKEWISE);
}

#[test]
fn one_user_agrees_with_lists() {
    is_fine(RULES, scenario::one_user_after_the_other_and_a_list(), LIKEWISE);
}

#[test]
fn a_like_without_seen_agrees_with_lists() {
    is_fine(RULES, scenario::set_and_unlike_two_lists().rounds(3), LIKEWISE);
    is_fine(RULES, scenario::set_against_set_two_lists().rounds(3), LIKEWISE);
}

#[test]
fn a_like_without_seen_after_another_like_agrees_with_lists() {
    is_fine(RULES, scenario::like_then_set_and_unlike_two_lists(), LIKEWISE);
}

/// The level `quorum`: nobody looks at more than one user.
#[test]
fn one_user_by_itself_is_right_as_long_as_nobody_lists() {
    let protocol = Protocol { one_user: OneUser::ByItself, ..LIKEWISE };
    is_fine("one user by itself", scenario::one_user_only(), protocol);
}

/// Why the mistake is tempting: where likes are only ever added, and only counted, it is none.
#[test]
fn counts_that_only_grow_need_no_more_than_a_write_back() {
    let protocol = Protocol { reads: Reads::WriteBack, ..LIKEWISE };
    is_fine("join and write back", scenario::two_likes_two_counts(), protocol);
}
