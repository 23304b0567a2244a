//! The thread around the journal: acknowledgements, stalls, shutdown.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use likewise_journal::disk::Disk;
use likewise_journal::disk::file::FileDisk;
use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::journal::{Durability, Journal, Options};
use likewise_journal::writer::{BatchId, Event, Writer};
use likewise_state::delta::Delta;
use likewise_state::state::State;

use crate::{all_lost, assert_holds_exactly, delta, delta_of, names, open, options, state};

struct Node {
    writer: Writer,
    state: Arc<State>,
    events: Receiver<Event>,
}

impl Node {
    fn start<D: Disk>(disk: &D, options: Options) -> Self {
        let state = Arc::new(state());
        let (journal, _) = Journal::open(disk.clone(), options, &state).unwrap();
        let (sender, events) = mpsc::channel();
        let on_event = move |event| sender.send(event).unwrap_or_default();
        Self { writer: Writer::spawn(journal, state.clone(), on_event), state, events }
    }

    fn submit(&self, number: usize) {
        let delta = delta(number);
        self.state.merge_delta(&delta);
        self.writer.submit(BatchId(number as u64), delta);
    }

    /// The first event that is wanted; others are passed over.
    fn wait<T>(&self, mut want: impl FnMut(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).expect("the event comes in time");
            if let Some(found) = want(&event) {
                return found;
            }
        }
    }

    fn wait_persisted(&self, number: usize) {
        self.wait(|event| match event {
            Event::Persisted(batch) if batch.0 >= number as u64 => Some(()),
            Event::Failed { error } => panic!("{error}"),
            _ => None,
        });
    }
}

#[test]
fn what_is_acknowledged_outlives_a_power_cut_at_that_moment() {
    let disk = MemoryDisk::default();
    let node = Node::start(&disk, options());
    for number in 0..300 {
        node.submit(number);
        if number % 7 == 0 {
            node.wait_persisted(number);
            assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, number + 1);
        }
    }
    node.writer.close().unwrap();
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 300);
}

#[test]
fn waiting_batches_share_a_commit_and_a_barrier_waits_for_those_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FileDisk::open(folder.path()).unwrap();
    let node = Node::start(&disk, Options { segment_bytes: 1 << 20, ..options() });
    for number in 0..5000 {
        node.submit(number);
    }
    node.writer.submit(BatchId(5000), Delta::default());
    let mut last = None;
    node.wait(|event| {
        if let Event::Persisted(batch) = event {
            assert!(Some(*batch) > last, "in order");
            last = Some(*batch);
        }
        (last == Some(BatchId(5000))).then_some(())
    });
    node.writer.submit(BatchId(5001), Delta::default());
    node.wait_persisted(5001);
    let state = node.state.clone();
    let writer = node.writer;
    let figures = writer.board().read();
    assert_eq!(figures.entries, 5000);
    assert!(figures.commits < 5000 && figures.syncs <= figures.commits, "{figures:?}");
    assert!(figures.commit_total >= figures.commit_last);
    writer.close().unwrap();
    assert_holds_exactly(&state, 5000);
    assert_holds_exactly(&open(&disk).unwrap().1, 5000);
}

#[test]
fn a_full_disk_stalls_and_resumes_without_a_false_acknowledgement() {
    let disk = MemoryDisk::default();
    let node = Node::start(&disk, options());
    disk.set_faults(Faults { bytes_max: Some(9000), ..Faults::default() });
    for number in 0..500 {
        node.submit(number);
    }
    let mut persisted = None;
    let error = node.wait(|event| match event {
        Event::Persisted(batch) => {
            persisted = Some(batch.0);
            None
        }
        Event::Stalled { error } => Some(error.clone()),
        _ => None,
    });
    assert!(error.is_no_space() && persisted < Some(499), "{error:?} {persisted:?}");
    disk.set_faults(Faults::default());
    node.wait_persisted(499);
    node.wait(|event| matches!(event, Event::Resumed).then_some(()));
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 500);
    node.writer.close().unwrap();
}

#[test]
fn closing_on_a_full_disk_says_so() {
    let disk = MemoryDisk::default();
    let node = Node::start(&disk, options());
    disk.set_faults(Faults { bytes_max: Some(1), ..Faults::default() });
    let batch = delta_of(0..5000);
    node.writer.submit(BatchId(0), batch);
    node.wait(|event| matches!(event, Event::Stalled { .. }).then_some(()));
    assert!(node.writer.close().unwrap_err().is_no_space());
}

#[test]
fn a_failed_sync_is_reported_once_and_nothing_is_acknowledged_after_it() {
    let disk = MemoryDisk::default();
    let node = Node::start(&disk, options());
    node.submit(0);
    node.wait_persisted(0);
    disk.set_faults(Faults { sync: true, ..Faults::default() });
    node.submit(1);
    node.wait(|event| matches!(event, Event::Failed { .. }).then_some(()));
    disk.set_faults(Faults::default());
    node.submit(2);
    let error = node.writer.close().unwrap_err();
    assert!(error.to_string().contains("restart the node"), "{error}");
    assert_eq!(node.events.iter().count(), 0, "no event after the failure");
}

#[test]
fn the_interval_syncs_by_itself_also_after_the_last_write() {
    let disk = MemoryDisk::default();
    let durability = Durability::Interval;
    let node = Node::start(&disk, Options { durability, ..options() });
    for number in 0..20 {
        node.submit(number);
    }
    node.wait_persisted(19);
    let deadline = Instant::now() + Duration::from_secs(20);
    // Nothing more is submitted: the sync comes from the deadline alone.
    while node.writer.board().read().syncs == 0 {
        assert!(Instant::now() < deadline, "no sync came");
        std::thread::yield_now();
    }
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 20);
    node.writer.close().unwrap();
}

#[test]
fn without_durability_nothing_is_synced_until_the_end() {
    let disk = MemoryDisk::default();
    let durability = Durability::Never;
    let node = Node::start(&disk, Options { durability, ..options() });
    for number in 0..10 {
        node.submit(number);
    }
    node.wait_persisted(9);
    node.writer.submit(BatchId(10), Delta::default());
    node.wait_persisted(10);
    assert_eq!(node.writer.board().read().syncs, 0);
    node.writer.close().unwrap();
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 10);
}

#[test]
fn snapshots_come_by_themselves_and_old_files_go() {
    let disk = MemoryDisk::default();
    let options = Options { snapshot_journal_bytes_min: 2000, ..options() };
    let node = Node::start(&disk, options);
    let mut number = 0;
    for _ in 0..4 {
        let bytes = loop {
            node.submit(number);
            number += 1;
            let wanted = |event: &Event| match event {
                Event::SnapshotWritten { bytes, .. } => Some(*bytes),
                Event::SnapshotFailed { error } => panic!("{error}"),
                _ => None,
            };
            if let Some(bytes) = node.events.try_iter().find_map(|event| wanted(&event)) {
                break bytes;
            }
        };
        assert!(bytes > 0);
    }
    let figures = node.writer.board().read();
    node.writer.close().unwrap();
    assert!(figures.snapshots >= 3, "{figures:?}");
    assert!(names(&disk, ".snap").len() >= 2);
    assert!(disk.bytes("journal-0000000001.log").is_none(), "the first segment is gone");
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, number);
}

#[test]
fn a_snapshot_that_fails_is_tried_again() {
    let disk = MemoryDisk::default();
    let options = Options { snapshot_journal_bytes_min: 500, segment_bytes: 1 << 16, ..options() };
    let node = Node::start(&disk, options);
    node.submit(0);
    node.wait_persisted(0);
    // Room for the spare segment and no more.
    let used = disk.bytes("journal-0000000001.log").unwrap().len() as u64;
    disk.set_faults(Faults { bytes_max: Some(2 * used + 200), ..Faults::default() });
    for number in 1..30 {
        node.submit(number);
    }
    node.wait(|event| matches!(event, Event::SnapshotFailed { .. }).then_some(()));
    disk.set_faults(Faults::default());
    node.wait(|event| matches!(event, Event::SnapshotWritten { .. }).then_some(()));
    node.writer.close().unwrap();
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 30);
}

#[test]
fn a_writer_that_is_dropped_still_commits_what_it_was_given() {
    let disk = MemoryDisk::default();
    let node = Node::start(&disk, options());
    for number in 0..50 {
        node.submit(number);
    }
    drop(node.writer);
    // The thread drops its end of the channel of events when it is done.
    node.events.iter().for_each(drop);
    assert_holds_exactly(&open(&all_lost(&disk)).unwrap().1, 50);
}
