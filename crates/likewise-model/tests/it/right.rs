//! The protocol that is built, in every order of everything: nothing is wrong.

use likewise_model::protocol::LIKEWISE;
use likewise_model::scenario::{self, Scenario};
use likewise_model::world::World;

fn is_fine(scenario: Scenario) {
    let verdict = World { scenario, protocol: LIKEWISE }.exhaust(1);
    assert!(verdict.wrong.is_none(), "{verdict}");
    println!("{verdict}");
}

#[test]
fn t1() {
    is_fine(scenario::two_likes_two_lists());
}
#[test]
fn t3() {
    is_fine(scenario::like_and_unlike_two_counts());
}
#[test]
fn t4() {
    is_fine(scenario::likes_in_order_one_list());
}
#[test]
fn t5() {
    is_fine(scenario::like_then_unlike_one_count());
}
#[test]
fn t6() {
    is_fine(scenario::one_user_after_the_other_and_a_list());
}
#[test]
fn t8() {
    is_fine(scenario::set_and_unlike_two_lists());
}
#[test]
fn t8b() {
    is_fine(scenario::like_then_set_and_unlike_two_lists());
}
#[test]
fn t12() {
    is_fine(scenario::set_against_set_two_lists());
}
