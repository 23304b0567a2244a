//! Voters that lose what is not on their disk.

use likewise_model::protocol::{Answers, LIKEWISE, Protocol};
use likewise_model::scenario;

use crate::{is_fine, is_found};

#[test]
fn an_answer_after_the_disk_survives_crashes() {
    const RULES: &str = "after the disk, one crash";
    is_fine(RULES, scenario::one_like_two_lists().crashes(1), LIKEWISE);
    is_fine(RULES, scenario::likes_in_order_one_list().crashes(1), LIKEWISE);
    is_fine(RULES, scenario::like_then_unlike_one_count().crashes(1), LIKEWISE);
    is_fine(RULES, scenario::set_against_set_two_lists().crashes(1), LIKEWISE);
    is_fine("after the disk, three crashes", scenario::one_like_two_lists().crashes(3), LIKEWISE);
}

#[test]
fn an_answer_before_the_disk_is_a_lie() {
    let protocol = Protocol { answers: Answers::BeforeTheDisk, ..LIKEWISE };
    is_found("before the disk", scenario::one_like_two_lists().crashes(1), protocol);
}

/// A read that reports what a crash then takes back has shown something that never was.
#[test]
fn reads_wait_for_the_disk_too() {
    let protocol = Protocol { answers: Answers::WritesAfterTheDisk, ..LIKEWISE };
    is_found("reads before the disk", scenario::one_like_two_lists().crashes(1), protocol);
}
