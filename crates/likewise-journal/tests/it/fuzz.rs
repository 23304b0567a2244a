//! Files of arbitrary bytes: a refusal, or an honest report; never a panic, never a huge allocation.

use likewise_journal::disk::memory::MemoryDisk;
use proptest::prelude::*;

use crate::forged::{header, incarnation, record};
use crate::{STORE, open, refusal, written};

fn segment(body: &[u8]) -> MemoryDisk {
    let disk = written(0);
    let bytes = header(STORE, b"LIKEJRNL", 1, 1, 64 + body.len() as u64);
    disk.put("journal-0000000001.log", &[&bytes, body].concat());
    disk
}

#[test]
fn the_forged_files_of_this_test_are_read_at_all() {
    let payload = crate::delta(0);
    let payload = [&(payload.as_bytes().len() as u32).to_le_bytes(), payload.as_bytes()].concat();
    let (_, _, recovery) = open(&segment(&record(STORE, 1, 1, 0, &payload))).unwrap();
    assert_eq!((recovery.records, recovery.record_entries), (1, 1));
}

#[test]
fn numbers_that_were_never_given_are_refused_though_all_checksums_fit() {
    let end = u64::MAX;
    for (first, second) in [(end, 1), (1, end)] {
        let disk = written(3);
        disk.put("snapshot-0000000001.snap", &header(STORE, b"LIKESNAP", 1, first, second));
        let text = refusal(&disk).1;
        assert!(text.contains("larger than any that was ever given"), "{text}");
    }
    let disk = written(0);
    disk.put("journal-0000000001.log", &header(STORE, b"LIKEJRNL", 1, end, 64));
    assert!(refusal(&disk).1.contains("larger than any that was ever given"));
    for number in [end, 1 << 62] {
        let disk = written(0);
        let line = incarnation(number);
        disk.put("incarnation", line.as_bytes());
        assert!(refusal(&disk).1.contains("remove the file"));
        assert_eq!(disk.bytes("incarnation").as_deref(), Some(line.as_bytes()));
    }
    let disk = written(3);
    let name = format!("snapshot-{end}.snap");
    disk.put(&name, &header(STORE, b"LIKESNAP", end, 1, 1));
    assert!(refusal(&disk).1.contains("larger than any that was ever given"));
}

proptest! {
    #[test]
    fn arbitrary_files(
        name in prop::sample::select(vec![
            "journal-0000000001.log", "journal-0000000002.log", "snapshot-0000000001.snap", "store",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let disk = written(3);
        disk.put(name, &bytes);
        prop_assert!(open(&disk).is_err());
    }

    #[test]
    fn arbitrary_bytes_behind_a_true_header(body in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok((_, _, recovery)) = open(&segment(&body)) {
            prop_assert_eq!(recovery.records, 0);
        }
        let disk = written(3);
        let snapshot = [header(STORE, b"LIKESNAP", 1, 1, 1), body].concat();
        disk.put("snapshot-0000000001.snap", &snapshot);
        prop_assert!(open(&disk).is_err());
    }

    #[test]
    fn arbitrary_payloads_in_true_records(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        sequence in 0u64..4,
        unsynced in any::<u32>(),
        junk in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut body = record(STORE, 1, sequence, unsynced, &payload);
        body.extend_from_slice(&junk);
        if let Ok((_, _, recovery)) = open(&segment(&body)) {
            prop_assert!(recovery.records <= 1);
        }
    }
}
