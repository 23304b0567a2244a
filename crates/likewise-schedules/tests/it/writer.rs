//! The journal's writer: hand-over, commits, snapshots, full and failing disks, and the end of it all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use likewise_journal::disk::Disk;
use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::journal::{Durability, Journal, Options};
use likewise_journal::store::StoreId;
use likewise_journal::writer::{BatchId, Event, Writer};
use likewise_schedules::thread;
use likewise_state::state::State;
use shuttle::rand::{Rng, thread_rng};

use crate::slow_disk::SlowDisk;
use crate::{delta, explore, ids, length, state};

const STORE: StoreId = StoreId(*b"0123456789abcdef");

/// Each a record of its own or not, as the schedule has it; enough to fill two segments.
const BATCHES: u64 = 8;

fn options() -> Options {
    Options {
        segment_bytes: 4096,
        snapshot_journal_bytes_min: u64::MAX,
        ..Options::new(STORE, "likes-0")
    }
}

/// A disk on which a snapshot is due after every few batches.
fn with_snapshots() -> Options {
    Options { snapshot_journal_bytes_min: 2_000, ..options() }
}

/// What was told, in order.
type Told = Arc<Mutex<Vec<Event>>>;

struct Node {
    disk: MemoryDisk,
    state: Arc<State>,
    told: Told,
    writer: Option<Writer>,
}

impl Node {
    fn start(options: Options) -> Self {
        let (disk, state, told) = (MemoryDisk::default(), Arc::new(state()), Told::default());
        let slow = SlowDisk::new(disk.clone());
        let (journal, _) = Journal::open(slow, options, &state).unwrap();
        let tell = told.clone();
        let tell = move |event| tell.lock().unwrap().push(event);
        let writer = Some(Writer::spawn(journal, state.clone(), tell));
        Self { disk, state, told, writer }
    }

    /// As the node does it: first merged, then submitted.
    fn submit(&self, batch: u64) {
        let delta = delta(batch);
        self.state.merge_delta(&delta);
        self.writer.as_ref().unwrap().submit(BatchId(batch), delta);
    }
}

/// How many batches have been acknowledged. They are numbered from 1.
fn acknowledged(told: &Told) -> u64 {
    let persisted = |event: &Event| match event {
        Event::Persisted(batch) => Some(batch.0),
        _ => None,
    };
    told.lock().unwrap().iter().rev().find_map(persisted).unwrap_or(0)
}

fn has_snapshot(told: &Told) -> bool {
    told.lock().unwrap().iter().any(|event| matches!(event, Event::SnapshotWritten { .. }))
}

/// How many batches a start after a power cut that spared nothing finds, which must be the first ones.
fn found(disk: &MemoryDisk) -> u64 {
    let state = state();
    let survivor = disk.after_power_cut(|n| usize::from(n == 2));
    Journal::open(survivor, options(), &state).unwrap();
    let holds = |batch: u64| {
        let (post, user) = ids(batch);
        length(&state, &post, &user) == 1
    };
    let found = (1..=BATCHES).take_while(|&batch| holds(batch)).count() as u64;
    assert!((found + 1..=BATCHES).all(|batch| !holds(batch)), "there is a hole after {found}");
    found
}

/// What holds of every run: acknowledged in order, stalls and ends of stalls in turn, nothing after the
/// failure. After a close that went well no stall is left.
fn assert_in_order(told: &Told, closed_well: bool) {
    let (mut last, mut stalled, mut failed) = (0, false, false);
    for event in told.lock().unwrap().iter() {
        assert!(!failed, "{event:?} after the failure");
        match event {
            Event::Persisted(batch) => {
                assert!(batch.0 > last, "{batch:?} after {last}");
                last = batch.0;
            }
            Event::Stalled { .. } => {
                assert!(!std::mem::replace(&mut stalled, true), "stalled twice")
            }
            Event::Resumed => assert!(std::mem::take(&mut stalled), "resumed without a stall"),
            Event::Failed { .. } => failed = true,
            Event::SnapshotWritten { .. } | Event::SnapshotFailed { .. } => {}
        }
    }
    assert!(
        !(closed_well && (stalled || failed)),
        "closed well, stalled {stalled}, failed {failed}"
    );
}

#[test]
fn all_that_was_submitted_is_persisted_when_close_returns() {
    let seen = Arc::new(Seen::default());
    let count = seen.clone();
    explore(1_000, move || {
        let mut node = Node::start(with_snapshots());
        (1..=BATCHES).for_each(|batch| node.submit(batch));
        let board = node.writer.as_ref().unwrap().board();
        // A close may come before, while or after a snapshot is written.
        let waits: bool = thread_rng().r#gen();
        while waits && !has_snapshot(&node.told) {
            thread::yield_now();
        }
        node.writer.take().unwrap().close().unwrap();
        assert_in_order(&node.told, true);
        assert_eq!(acknowledged(&node.told), BATCHES);
        assert_eq!(found(&node.disk), BATCHES);
        assert_eq!(board.read().entries, BATCHES);
        let names = node.disk.list().unwrap();
        assert!(!names.iter().any(|name| name.ends_with(".snap.tmp")), "still written: {names:?}");
        count.add(&node.told);
    });
    assert!(seen.snapshots.load(Ordering::Relaxed) > 0, "some schedules see a snapshot");
}

#[test]
fn what_was_acknowledged_outlives_a_power_cut_at_any_moment() {
    explore(1_000, || {
        let mut node = Node::start(with_snapshots());
        let (disk, told) = (node.disk.clone(), node.told.clone());
        let power = thread::spawn(move || {
            for _ in 0..3 {
                let acknowledged = acknowledged(&told);
                thread::yield_now();
                let found = found(&disk);
                assert!(found >= acknowledged, "{found} found of {acknowledged} acknowledged");
            }
        });
        (1..=BATCHES).for_each(|batch| node.submit(batch));
        node.writer.take().unwrap().close().unwrap();
        power.join().unwrap();
        assert_eq!(found(&node.disk), BATCHES);
    });
}

#[test]
fn a_dropped_writer_still_commits_what_it_was_given() {
    explore(500, || {
        let mut node = Node::start(with_snapshots());
        (1..=BATCHES).for_each(|batch| node.submit(batch));
        drop(node.writer.take());
        while acknowledged(&node.told) < BATCHES {
            thread::yield_now();
        }
        assert_in_order(&node.told, true);
        assert_eq!(found(&node.disk), BATCHES);
    });
}

/// What is told of a close is true: all is there, or the error says why not.
fn assert_told_the_truth(mut node: Node) {
    let closed = node.writer.take().unwrap().close();
    assert_in_order(&node.told, closed.is_ok());
    let (acknowledged, found) = (acknowledged(&node.told), found(&node.disk));
    assert!(found >= acknowledged, "{found} found of {acknowledged} acknowledged");
    assert_eq!(closed.is_ok(), acknowledged == BATCHES, "{closed:?}, {acknowledged} acknowledged");
    let failed = |event: &Event| matches!(event, Event::Failed { .. });
    assert_eq!(closed.is_err(), node.told.lock().unwrap().iter().any(failed));
}

#[test]
fn a_full_disk_stalls_and_resumes_or_says_why_it_could_not() {
    let seen = Arc::new(Seen::default());
    let count = seen.clone();
    explore(1_000, move || {
        let node = Node::start(with_snapshots());
        let (disk, told) = (node.disk.clone(), node.told.clone());
        let neighbour = thread::spawn(move || {
            // Room for the first segment and a snapshot of half of it.
            disk.set_faults(Faults { bytes_max: Some(6_500), ..Faults::default() });
            (0..200).for_each(|_| thread::yield_now());
            disk.set_faults(Faults::default());
        });
        (1..=BATCHES).for_each(|batch| node.submit(batch));
        let waits: bool = thread_rng().r#gen();
        while waits && acknowledged(&told) < BATCHES {
            thread::yield_now();
        }
        assert_told_the_truth(node);
        neighbour.join().unwrap();
        count.add(&told);
    });
    let seen = [&seen.stalled, &seen.resumed, &seen.failed, &seen.snapshots_failed]
        .map(|seen| seen.load(Ordering::Relaxed));
    assert!(seen.iter().all(|&times| times > 0), "some schedules see each: {seen:?}");
}

/// How many schedules came across what a test is about.
#[derive(Default)]
struct Seen {
    stalled: AtomicUsize,
    resumed: AtomicUsize,
    failed: AtomicUsize,
    snapshots: AtomicUsize,
    snapshots_failed: AtomicUsize,
}

impl Seen {
    fn add(&self, told: &Told) {
        for event in told.lock().unwrap().iter() {
            let seen = match event {
                Event::Persisted(_) => continue,
                Event::Stalled { .. } => &self.stalled,
                Event::Resumed => &self.resumed,
                Event::Failed { .. } => &self.failed,
                Event::SnapshotWritten { .. } => &self.snapshots,
                Event::SnapshotFailed { .. } => &self.snapshots_failed,
            };
            seen.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_close_says_so() {
    let seen = Arc::new(Seen::default());
    let count = seen.clone();
    explore(1_000, move || {
        let node = Node::start(options());
        let (disk, told) = (node.disk.clone(), node.told.clone());
        let failure = thread::spawn(move || {
            (0..20).for_each(|_| thread::yield_now());
            disk.set_faults(Faults { sync: true, ..Faults::default() });
            (0..20).for_each(|_| thread::yield_now());
            disk.set_faults(Faults::default());
        });
        (1..=BATCHES).for_each(|batch| node.submit(batch));
        assert_told_the_truth(node);
        failure.join().unwrap();
        count.add(&told);
    });
    let failed = seen.failed.load(Ordering::Relaxed);
    assert!(failed > 0, "some schedules see a failure");
}

#[test]
fn the_interval_leaves_nothing_unsynced_for_long_and_nothing_at_the_end() {
    explore(500, || {
        let durability = Durability::Interval;
        let mut node = Node::start(Options { durability, ..options() });
        (1..=BATCHES).for_each(|batch| node.submit(batch));
        // Nothing more is submitted: the sync comes from the deadline alone.
        while found(&node.disk) < BATCHES {
            thread::yield_now();
        }
        node.writer.take().unwrap().close().unwrap();
        assert_in_order(&node.told, true);
    });
}

#[test]
fn the_figures_never_go_back_for_a_reader() {
    explore(500, || {
        let mut node = Node::start(options());
        let board = node.writer.as_ref().unwrap().board();
        let reader = thread::spawn(move || {
            let mut last = board.read();
            for _ in 0..6 {
                let figures = board.read();
                assert!(figures.entries >= last.entries && figures.syncs >= last.syncs);
                assert!(figures.entries >= figures.commits && figures.commits >= figures.syncs);
                last = figures;
            }
        });
        (1..=BATCHES).for_each(|batch| node.submit(batch));
        node.writer.take().unwrap().close().unwrap();
        reader.join().unwrap();
    });
}
