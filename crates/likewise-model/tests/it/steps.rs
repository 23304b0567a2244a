//! The few steps that the searches take hide nothing: beginnings, questions and answers one at a time, and each
//! voter for itself, come to the same verdicts.

use likewise_model::protocol::{Answers, LIKEWISE, Protocol, Reads, Seats};
use likewise_model::scenario::{self, Scenario};
use likewise_model::world::{Steps, World};

/// Whether both ways find the same; and how many states each of them has.
fn agree(scenario: Scenario, protocol: Protocol) -> (usize, usize) {
    let few = World::new(scenario, protocol);
    let every = World { steps: Steps::Every, ..few.clone() };
    let (few, every) = (few.exhaust(), every.exhaust());
    println!("few steps: {few}\nevery step: {every}");
    assert_eq!(few.wrong.is_some(), every.wrong.is_some(), "{few}\n{every}");
    (few.states, every.states)
}

/// The numbers are here so that nothing stops happening without anybody noticing: a search that leaves out late
/// messages, say, finds everything in order. Whoever changes what may happen changes them, and says why.
#[test]
fn where_nothing_is_wrong() {
    let crash = scenario::one_like_one_list().crashes(1);
    let newcomer = scenario::one_like_one_list().newcomers(1);
    assert_eq!(agree(scenario::likes_in_order_one_list(), LIKEWISE), (655, 55_931));
    assert_eq!(agree(scenario::like_then_unlike_one_count(), LIKEWISE), (666, 56_061));
    assert_eq!(agree(crash, LIKEWISE), (471, 11_353));
    assert_eq!(agree(newcomer, LIKEWISE), (2_576, 167_781));
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
