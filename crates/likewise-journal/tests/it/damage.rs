//! Damage is never passed over: a start is refused, and the error names the file.

use likewise_journal::disk::Disk;
use likewise_journal::disk::memory::MemoryDisk;
use likewise_journal::error::{Corruption, JournalError};
use likewise_journal::journal::{Journal, Options};
use likewise_journal::store::StoreId;

use crate::{
    assert_holds_exactly, commit, names, open, options, refusal, state, take_snapshot, written,
};

const FIRST: &str = "journal-0000000001.log";
const HEADER: usize = 64;

/// Where the records of a segment begin, and the end of the last one.
fn records(bytes: &[u8]) -> Vec<usize> {
    let mut offsets = vec![HEADER];
    loop {
        let at = offsets[offsets.len() - 1];
        let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        if len == 0 {
            return offsets;
        }
        offsets.push((at + 24 + len).next_multiple_of(8));
    }
}

#[test]
fn every_flipped_byte_of_a_middle_record_is_refused_with_the_name_of_the_file() {
    let disk = written(4);
    let whole = disk.bytes(FIRST).unwrap();
    let records = records(&whole);
    let padding = |at: usize| {
        let len = u32::from_le_bytes(whole[records[2] + 4..][..4].try_into().unwrap()) as usize;
        at >= records[2] + 24 + len
    };
    for at in records[2]..records[3] {
        for bit in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            disk.put(FIRST, &bytes);
            if padding(at) {
                assert_holds_exactly(&open(&disk).unwrap().1, 4);
                continue;
            }
            let (error, text) = refusal(&disk);
            let JournalError::Corrupt { file, offset, .. } = error else { panic!("{error:?}") };
            assert_eq!((file.as_str(), offset), (FIRST, records[2] as u64), "byte {at}");
            assert!(text.contains("backup"), "{text}");
        }
    }
}

#[test]
fn zeros_over_records_in_the_middle_are_refused() {
    let disk = written(8);
    let mut bytes = disk.bytes(FIRST).unwrap();
    let records = records(&bytes);
    bytes[records[2]..records[5]].fill(0);
    disk.put(FIRST, &bytes);
    assert!(
        matches!(refusal(&disk).0, JournalError::Corrupt { offset, .. } if offset == records[2] as u64)
    );
}

#[test]
fn a_damaged_last_record_was_never_acknowledged_and_is_dropped_with_a_report() {
    let disk = written(5);
    let mut bytes = disk.bytes(FIRST).unwrap();
    let records = records(&bytes);
    bytes[records[4] + 30] ^= 1;
    disk.put(FIRST, &bytes);
    let (mut journal, state, recovery) = open(&disk).unwrap();
    let torn = recovery.torn.unwrap();
    assert_eq!(
        (torn.file.as_str(), torn.offset, torn.found),
        (FIRST, records[4] as u64, Corruption::Checksum)
    );
    assert_holds_exactly(&state, 4);
    commit(&mut journal, &state, 4..6);
    drop(journal);
    let (_, state, recovery) = open(&disk).unwrap();
    assert!(recovery.torn.is_none(), "the torn end was cleared");
    assert_holds_exactly(&state, 6);
}

#[test]
fn damage_at_the_end_of_a_sealed_segment_is_refused() {
    let disk = written(200);
    let mut bytes = disk.bytes(FIRST).unwrap();
    let records = records_of_full(&bytes);
    bytes[records + 26] ^= 1;
    disk.put(FIRST, &bytes);
    assert!(matches!(refusal(&disk).0, JournalError::Corrupt { file, .. } if file == FIRST));
    bytes[records..].fill(0);
    disk.put(FIRST, &bytes);
    let (_, text) = refusal(&disk);
    assert!(text.contains("first record"), "a last record that is wiped out: {text}");
}

/// The offset of the last record of a segment that is full.
fn records_of_full(bytes: &[u8]) -> usize {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len() + 64, 0);
    let offsets = records(&padded);
    offsets[offsets.len() - 2]
}

#[test]
fn every_flipped_byte_of_a_snapshot_is_refused_and_the_older_snapshot_is_the_way_out() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..20);
    take_snapshot(&mut journal, &state);
    commit(&mut journal, &state, 20..40);
    take_snapshot(&mut journal, &state);
    commit(&mut journal, &state, 40..50);
    drop(journal);
    let name = "snapshot-0000000002.snap";
    let whole = disk.bytes(name).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        disk.put(name, &bytes);
        let (_, text) = refusal(&disk);
        assert!(text.contains(name), "byte {at}: {text}");
    }
    for len in 0..whole.len() {
        disk.put(name, &whole[..len]);
        assert!(refusal(&disk).1.contains(name), "cut to {len}");
    }
    disk.put(name, &[&whole[..], &[0]].concat());
    let (_, text) = refusal(&disk);
    assert!(text.contains("move this one away"), "{text}");
    disk.rename(name, "aside").unwrap();
    let (mut journal, state, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.snapshot.as_deref(), Some("snapshot-0000000001.snap"));
    assert_holds_exactly(&state, 50);
    take_snapshot(&mut journal, &state);
    assert_holds_exactly(&open(&disk).unwrap().1, 50);
}

#[test]
fn a_segment_cut_short_anywhere_is_refused() {
    let disk = written(5);
    let whole = disk.bytes(FIRST).unwrap();
    let offsets = records(&whole);
    for len in (0..HEADER).chain(offsets).chain([4000, 4095]) {
        disk.put(FIRST, &whole[..len]);
        let (error, text) = refusal(&disk);
        assert!(matches!(error, JournalError::Corrupt { .. }) && text.contains(FIRST), "{text}");
    }
}

#[test]
fn missing_segments_are_refused() {
    let disk = written(300);
    let segments = names(&disk, ".log");
    assert!(segments.len() > 3, "{segments:?}");
    for name in &segments[..segments.len() - 1] {
        let bytes = disk.bytes(name).unwrap();
        disk.remove(name).unwrap();
        let (error, text) = refusal(&disk);
        assert!(
            matches!(error, JournalError::MissingSegment { .. }) && text.contains(name),
            "{text}"
        );
        disk.put(name, &bytes);
    }
    assert_holds_exactly(&open(&disk).unwrap().1, 300);
    for name in &segments {
        disk.remove(name).unwrap();
    }
    assert!(matches!(refusal(&disk).0, JournalError::MissingSegment { .. }), "all are gone");
}

#[test]
fn the_segments_that_a_snapshot_needs_must_be_there() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..20);
    take_snapshot(&mut journal, &state);
    drop(journal);
    let last = names(&disk, ".log").pop().unwrap();
    let whole = disk.bytes(&last).unwrap();
    disk.put(&last, &vec![0; whole.len()]);
    assert!(refusal(&disk).1.contains(&last), "its header was durable before the snapshot began");
    disk.remove(&last).unwrap();
    assert!(refusal(&disk).1.contains(&last));
}

#[test]
fn swapped_and_repeated_segments_are_refused() {
    let disk = written(300);
    let (one, two) = (disk.bytes(FIRST).unwrap(), disk.bytes("journal-0000000002.log").unwrap());
    disk.put("journal-0000000002.log", &one);
    assert!(refusal(&disk).1.contains("journal-0000000002.log"));
    disk.put(FIRST, &two);
    assert!(refusal(&disk).1.contains(FIRST));
}

#[test]
fn files_of_another_store_are_refused() {
    let other = MemoryDisk::default();
    let stranger = StoreId([7; 16]);
    let foreign = Options { new_store: stranger, ..options() };
    let (mut journal, _) = Journal::open(other.clone(), foreign, &state()).unwrap();
    take_snapshot(&mut journal, &state());
    for name in [FIRST, "snapshot-0000000001.snap"] {
        let disk = written(3);
        disk.put(name, &other.bytes(name).unwrap());
        let (error, text) = refusal(&disk);
        assert!(
            matches!(error, JournalError::OtherStore { found, .. } if found == stranger),
            "{text}"
        );
        assert!(text.contains(name) && text.contains("07070707"), "{text}");
    }
}

#[test]
fn newer_formats_are_refused_and_named() {
    let disk = MemoryDisk::default();
    let (mut journal, state, _) = open(&disk).unwrap();
    commit(&mut journal, &state, 0..3);
    take_snapshot(&mut journal, &state);
    drop(journal);
    for name in ["journal-0000000002.log", "snapshot-0000000001.snap"] {
        let whole = disk.bytes(name).unwrap();
        let mut newer = whole.clone();
        newer[8] = 9;
        disk.put(name, &newer);
        let (error, text) = refusal(&disk);
        assert!(matches!(error, JournalError::NewerFormat { found: 9, known: 1, .. }), "{text}");
        disk.put(name, &whole);
    }
    let store = String::from_utf8(disk.bytes("store").unwrap()).unwrap();
    disk.put("store", store.replace("format 1", "format 2").as_bytes());
    assert!(matches!(refusal(&disk).0, JournalError::NewerFormat { found: 2, known: 1, .. }));
}

#[test]
fn the_store_file_is_checked() {
    let disk = written(3);
    let whole = disk.bytes("store").unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        disk.put("store", &bytes);
        assert!(!refusal(&disk).1.is_empty());
    }
    disk.put("store", &whole);
    let renamed = Options { node: "likes-1".into(), ..options() };
    let error = Journal::open(disk.clone(), renamed, &state()).unwrap_err();
    assert!(error.to_string().contains("\"likes-0\""), "{error}");
    disk.remove("store").unwrap();
    assert!(matches!(refusal(&disk).0, JournalError::StoreMissing { .. }));
    let unnameable = Options { node: "a\nb".into(), ..options() };
    assert!(Journal::open(MemoryDisk::default(), unnameable, &state()).is_err());
}

#[test]
fn every_flipped_byte_of_a_header_is_refused_where_records_follow() {
    let disk = written(100);
    let segments = names(&disk, ".log");
    assert!(segments.len() > 1);
    for name in [&segments[0], &segments[segments.len() - 1]] {
        let whole = disk.bytes(name).unwrap();
        for at in 0..HEADER {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            disk.put(name, &bytes);
            assert!(refusal(&disk).1.contains(name.as_str()), "byte {at}");
        }
        disk.put(name, &whole);
    }
    assert_holds_exactly(&open(&disk).unwrap().1, 100);
}

#[test]
fn a_last_segment_that_got_no_whole_header_before_a_power_cut_is_begun_anew() {
    let disk = written(3);
    let whole = disk.bytes(FIRST).unwrap();
    for head in [vec![], vec![1; HEADER]] {
        let mut bytes = head;
        bytes.resize(whole.len(), 0);
        disk.put("journal-0000000002.log", &bytes);
        let (mut journal, state, _) = open(&disk).unwrap();
        assert_holds_exactly(&state, 3);
        commit(&mut journal, &state, 3..5);
        drop(journal);
        assert_holds_exactly(&open(&disk).unwrap().1, 5);
        disk.remove("journal-0000000002.log").unwrap();
    }
}

#[test]
fn a_store_of_another_node_is_refused_where_the_name_was_chosen_and_keeps_its_own_where_not() {
    let disk = MemoryDisk::default();
    drop(open(&disk).unwrap());
    let chosen = Options { node: "likes-1".to_owned(), ..options() };
    let error = Journal::open(disk.clone(), chosen.clone(), &state()).unwrap_err();
    assert!(
        matches!(&error, JournalError::OtherNode { found, .. } if found == "likes-0"),
        "{error}"
    );
    let by_default = Options { keeps_node: true, ..chosen };
    let (_, recovery) = Journal::open(disk, by_default, &state()).unwrap();
    assert_eq!(recovery.node, "likes-0");
}
