//! A disk that runs full or fails: no false acknowledgement, nothing torn, no second try of a sync.

use likewise_journal::disk::Disk;
use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::error::JournalError;
use likewise_journal::journal::{Durability, Journal, Options};

use crate::{
    all_lost, assert_holds_exactly, commit, delta, delta_of, holds, names, open, options, state,
};

fn with(disk: &MemoryDisk, durability: Durability) -> Journal<MemoryDisk> {
    Journal::open(disk.clone(), Options { durability, ..options() }, &state()).unwrap().0
}

#[test]
fn a_full_disk_refuses_the_commit_and_takes_the_same_one_when_space_is_back() {
    let disk = MemoryDisk::default();
    let (mut journal, _, _) = open(&disk).unwrap();
    disk.set_faults(Faults { bytes_max: Some(6000), ..Faults::default() });
    let mut persisted = 0;
    let error = loop {
        match journal.commit([&delta(persisted)]) {
            Ok(()) => persisted += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_no_space(), "{error:?}");
    assert!(persisted > 10, "the segment was filled first");
    assert!(journal.commit([&delta(persisted)]).unwrap_err().is_no_space());
    assert!(names(&disk, ".tmp").is_empty(), "nothing is left of the attempts");
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, persisted);
    disk.set_faults(Faults::default());
    journal.commit([&delta(persisted)]).unwrap();
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, persisted + 1);
}

#[test]
fn without_a_descriptor_the_commit_that_needs_a_file_waits_and_is_taken_later() {
    let disk = MemoryDisk::default();
    let (mut journal, _, _) = open(&disk).unwrap();
    disk.set_faults(Faults { descriptors: true, ..Faults::default() });
    let mut persisted = 0;
    let error = loop {
        match journal.commit([&delta(persisted)]) {
            Ok(()) => persisted += 1,
            Err(error) => break error,
        }
    };
    assert!(error.can_pass() && !error.is_no_space(), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("ulimit -n") && told.contains("spare-"), "{told}");
    assert!(persisted > 10, "the segment was filled first");
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, persisted);
    disk.set_faults(Faults::default());
    journal.commit([&delta(persisted)]).unwrap();
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, persisted + 1);
}

#[test]
fn a_spare_segment_keeps_commits_going_on_a_full_disk() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    let spare = journal.spare_job().unwrap().run().unwrap();
    journal.add_spare(spare);
    assert!(journal.spare_job().is_none());
    let files = names(&disk, "").iter().map(|name| disk.bytes(name).unwrap().len() as u64).sum();
    disk.set_faults(Faults { bytes_max: Some(files), ..Faults::default() });
    commit(&mut journal, &state, 0..100);
    assert_eq!(journal.figures().segments, 2);
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 100);
}

#[test]
fn a_failed_sync_poisons_and_is_never_tried_again() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..3);
    let syncs = disk.syncs();
    disk.set_faults(Faults { sync: true, ..Faults::default() });
    let error = journal.commit([&delta(3)]).unwrap_err();
    assert!(matches!(error, JournalError::Poisoned { .. }), "{error:?}");
    disk.set_faults(Faults::default());
    for error in [
        journal.commit([&delta(4)]).unwrap_err(),
        journal.commit([]).unwrap_err(),
        journal.sync().unwrap_err(),
        journal.begin_snapshot().unwrap_err(),
    ] {
        assert!(error.to_string().contains("restart the node"), "{error}");
    }
    assert_eq!(disk.syncs(), syncs + 1);
    // What the system still shows but has not on disk is made durable by the next start.
    let (mut journal, state, _) = open(&disk).unwrap();
    let shown = holds(&state, 3);
    assert!(shown, "the system shows what it failed to write");
    assert!(holds(&open(&all_lost(&disk)).unwrap().1, 3), "what was shown at a start is durable");
    journal.commit([&delta(5)]).unwrap();
    let (_, state, _) = open(&all_lost(&disk)).unwrap();
    assert_eq!(holds(&state, 3), shown);
    assert!((0..3).all(|number| holds(&state, number)) && holds(&state, 5));
}

#[test]
fn a_failed_write_poisons() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..3);
    disk.set_faults(Faults { write: true, ..Faults::default() });
    assert!(matches!(journal.commit([&delta(3)]).unwrap_err(), JournalError::Poisoned { .. }));
    disk.set_faults(Faults::default());
    assert!(matches!(journal.commit([&delta(3)]).unwrap_err(), JournalError::Poisoned { .. }));
    assert_holds_exactly(&open(&disk).unwrap().1, 3);
}

#[test]
fn a_failed_sync_of_the_folder_at_a_rotation_poisons() {
    let disk = MemoryDisk::default();
    let (mut journal, _, _) = open(&disk).unwrap();
    disk.set_faults(Faults { sync_folder: true, ..Faults::default() });
    let mut persisted = 0;
    let error = loop {
        match journal.commit([&delta(persisted)]) {
            Ok(()) => persisted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Poisoned { .. }), "{error:?}");
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, persisted);
    disk.set_faults(Faults::default());
    assert_holds_exactly(&open(&disk).unwrap().1, persisted);
}

#[test]
fn each_commit_is_one_sync_under_always_and_none_under_the_others() {
    for (durability, per_commit) in
        [(Durability::Always, 1), (Durability::Interval, 0), (Durability::Never, 0)]
    {
        let disk = MemoryDisk::default();
        let mut journal = with(&disk, durability);
        let before = disk.syncs();
        for number in 0..10 {
            journal.commit([&delta(number)]).unwrap();
        }
        assert_eq!(disk.syncs() - before, 10 * per_commit);
        assert_eq!(journal.is_unsynced(), per_commit == 0);
        journal.sync().unwrap();
        journal.sync().unwrap();
        assert_eq!(disk.syncs() - before, (10 * per_commit).max(1), "{durability:?}");
        assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 10);
    }
}

#[test]
fn without_syncs_a_power_cut_loses_at_most_the_last_segment() {
    let disk = MemoryDisk::default();
    let mut journal = with(&disk, Durability::Never);
    let before = disk.syncs();
    let mut sealed = 0;
    for number in 0..200 {
        let segments = journal.figures().segments;
        journal.commit([&delta(number)]).unwrap();
        if journal.figures().segments > segments {
            sealed = number;
        }
    }
    assert!(disk.syncs() - before <= 3 * journal.figures().segments);
    let (_, state, _) = open(&all_lost(&disk)).unwrap();
    assert!(sealed > 0 && (0..sealed).all(|number| holds(&state, number)));
}

#[test]
fn a_hole_among_records_that_nobody_was_promised_is_no_damage() {
    let disk = MemoryDisk::default();
    let mut journal = with(&disk, Durability::Interval);
    for number in 0..3 {
        journal.commit([&delta(number)]).unwrap();
    }
    journal.sync().unwrap();
    for number in 3..8 {
        journal.commit([&delta(number)]).unwrap();
    }
    let name = "journal-0000000001.log";
    let whole = disk.bytes(name).unwrap();
    let size = (whole.iter().rposition(|&byte| byte != 0).unwrap() + 1 - 64)
        .div_ceil(8)
        .next_multiple_of(8);
    let mut bytes = whole.clone();
    bytes[64 + 4 * size..][..size].fill(0);
    disk.put(name, &bytes);
    let (_, state, recovery) = open(&disk).unwrap();
    assert!(recovery.torn.is_some());
    assert_holds_exactly(&state, 4);
    // The same hole in the part that was synced before the records after it were written.
    let mut bytes = whole;
    bytes[64 + size..][..size].fill(0);
    disk.put(name, &bytes);
    assert!(matches!(open(&disk).err().unwrap(), JournalError::Corrupt { .. }));
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let disk = MemoryDisk::default();
    let (mut journal, _, _) = open(&disk).unwrap();
    journal.commit([&delta(0)]).unwrap();
    journal.commit([&delta_of(1..2000)]).unwrap();
    journal.commit([&delta(2000)]).unwrap();
    let sizes: Vec<usize> =
        names(&disk, ".log").iter().map(|name| disk.bytes(name).unwrap().len()).collect();
    assert!(sizes.len() == 3 && sizes[1] > 20_000 && sizes[2] == 4096, "{sizes:?}");
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 2001);
}

#[test]
fn an_empty_commit_writes_nothing() {
    let disk = MemoryDisk::default();
    let (mut journal, _, _) = open(&disk).unwrap();
    let syncs = disk.syncs();
    journal.commit([&delta_of([])]).unwrap();
    assert_eq!((journal.figures().commits, disk.syncs()), (0, syncs));
}

#[test]
fn what_was_left_unfinished_is_removed_and_what_is_not_ours_is_left_alone() {
    let disk = MemoryDisk::default();
    for name in ["spare-0000000003.tmp", "snapshot-0000000002.snap.tmp", "store.tmp", "notes.tmp"] {
        disk.put(name, b"half");
    }
    drop(open(&disk).unwrap());
    assert_eq!(
        disk.list().unwrap(),
        ["incarnation", "journal-0000000001.log", "notes.tmp", "store"]
    );
}
