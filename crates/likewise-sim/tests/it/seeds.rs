//! Runs that must be good: those that once found a bug, and a few hundred more. Many more run by
//! `cargo run --release -p likewise-sim -- --runs N`.

use likewise_sim::run::Sum;
use likewise_sim::schedule::Kind;

use super::*;

/// Seeds that found a bug, with what it was. What a seed makes changes with the simulator, so each bug has a
/// test of its own where it was; these are kept because they are runs of the kind that finds something.
const FOUND: &[(u64, &str)] = &[
    (13, "differences that empty a full outbox without a rest were mended never"),
    (33, "the same"),
    (95, "differences beyond an outbox went out in an order that sent the same for ever"),
    (114, "the same"),
    (163, "a node that renewed itself did not notice that its only peer had died"),
    (539, "frames of links that were gone went on waiting for the disk"),
    (964, "two nodes that renewed themselves at once took each other for dead once more"),
    (12_131, "two nodes that left at once answered each other's packets for ever"),
    (326_438, "one round that overlooked a slot was taken for proof that a peer holds everything"),
];

/// Other seeds, from 1 on.
const RUNS: u64 = 400;

#[test]
fn runs_that_once_found_a_bug_are_good() {
    for (seed, bug) in FOUND {
        let (result, _) = run(&Which::seed(*seed), Trace::silent());
        assert!(result.is_ok(), "seed {seed} ({bug}): {result:?}");
    }
}

#[test]
fn runs_are_good_and_meet_every_danger() {
    let mut sum = Sum::default();
    for seed in 1..=RUNS {
        let (result, _) = run(&Which::seed(seed), Trace::silent());
        match result {
            Ok(figures) => sum.add(&figures),
            Err(failure) => panic!("--seed {seed}: {failure}"),
        }
    }
    let it = sum.figures;
    for (kind, times) in Kind::ALL.iter().zip(it.faults_by_kind) {
        assert!(times > 0, "no {kind:?} in {RUNS} runs");
    }
    let dangers = [
        ("outbox overflowed", it.overflows),
        ("link's queue overflowed", it.links_overflowed),
        ("request was turned away", it.overloads),
        ("disk ran full", it.stalls),
        ("snapshot was written", it.snapshots),
        ("repair found anything", it.repairs),
        ("slot travelled as a whole", it.whole_slots),
        ("member was taken for dead", it.deaths),
        ("node renewed itself", it.renewals),
        ("voters stood behind anything", it.voted),
        ("read took more than one round", it.rounds[1]),
        ("request was left unanswered", it.unanswered),
        ("write waited for a hold", it.held),
        ("voter lost its data", it.votes_lost),
        ("voter got an old image of its disk", it.images_of_voters),
        ("voter came back to its vote", it.came_back),
    ];
    for (what, times) in dangers {
        assert!(times > 0, "no {what} in {RUNS} runs");
    }
    assert!(it.histories > 5 * RUNS, "{} histories were checked", it.histories);
    assert!(sum.is_decided(), "{} of {} histories are undecided", it.undecided, it.histories);
}
