//! The bytes on disk, compared with files that are kept for ever.
//!
//! To add a format version: leave the old files as they are, add new ones with the new number in their
//! name, and let the test of the old version only read. `LIKEWISE_GOLDEN=write` writes files that are
//! missing; it never changes one.

use std::path::PathBuf;

use likewise_journal::disk::memory::MemoryDisk;

use crate::{assert_holds_exactly, commit, delta_of, open, take_snapshot};

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    let missing = !path.exists() && !bytes.is_empty();
    if missing && std::env::var_os("LIKEWISE_GOLDEN").is_some_and(|what| what == "write") {
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn version_1_is_written_as_ever() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    let deltas = [delta_of(0..2), delta_of([2])];
    deltas.iter().for_each(|delta| assert!(state.merge_delta(delta) > 0));
    journal.commit(&deltas).unwrap();
    commit(&mut journal, &state, 3..4);
    take_snapshot(&mut journal, &state);
    let segment = disk.bytes("journal-0000000001.log").unwrap();
    let snapshot = disk.bytes("snapshot-0000000001.snap").unwrap();
    let store = disk.bytes("store").unwrap();
    assert_eq!(segment.len(), 4096);
    let used = segment.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    assert_eq!(segment[..used], golden("segment-1.bin", &segment[..used]));
    // The chunks within are the state's own format, with golden files of its own.
    assert_eq!(snapshot[..64], golden("snapshot-header-1.bin", &snapshot[..64]));
    assert_eq!(store, golden("store-1.txt", &store));
}

#[test]
fn version_1_is_read_for_ever() {
    let disk = MemoryDisk::default();
    let mut segment = golden("segment-1.bin", &[]);
    segment.resize(4096, 0);
    disk.put("journal-0000000001.log", &segment);
    disk.put("store", &golden("store-1.txt", &[]));
    let (_, state, recovery) = open(&disk).unwrap();
    assert_eq!((recovery.records, recovery.record_entries), (2, 4));
    assert_holds_exactly(&state, 4);
}
