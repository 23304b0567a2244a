//! What a sweep finds depends on its seeds and not on which thread is faster.

use std::collections::VecDeque;
use std::time::Duration;

use likewise_sim::sweep::Sweep;
use likewise_sim::world::{Failure, Figures};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Seeds that fail in these sweeps.
const FAILING: [u64; 4] = [4, 5, 9, 14];

fn result(seed: u64) -> Result<Figures, Failure> {
    if FAILING.contains(&seed) {
        let at = Duration::from_secs(seed);
        return Err(Failure { check: "a check", detail: format!("of seed {seed}"), at });
    }
    Ok(Figures { acknowledged: 1 << seed, ..Figures::default() })
}

/// Sweeps with so many runs under way at a time, of which the one ends next that `choose` says. Answers the
/// seeds that were told of, and a sum that says which seeds were counted.
fn sweep(
    threads: usize,
    failures: usize,
    mut choose: impl FnMut(usize) -> usize,
) -> (Vec<u64>, u64) {
    let mut sweep = Sweep::new(1, 20, failures);
    let (mut under_way, mut told) = (VecDeque::new(), Vec::new());
    loop {
        while under_way.len() < threads {
            let Some(seed) = sweep.next_seed() else { break };
            under_way.push_back(seed);
        }
        if under_way.is_empty() {
            break;
        }
        let seed = under_way.remove(choose(under_way.len())).unwrap();
        told.extend(sweep.ended(seed, result(seed)).iter().map(|&(seed, _)| seed));
    }
    let failures: Vec<u64> = sweep.failures().iter().map(|&(seed, _)| seed).collect();
    assert_eq!(told, failures);
    assert_eq!(sweep.sum().runs, u64::from(sweep.sum().figures.acknowledged.count_ones()));
    (told, sweep.sum().figures.acknowledged)
}

#[test]
fn a_sweep_finds_the_same_in_whatever_order_its_runs_end() {
    for failures in 1..6 {
        let alone = sweep(1, failures, |_| 0);
        let expected: Vec<u64> = FAILING.into_iter().take(failures).collect();
        assert_eq!(alone.0, expected);
        for threads in 2..6 {
            let last_first = sweep(threads, failures, |under_way| under_way - 1);
            assert_eq!(last_first, alone, "{failures} failures, {threads} threads, last first");
            for seed in 0..200 {
                let mut random = SmallRng::seed_from_u64(seed);
                let any = sweep(threads, failures, |under_way| random.random_range(0..under_way));
                assert_eq!(any, alone, "{failures} failures, {threads} threads, seed {seed}");
            }
        }
    }
}

#[test]
fn a_sweep_begins_no_run_that_can_tell_nothing() {
    let mut sweep = Sweep::new(1, 20, 1);
    let given: Vec<u64> = (0..5).filter_map(|_| sweep.next_seed()).collect();
    assert_eq!(given, [1, 2, 3, 4, 5]);
    assert!(sweep.ended(5, result(5)).is_empty(), "lower seeds may fail yet");
    assert_eq!(sweep.next_seed(), None);
    for seed in 1..4 {
        assert!(sweep.ended(seed, result(seed)).is_empty());
    }
    assert_eq!(sweep.ended(4, result(4))[0].0, 4);
    assert_eq!(sweep.failures().len(), 1, "the failure of seed 5 is one too many");
}
