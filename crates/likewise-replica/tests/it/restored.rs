//! Lengths that come from a backup: joined exactly, made durable, mailed on, and never a step back.

use likewise_replica::limits::SEEN_AHEAD_MAX;
use likewise_state::length::Action::{Like, Unlike};

use super::*;

/// Asks for these lengths in one request, and answers which of them changed anything.
fn restore(bench: &mut Bench, lengths: &[(&str, u32)]) -> Vec<bool> {
    let mut writes = Writes::default();
    for &(user, length) in lengths {
        writes.push_length(like(user), CausalLength::new(length).unwrap());
    }
    let request = bench.write(writes);
    assert!(!bench.answers.contains_key(&request), "answered before it is durable");
    bench.persist_all();
    match bench.answers.remove(&request) {
        Some(Answer::Done(outcomes)) => {
            outcomes.into_iter().map(|outcome| outcome.unwrap().changed).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_length_is_reached_exactly_however_far_ahead_it_is() {
    let mut bench = Bench::new();
    let far = SEEN_AHEAD_MAX * 7 + 2;
    let longest = CausalLength::MAX.value();
    let lengths = [("ann", 1), ("bob", 2), ("carl", far), ("dora", longest)];
    assert_eq!(restore(&mut bench, &lengths), [true; 4]);
    for (user, length) in lengths {
        assert_eq!(bench.length(user), length, "{user}");
    }
    // What was handed to the disk says the same.
    assert_eq!(restore(&mut bench, &lengths), [false; 4]);
}

#[test]
fn what_goes_to_the_disk_is_what_was_new() {
    let mut bench = Bench::new();
    bench.like("ann", Like, None);
    bench.persist_all();
    let mut writes = Writes::default();
    for (user, length) in [("ann", 1), ("bob", 4)] {
        writes.push_length(like(user), CausalLength::new(length).unwrap());
    }
    bench.write(writes);
    let (_, delta) = bench.persists.last().unwrap();
    let kept: Vec<_> = delta.entries().collect();
    assert_eq!(kept, [(like("bob"), CausalLength::new(4).unwrap())]);
}

#[test]
fn what_was_undone_since_stays_undone() {
    let mut bench = Bench::new();
    bench.like("ann", Like, None);
    bench.like("ann", Unlike, None);
    bench.persist_all();
    assert_eq!(restore(&mut bench, &[("ann", 1)]), [false]);
    assert_eq!(bench.length("ann"), 2);
}

#[test]
fn lengths_likes_and_unlikes_share_a_request_in_their_order() {
    let mut bench = Bench::new();
    let mut writes = Writes::default();
    writes.push(like("ann"), Like, None);
    writes.push_length(like("ann"), CausalLength::new(6).unwrap());
    writes.push(like("ann"), Like, CausalLength::new(6));
    writes.push(like("bob"), Unlike, CausalLength::new(SEEN_AHEAD_MAX));
    let request = bench.write(writes);
    bench.persist_all();
    let Some(Answer::Done(outcomes)) = bench.answers.remove(&request) else { panic!("no answer") };
    let lengths: Vec<u32> =
        outcomes.into_iter().map(|outcome| outcome.unwrap().length.value()).collect();
    assert_eq!(lengths, [1, 6, 7, SEEN_AHEAD_MAX]);
}
