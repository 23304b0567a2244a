//! What every disk must do, run for the real one and for the model of it.

use std::io::ErrorKind;

use likewise_journal::disk::file::FileDisk;
use likewise_journal::disk::memory::MemoryDisk;
use likewise_journal::disk::{Disk, DiskFile};
use likewise_journal::error::JournalError;

use crate::{assert_holds_exactly, commit, open, take_snapshot};

#[test]
fn the_memory_disk_conforms() {
    conforms(&MemoryDisk::default());
    carries_a_journal(&MemoryDisk::default());
}

#[test]
fn the_real_disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(&FileDisk::open(&folder.path().join("a/b")).unwrap());
    carries_a_journal(&FileDisk::open(&folder.path().join("c")).unwrap());
}

fn conforms(disk: &impl Disk) {
    files_are_read_back(disk);
    names_change_at_once(disk);
    what_is_not_there_is_an_error(disk);
}

fn files_are_read_back(disk: &impl Disk) {
    let mut file = disk.create("a").unwrap();
    file.write_at(3, b"middle").unwrap();
    file.write_at(0, b"abc").unwrap();
    file.write_at(7, b"__").unwrap();
    file.sync().unwrap();
    let mut bytes = [0; 9];
    disk.open("a").unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"abcmidd__");
    assert_eq!(file.size().unwrap(), 9);
    file.write_at(12, b"x").unwrap();
    let mut gap = [1; 4];
    file.read_at(9, &mut gap).unwrap();
    assert_eq!(gap, [0, 0, 0, b'x'], "a gap reads as zeros");
    file.write_at(20, b"").unwrap();
    assert_eq!(file.size().unwrap(), 13, "nothing written is no growth");
    assert_eq!(disk.create("a").unwrap().size().unwrap(), 0, "create empties");
    disk.remove("a").unwrap();
}

fn names_change_at_once(disk: &impl Disk) {
    let mut file = disk.create("old").unwrap();
    disk.create("new").unwrap().write_at(0, b"goes").unwrap();
    file.write_at(0, b"stays").unwrap();
    disk.rename("old", "new").unwrap();
    assert_eq!(disk.list().unwrap(), ["new"]);
    file.write_at(5, b"!").unwrap();
    let mut bytes = [0; 6];
    disk.open("new").unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"stays!", "a file that is open moves with its name");
    disk.create("another").unwrap();
    assert_eq!(disk.list().unwrap(), ["another", "new"], "names are sorted");
    disk.sync_folder().unwrap();
    disk.remove("another").unwrap();
    disk.remove("new").unwrap();
    assert!(disk.list().unwrap().is_empty());
}

fn what_is_not_there_is_an_error(disk: &impl Disk) {
    assert_eq!(disk.open("none").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.remove("none").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.rename("none", "some").unwrap_err().kind(), ErrorKind::NotFound);
    let file = disk.create("short").unwrap();
    assert_eq!(file.read_at(0, &mut [0; 1]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    disk.remove("short").unwrap();
}

fn carries_a_journal<D: Disk>(disk: &D) {
    let (mut journal, state, recovery) = open(disk).unwrap();
    assert!(recovery.created);
    commit(&mut journal, &state, 0..200);
    take_snapshot(&mut journal, &state);
    commit(&mut journal, &state, 200..300);
    drop(journal);
    let (mut journal, state, recovery) = open(disk).unwrap();
    assert!(!recovery.created && recovery.torn.is_none());
    assert_eq!((recovery.snapshot_entries, recovery.records), (200, 100));
    assert_holds_exactly(&state, 300);
    commit(&mut journal, &state, 300..310);
    assert_holds_exactly(&open(disk).unwrap().1, 310);
}

#[test]
fn a_folder_in_use_is_refused_and_free_again_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FileDisk::open(folder.path()).unwrap();
    let error = FileDisk::open(folder.path()).unwrap_err();
    assert!(matches!(&error, JournalError::Locked { .. }));
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    let clone = disk.clone();
    drop(disk);
    assert!(FileDisk::open(folder.path()).is_err(), "a clone holds the lock too");
    drop(clone);
    assert!(FileDisk::open(folder.path()).is_ok());
}
