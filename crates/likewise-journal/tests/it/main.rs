//! The journal from outside. Helpers here, one file a promise.
#![expect(clippy::unwrap_used, reason = "a test that can't go on stops where it is")]

use likewise_journal::disk::Disk;
use likewise_journal::disk::memory::MemoryDisk;
use likewise_journal::error::JournalError;
use likewise_journal::journal::{Journal, Options};
use likewise_journal::recovery::Recovery;
use likewise_journal::store::StoreId;
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use likewise_state::state::{Keys, State};

mod conformance;
mod crash;
mod damage;
mod faults;
mod forged;
mod fuzz;
mod golden;

mod incarnation;
mod seats;
mod snapshots;
mod writer;

const STORE: StoreId = StoreId(*b"0123456789abcdef");

/// Small segments, so that few records rotate; no snapshot unless asked for.
fn options() -> Options {
    Options {
        segment_bytes: 4096,
        snapshot_journal_bytes_min: u64::MAX,
        ..Options::new(STORE, "likes-0")
    }
}

fn state() -> State {
    State::new(Keys::for_tests())
}

/// One entry, of a like that no other number has.
fn delta(number: usize) -> Delta {
    delta_of(number..number + 1)
}

fn delta_of(numbers: impl IntoIterator<Item = usize>) -> Delta {
    let mut delta = Delta::default();
    for number in numbers {
        let (post, user) = (format!("post-{}", number / 8), format!("user-{number}"));
        delta.push(Like::new(&post, "like", &user).unwrap(), CausalLength::LIKED_ONCE);
    }
    delta
}

fn holds(state: &State, number: usize) -> bool {
    let (post, user) = (format!("post-{}", number / 8), format!("user-{number}"));
    state.length(Like::new(&post, "like", &user).unwrap()).liked()
}

fn assert_holds_exactly(state: &State, numbers: usize) {
    for number in 0..numbers {
        assert!(holds(state, number), "{number} of {numbers} is lost");
    }
    assert!(!holds(state, numbers), "{numbers} was never persisted");
}

fn open<D: Disk>(disk: &D) -> Result<(Journal<D>, State, Recovery), JournalError> {
    let state = state();
    let (journal, recovery) = Journal::open(disk.clone(), options(), &state)?;
    Ok((journal, state, recovery))
}

/// The error of an open that must be refused, with its causes.
fn refusal<D: Disk>(disk: &D) -> (JournalError, String) {
    match open(disk) {
        Ok((_, _, recovery)) => panic!("the folder was opened: {recovery:?}"),
        Err(error) => {
            let text = error.to_string();
            (error, text)
        }
    }
}

/// A memory disk with `records` records of one entry each.
fn written(records: usize) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..records);
    disk
}

fn commit<D: Disk>(journal: &mut Journal<D>, state: &State, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let delta = delta(number);
        state.merge_delta(&delta);
        journal.commit([&delta]).unwrap();
    }
}

fn take_snapshot<D: Disk>(journal: &mut Journal<D>, state: &State) {
    let job = journal.begin_snapshot().unwrap();
    let snapshot = job.run(state, || true).unwrap();
    journal.snapshot_written(snapshot).unwrap();
}

fn names(disk: &MemoryDisk, suffix: &str) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| name.ends_with(suffix));
    names
}

/// The disk after a power cut that lost all that was not synced.
fn all_lost(disk: &MemoryDisk) -> MemoryDisk {
    disk.after_power_cut(|n| usize::from(n == 2))
}
