//! How fast the journal takes likes and gives them back, on the disk of the current folder.
//!
//! `cargo bench -p likewise-journal`. Set `LIKEWISE_BENCH_FOLDER` to measure another disk. The files
//! need about 1 GB and are removed at the end.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use likewise_journal::disk::file::FileDisk;
use likewise_journal::journal::{Journal, Options};
use likewise_journal::store::StoreId;
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use likewise_state::state::{Keys, State};

const ROUNDS: usize = 400;
const IN_JOURNAL: usize = 2_000_000;
const IN_SNAPSHOT: usize = 10_000_000;
const USERS: usize = 500_000;
const BATCH: usize = 8192;

fn main() {
    let parent =
        std::env::var_os("LIKEWISE_BENCH_FOLDER").map_or_else(|| ".".into(), PathBuf::from);
    let folder = tempfile::Builder::new().prefix("journal-bench-").tempdir_in(parent);
    let folder = folder.expect("the folder can be made");
    println!("{:>8} {:>12} {:>14} {:>10} {:>10}", "batch", "commits/s", "entries/s", "p50", "p99");
    for batch in [1, 64, 1024, 8192] {
        commits(&folder.path().join(format!("commits-{batch}")), batch);
    }
    recovery(&folder.path().join("journal"), IN_JOURNAL, false);
    recovery(&folder.path().join("snapshot"), IN_SNAPSHOT, true);
}

fn open(folder: &Path, state: &State) -> Journal<FileDisk> {
    let disk = FileDisk::open(folder).expect("the folder can be locked");
    let options = Options::new(StoreId([1; 16]), "bench");
    Journal::open(disk, options, state).expect("the journal opens").0
}

/// Likes of which each post has some ten, each by a user who likes many posts.
fn delta(numbers: std::ops::Range<usize>) -> Delta {
    let mut delta = Delta::default();
    for number in numbers {
        let (post, user) =
            (format!("post-{:08}", number / 10), (number.wrapping_mul(7919)) % USERS);
        let user = format!("user-{user:08}");
        let like = Like::new(&post, "like", &user).expect("these are ids");
        delta.push(like, CausalLength::LIKED_ONCE);
    }
    delta
}

fn commits(folder: &Path, batch: usize) {
    let mut journal = open(folder, &State::new(Keys::for_tests()));
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let delta = delta(round * batch..(round + 1) * batch);
        let began = Instant::now();
        journal.commit([&delta]).expect("the commit is durable");
        times.push(began.elapsed());
        // In a node the writer does this on another thread.
        if let Some(job) = journal.spare_job() {
            journal.add_spare(job.run().expect("there is space"));
        }
    }
    let total: Duration = times.iter().sum();
    times.sort();
    let rate = ROUNDS as f64 / total.as_secs_f64();
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    println!(
        "{batch:>8} {rate:>12.0} {:>14.0} {:>10} {:>10}",
        rate * batch as f64,
        milliseconds(times[ROUNDS / 2]),
        milliseconds(times[ROUNDS * 99 / 100]),
    );
}

fn recovery(folder: &Path, likes: usize, snapshot: bool) {
    let state = State::new(Keys::for_tests());
    let mut journal = open(folder, &state);
    for start in (0..likes).step_by(BATCH) {
        let delta = delta(start..likes.min(start + BATCH));
        if snapshot {
            state.merge_delta(&delta);
        } else {
            journal.commit([&delta]).expect("the commit is durable");
        }
    }
    if snapshot {
        let began = Instant::now();
        let job = journal.begin_snapshot().expect("there is space");
        let snapshot = job.run(&state, || true).expect("there is space");
        let bytes = snapshot.bytes();
        println!(
            "snapshot of {likes} likes: {bytes} bytes in {:.2} s",
            began.elapsed().as_secs_f64()
        );
        journal.snapshot_written(snapshot).expect("old files can be removed");
    }
    drop((journal, state));
    let mut times = Vec::new();
    for _ in 0..3 {
        let state = State::new(Keys::for_tests());
        let began = Instant::now();
        drop(open(folder, &state));
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let from = if snapshot { "snapshot" } else { "journal" };
    println!("recovery of {likes} likes from the {from}: {:.2} s (median of 3)", times[1]);
}
