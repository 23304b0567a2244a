//! What a voter keeps about seats: there as a whole after any power cut, and never believed when damaged.

use likewise_journal::disk::memory::Faults;
use likewise_journal::writer::{BatchId, Event, Writer};

use super::*;

fn keep(disk: &MemoryDisk, kept: &[u8]) {
    let (mut journal, ..) = open(disk).unwrap();
    journal.keep_seats(kept).unwrap();
}

fn kept(disk: &MemoryDisk) -> Option<Vec<u8>> {
    open(disk).unwrap().2.seats
}

#[test]
fn what_was_kept_last_comes_back_after_a_power_cut() {
    let disk = MemoryDisk::default();
    assert_eq!(kept(&disk), None);
    keep(&disk, &[1, 2, 255]);
    assert_eq!(kept(&all_lost(&disk)), Some(vec![1, 2, 255]));
    keep(&disk, &[]);
    assert_eq!(kept(&all_lost(&disk)), Some(Vec::new()));
}

#[test]
fn a_power_cut_in_the_middle_leaves_what_was_there_before_or_the_whole_of_what_is_new() {
    for changes in 0..8 {
        let disk = MemoryDisk::default();
        keep(&disk, &[1; 40]);
        let (mut journal, ..) = open(&disk).unwrap();
        disk.set_faults(Faults { changes_max: Some(changes), ..Faults::default() });
        let done = journal.keep_seats(&[2; 60]).is_ok();
        let after = kept(&all_lost(&disk)).unwrap();
        assert!(after == vec![2; 60] || after == vec![1; 40] && !done, "{changes} changes");
    }
}

#[test]
fn a_full_disk_is_waited_out_and_any_other_failure_ends_the_journal() {
    let disk = MemoryDisk::default();
    let (mut journal, ..) = open(&disk).unwrap();
    disk.set_faults(Faults { bytes_max: Some(0), ..Faults::default() });
    assert!(journal.keep_seats(&[1]).unwrap_err().is_no_space());
    disk.set_faults(Faults::default());
    journal.keep_seats(&[1]).unwrap();
    disk.set_faults(Faults { changes_max: Some(0), ..Faults::default() });
    assert!(matches!(journal.keep_seats(&[2]), Err(JournalError::Poisoned { .. })));
    disk.set_faults(Faults::default());
    assert!(journal.keep_seats(&[2]).is_err(), "what failed once is never tried again");
}

#[test]
fn damage_and_the_file_of_another_store_are_refused_with_a_remedy() {
    let disk = MemoryDisk::default();
    keep(&disk, &[7; 20]);
    let good = disk.bytes("seats").unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        disk.put("seats", &bytes);
        let (_, text) = refusal(&disk);
        assert!(text.contains("seats"), "byte {at}: {text}");
    }
    let other = MemoryDisk::default();
    let options = Options::new(StoreId([9; 16]), "n");
    drop(Journal::open(other.clone(), options.clone(), &state()).unwrap());
    other.put("seats", &good);
    let error = Journal::open(other, options, &state()).err().unwrap().to_string();
    assert!(error.contains("remove the file"), "{error}");
}

#[test]
fn the_writer_keeps_seats_before_it_tells_of_the_batch_that_they_came_with() {
    let disk = MemoryDisk::default();
    let (journal, likes, _) = open(&disk).unwrap();
    let (told, events) = std::sync::mpsc::channel();
    let writer = Writer::spawn(journal, std::sync::Arc::new(likes), move |event| {
        let _ = told.send(event);
    });
    for batch in 1..=3u64 {
        writer.submit_with_seats(BatchId(batch), Delta::default(), Some(vec![batch as u8]));
        loop {
            let event = events.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
            if matches!(event, Event::Persisted(BatchId(told)) if told == batch) {
                break;
            }
        }
        // What a second process would find, had the first been cut off now.
        assert_eq!(kept(&all_lost(&disk)), Some(vec![batch as u8]));
    }
    writer.close().unwrap();
}
