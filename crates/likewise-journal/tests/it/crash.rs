//! Power cuts at any point, on a disk that loses, tears and reorders what was not synced.

use std::collections::BTreeSet;

use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::journal::{Durability, Journal, Options};
use likewise_state::state::State;
use proptest::prelude::*;

use crate::{all_lost, delta_of, holds, open, options, state};

/// What a run had been promised, and what it had asked for.
#[derive(Debug, Default)]
struct Promises {
    persisted: BTreeSet<usize>,
    submitted: usize,
}

/// Commits batches of these sizes, with a snapshot after each that is a multiple of 5, until the
/// power goes off.
fn run(disk: &MemoryDisk, durability: Durability, sizes: &[usize], promises: &mut Promises) {
    let state = state();
    let options = Options { durability, ..options() };
    let Ok((mut journal, _)) = Journal::open(disk.clone(), options, &state) else { return };
    let start = promises.submitted;
    for &size in sizes {
        let numbers = promises.submitted..promises.submitted + size;
        promises.submitted = numbers.end;
        let delta = delta_of(numbers.clone());
        state.merge_delta(&delta);
        if journal.commit([&delta]).is_err() {
            return;
        }
        if !journal.is_unsynced() {
            promises.persisted.extend(start..numbers.end);
        }
        if size % 5 == 0 {
            if snapshot(&mut journal, &state).is_none() {
                return;
            }
            promises.persisted.extend(start..numbers.end);
        }
    }
}

fn snapshot(journal: &mut Journal<MemoryDisk>, state: &State) -> Option<()> {
    let job = journal.begin_snapshot().ok()?;
    let snapshot = job.run(state, || true).ok()?;
    journal.snapshot_written(snapshot).ok()
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Durability::Always), Just(Durability::Interval), Just(Durability::Never)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_was_acknowledged_is_there_and_nothing_that_was_never_submitted(
        lives in prop::collection::vec(
            (prop::collection::vec(1usize..60, 0..25), 0u64..150, any::<u64>()),
            1..4,
        ),
        durability in durability(),
    ) {
        let mut disk = MemoryDisk::default();
        let mut promises = Promises::default();
        for (sizes, changes, seed) in lives {
            disk.set_faults(Faults { changes_max: Some(changes), ..Faults::default() });
            run(&disk, durability, &sizes, &mut promises);
            let mut seed = seed | 1;
            disk = disk.after_power_cut(|n| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                (seed >> 11) as usize % n
            });
            let (_, state, _) = open(&disk).map_err(|error| {
                TestCaseError::fail(format!("an honest power cut was taken for damage: {error:?}"))
            })?;
            for &number in &promises.persisted {
                prop_assert!(holds(&state, number), "{number} of {promises:?} is lost");
            }
            for number in promises.submitted..promises.submitted + 100 {
                prop_assert!(!holds(&state, number), "{number} of {promises:?} came from nowhere");
            }
            // What came back now stays, whatever was promised.
            promises.persisted = (0..promises.submitted).filter(|&n| holds(&state, n)).collect();
            let (_, again, _) = open(&all_lost(&disk)).unwrap();
            prop_assert!(promises.persisted.iter().all(|&number| holds(&again, number)));
        }
    }
}

#[test]
fn power_cuts_really_tear_records() {
    let (mut torn, mut lost, mut kept) = (0, 0, 0);
    for seed in 0..200usize {
        let disk = MemoryDisk::default();
        let (mut journal, _, _) = open(&disk).unwrap();
        journal.commit([&delta_of(0..10)]).unwrap();
        // One more write, and then no sync.
        disk.set_faults(Faults { changes_max: Some(1), ..Faults::default() });
        assert!(journal.commit([&delta_of(10..25)]).is_err());
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let disk = disk.after_power_cut(|n| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            (random >> 33) % n
        });
        let (_, state, recovery) = open(&disk).unwrap();
        assert!((0..10).all(|number| holds(&state, number)));
        assert_eq!(holds(&state, 10), holds(&state, 24), "all or nothing of a record");
        torn += usize::from(recovery.torn.is_some());
        kept += usize::from(holds(&state, 10));
        lost += usize::from(!holds(&state, 10) && recovery.torn.is_none());
    }
    assert!(torn > 0 && lost > 0 && kept > 0, "torn {torn}, lost {lost}, kept {kept}");
}
