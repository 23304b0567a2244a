//! The few steps that the searches take hide nothing: beginnings, questions and answers one at a time, and each
//! voter for itself, come to the same verdicts.

use likewise_model::protocol::{Answers, LIKEWISE, Protocol, Reads, Seats};
use likewise_model::scenario::{self, Scenario};
use likewise_model::world::{Steps, World};

fn agree(scenario: Scenario, protocol: Protocol) {
    let few = World::new(scenario, protocol);
    let every = World { steps: Steps::Every, ..few.clone() };
    let (few, every) = (few.exhaust(), every.exhaust());
    println!("few: {few}\nevery: {every}");
    assert_eq!(few.wrong.is_some(), every.wrong.is_some(), "{few}\n{every}");
    assert!(few.wrong.is_some() || few.states < every.states, "{few}\n{every}");
}

#[test]
fn where_nothing_is_wrong() {
    agree(scenario::likes_in_order_one_list(), LIKEWISE);
    agree(scenario::like_then_unlike_one_count(), LIKEWISE);
    agree(scenario::one_like_one_list().crashes(1), LIKEWISE);
    agree(scenario::one_like_one_list().newcomers(1), LIKEWISE);
}

#[test]
fn where_something_is() {
    for reads in [Reads::Merge, Reads::WriteBack] {
        agree(scenario::likes_in_order_one_list(), Protocol { reads, ..LIKEWISE });
    }
    let protocol = Protocol { answers: Answers::BeforeTheDisk, ..LIKEWISE };
    agree(scenario::one_like_one_list().crashes(1), protocol);
    for seats in [Seats::AtOnce, Seats::CopyOnly, Seats::CopyThenClaim] {
        agree(scenario::one_like_one_list().newcomers(1), Protocol { seats, ..LIKEWISE });
    }
}
