//! Snapshots: equal to the journal that they replace, kept twice, and no danger to it.

use likewise_journal::disk::Disk;
use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::error::JournalError;
use likewise_journal::journal::{Journal, Options};

use crate::{assert_holds_exactly, commit, names, open, options, state, take_snapshot};

#[test]
fn two_snapshots_are_kept_with_the_segments_since_the_older_one() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    let mut begun_at = Vec::new();
    for round in 0..5 {
        commit(&mut journal, &state, round * 100..(round + 1) * 100);
        take_snapshot(&mut journal, &state);
        begun_at.push(names(&disk, ".log").pop().unwrap());
        let snapshots = names(&disk, ".snap");
        assert_eq!(snapshots.len(), (round + 1).min(2), "{snapshots:?}");
        if round > 0 {
            assert_eq!(names(&disk, ".log")[0], begun_at[round - 1]);
        }
    }
    commit(&mut journal, &state, 500..510);
    let figures = journal.figures();
    assert_eq!(figures.segments, names(&disk, ".log").len() as u64);
    assert_eq!(figures.snapshots, 5);
    let newest = disk.bytes("snapshot-0000000005.snap").unwrap();
    assert_eq!(figures.snapshot_bytes, newest.len() as u64);
    let (_, state, recovery) = open(&disk).unwrap();
    assert_eq!((recovery.snapshot_entries, recovery.records), (500, 10));
    assert_holds_exactly(&state, 510);
}

#[test]
fn a_snapshot_is_due_once_the_journal_has_outgrown_the_last_one() {
    let disk = MemoryDisk::default();
    let options = Options { snapshot_journal_bytes_min: 1000, ..options() };
    let state = state();
    let (mut journal, _) = Journal::open(disk.clone(), options.clone(), &state).unwrap();
    let mut number = 0;
    let mut grow = |journal: &mut Journal<MemoryDisk>| {
        while !journal.snapshot_is_due() {
            commit(journal, &state, number..number + 1);
            number += 1;
        }
        journal.figures().journal_bytes
    };
    assert!((1000..1100).contains(&grow(&mut journal)));
    let job = journal.begin_snapshot().unwrap();
    assert!(!journal.snapshot_is_due(), "one is being written");
    journal.snapshot_failed(job.journal_bytes());
    assert!(journal.snapshot_is_due(), "it failed, so it is still due");
    for _ in 0..6 {
        grow(&mut journal);
        take_snapshot(&mut journal, &state);
    }
    let bytes = journal.figures().snapshot_bytes;
    assert!(bytes > 1000, "the snapshot has outgrown the option: {bytes}");
    assert!(grow(&mut journal) >= bytes);
    drop(journal);
    let (journal, _) = Journal::open(disk, options, &crate::state()).unwrap();
    assert!(journal.snapshot_is_due(), "it is still due after a restart");
}

#[test]
fn a_snapshot_that_fails_leaves_nothing_and_harms_nothing() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..50);
    let faults = [
        Faults { sync: true, ..Faults::default() },
        Faults { write: true, ..Faults::default() },
        Faults { sync_folder: true, ..Faults::default() },
        Faults { bytes_max: Some(1), ..Faults::default() },
    ];
    let mut number = 50;
    for fault in faults {
        let job = journal.begin_snapshot().unwrap();
        disk.set_faults(fault);
        let error = job.run(&state, || true).unwrap_err();
        assert_eq!(error.is_no_space(), fault.bytes_max.is_some(), "{error:?}");
        disk.set_faults(Faults::default());
        journal.snapshot_failed(job.journal_bytes());
        assert!(names(&disk, ".snap").is_empty() && names(&disk, ".tmp").is_empty());
        commit(&mut journal, &state, number..number + 1);
        number += 1;
    }
    let job = journal.begin_snapshot().unwrap();
    let error = job.run(&state, || false).unwrap_err();
    assert!(matches!(error, JournalError::Interrupted { .. }));
    assert_holds_exactly(&open(&disk).unwrap().1, number);
    take_snapshot(&mut journal, &state);
    assert_holds_exactly(&open(&disk).unwrap().1, number);
}

#[test]
fn what_is_committed_while_a_snapshot_is_written_is_not_lost() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..50);
    for round in 1..4 {
        let job = journal.begin_snapshot().unwrap();
        let snapshot = job.run(&state, || true).unwrap();
        commit(&mut journal, &state, round * 50..(round + 1) * 50);
        journal.snapshot_written(snapshot).unwrap();
    }
    let (_, state, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.records, 50);
    assert_holds_exactly(&state, 200);
}

#[test]
fn an_empty_state_has_a_snapshot_too() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    take_snapshot(&mut journal, &state);
    take_snapshot(&mut journal, &state);
    take_snapshot(&mut journal, &state);
    drop(journal);
    assert_holds_exactly(&open(&disk).unwrap().1, 0);
}

#[test]
fn files_that_could_not_be_removed_are_removed_later() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    for round in 0..3 {
        commit(&mut journal, &state, round * 100..(round + 1) * 100);
        let job = journal.begin_snapshot().unwrap();
        let snapshot = job.run(&state, || true).unwrap();
        let off = Faults { changes_max: Some(0), ..Faults::default() };
        disk.set_faults(if round == 2 { off } else { Faults::default() });
        assert_eq!(journal.snapshot_written(snapshot).is_err(), round == 2);
        disk.set_faults(Faults::default());
    }
    assert_eq!(names(&disk, ".snap").len(), 3);
    let (_, state, _) = open(&disk).unwrap();
    assert_eq!(names(&disk, ".snap").len(), 2);
    assert_holds_exactly(&state, 300);
    assert!(disk.list().unwrap().len() > 3);
}

/// Else the segments before it were removed as if nobody needed them.
#[test]
fn an_older_snapshot_that_begins_later_than_the_newest_is_not_believed() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    for round in 0..2 {
        commit(&mut journal, &state, round * 100..(round + 1) * 100);
        take_snapshot(&mut journal, &state);
    }
    commit(&mut journal, &state, 200..210);
    drop(journal);
    let mut older = disk.bytes("snapshot-0000000001.snap").unwrap();
    older[40] = 100;
    let sum = crc32c::crc32c(&older[..60]);
    older[60..64].copy_from_slice(&sum.to_le_bytes());
    disk.put("snapshot-0000000001.snap", &older);
    for _ in 0..2 {
        assert_holds_exactly(&open(&disk).unwrap().1, 210);
    }
}
