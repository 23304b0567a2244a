//! How often a store has been started: it only grows, and outlives torn writes and full disks.

use super::*;

fn start(disk: &MemoryDisk) -> u64 {
    open(disk).unwrap().2.incarnation
}

#[test]
fn each_start_is_a_new_incarnation() {
    let disk = MemoryDisk::default();
    assert_eq!((1..=5).map(|_| start(&disk)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let text = String::from_utf8(disk.bytes("incarnation").unwrap()).unwrap();
    assert!(text.starts_with("incarnation 00000000000000000004 crc32c "), "{text}");
}

#[test]
fn a_number_is_durable_before_anybody_hears_of_it() {
    let disk = MemoryDisk::default();
    assert_eq!(start(&disk), 1);
    assert_eq!(start(&all_lost(&disk)), 2);
}

#[test]
fn a_torn_write_takes_only_its_own_number_with_it() {
    let disk = MemoryDisk::default();
    assert_eq!([start(&disk), start(&disk), start(&disk)], [1, 2, 3]);
    let mut bytes = disk.bytes("incarnation").unwrap();
    // Number 3 stands in the second line.
    bytes[60] ^= 1;
    disk.put("incarnation", &bytes);
    assert_eq!(start(&disk), 3);
    bytes[10] ^= 1;
    disk.put("incarnation", &bytes);
    let (_, text) = refusal(&disk);
    assert!(text.contains("incarnation") && text.contains("remove the file"), "{text}");
}

#[test]
fn a_torn_first_write_keeps_no_store_from_starting() {
    for length in [0, 49, 60, 98] {
        let disk = MemoryDisk::default();
        assert_eq!(start(&disk), 1);
        disk.put("incarnation", &vec![0; length]);
        assert_eq!(start(&disk), 1, "{length} bytes");
    }
}
