//! Nothing is acknowledged before the journal has it.

use likewise_replica::limits::{BATCHES_MAX, GATHERED_BYTES_MAX, WRITES_MAX};
use likewise_replica::write::Written;
use likewise_state::length::Action::{Like, Unlike};

use super::*;

fn done(written: &[(u32, bool, u64)]) -> Answer {
    let written = written.iter().map(|&(length, changed, likes)| {
        Ok(Written { length: CausalLength::new(length).unwrap(), changed, likes })
    });
    Answer::Done(written.collect())
}

#[test]
fn a_write_is_answered_when_its_batch_is_persisted_and_not_before() {
    let mut bench = Bench::new();
    let request = bench.like("ann", Like, None);
    assert_eq!(bench.persists.len(), 1);
    assert_eq!(
        bench.persists[0].1.entries().collect::<Vec<_>>(),
        [(like("ann"), CausalLength::LIKED_ONCE)]
    );
    assert!(bench.answers.is_empty());
    bench.persisted(1);
    assert_eq!(bench.answers[&request], done(&[(1, true, 1)]));
}

#[test]
fn while_batches_are_on_their_way_the_next_one_gathers() {
    let mut bench = Bench::new();
    for user in ["a", "b", "c", "d", "e"] {
        bench.like(user, Like, None);
    }
    assert_eq!(bench.persists.len(), BATCHES_MAX);
    bench.persisted(1);
    assert_eq!(bench.persists.len(), BATCHES_MAX + 1);
    assert_eq!(bench.persists[BATCHES_MAX].1.len(), 3, "three likes share a batch");
    bench.persisted(3);
    assert_eq!(bench.answers.len(), 5);
}

/// The like may have been merged by a request whose batch is not on disk yet: to acknowledge a repetition
/// of it at once would promise what a crash can still take back.
#[test]
fn a_repetition_waits_for_the_batch_of_the_first() {
    let mut bench = Bench::new();
    bench.like("ann", Like, None);
    let repetition = bench.like("ann", Like, None);
    assert!(bench.answers.is_empty());
    bench.persisted(1);
    assert!(!bench.answers.contains_key(&repetition));
    bench.persisted(2);
    assert_eq!(bench.answers[&repetition], done(&[(1, false, 1)]));
}

#[test]
fn a_stalled_journal_refuses_writes_at_once_and_takes_them_again_later() {
    let mut bench = Bench::new();
    let early =
        [bench.like("a", Like, None), bench.like("b", Like, None), bench.like("c", Like, None)];
    bench.handle(Input::JournalStalled);
    for request in early {
        assert_eq!(bench.answers[&request], Answer::Unavailable);
    }
    let refused = bench.like("d", Like, None);
    assert_eq!(bench.answers[&refused], Answer::Unavailable);
    assert_eq!(bench.length("d"), 0, "a refused write changes nothing");

    bench.persisted(2);
    let (_, of_c) = bench.persists.last().expect("what was gathered goes out first");
    assert_eq!(of_c.entries().map(|(like, _)| like).collect::<Vec<_>>(), [like("c")]);
    let retry = bench.like("c", Like, None);
    assert!(!bench.answers.contains_key(&retry), "its like is not on disk yet");
    bench.persist_all();
    assert_eq!(bench.answers[&retry], done(&[(1, false, 3)]));
}

#[test]
fn a_failed_journal_never_takes_anything_again() {
    let mut bench = Bench::new();
    let waiting = bench.like("a", Like, None);
    bench.handle(Input::JournalFailed);
    bench.handle(Input::JournalStalled);
    bench.persisted(1);
    let refused = bench.like("b", Unlike, None);
    assert_eq!(bench.answers[&waiting], Answer::Unavailable);
    assert_eq!(bench.answers[&refused], Answer::Unavailable);
    assert_eq!(bench.persists.len(), 1);
}

#[test]
fn too_much_waiting_is_shed_and_changes_nothing() {
    let mut bench = Bench::new();
    let mut user = 0;
    let shed = loop {
        let mut writes = Writes::default();
        for _ in 0..WRITES_MAX {
            user += 1;
            let name = format!("{user:0>512}");
            writes.push(like(&name), Like, None);
        }
        assert!(user < 2 * GATHERED_BYTES_MAX / 512 + BATCHES_MAX * WRITES_MAX, "no bound");
        let request = bench.write(writes);
        if bench.answers.contains_key(&request) {
            break request;
        }
    };
    assert_eq!(bench.answers[&shed], Answer::Overloaded);
    assert_eq!(bench.length(&format!("{user:0>512}")), 0);
    bench.persist_all();
    let again = bench.like("ann", Like, None);
    bench.persist_all();
    assert!(matches!(bench.answers[&again], Answer::Done(_)));
}
