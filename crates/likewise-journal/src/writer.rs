//! The thread that owns the journal: it gathers what waits into one record, syncs it, and says so.
//!
//! ```text
//! callers ── submit ──> channel ──> writer: commit, sync ── Event::Persisted ──> node
//!                                     │ ^
//!                                     v │ done
//!                          helpers: next segment, snapshot
//! ```
//!
//! There is no timer on the way of a commit: while one sync runs, the next submissions gather, and a
//! lone submission is committed at once. The channel has no bound of its own: whoever submits must
//! bound what is outstanding (the replica does), also while a full disk holds everything up.

use std::collections::VecDeque;
use std::time::Duration;

use likewise_state::delta::Delta;
use likewise_state::state::State;

use crate::disk::Disk;
use crate::error::JournalError;
use crate::figures::{Board, Figures};
use crate::journal::{Durability, Journal};
use crate::limits::{
    GROUP_BYTES_MAX, SNAPSHOT_RETRY, SNAPSHOT_RETRY_MAX, STALL_RETRY, SYNC_INTERVAL,
};
use crate::segment::Spare;
use crate::snapshot::Snapshot;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, Instant};

/// The caller's number of a batch. Numbers should grow, so that one event can speak for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// What is to become durable together.
#[derive(Debug)]
struct Batch {
    id: BatchId,
    delta: Delta,
    /// What is to be kept of the seats once the delta is durable.
    seats: Option<Vec<u8>>,
}

/// What the writer has to tell. Called on its thread: be quick, and don't wait for the writer.
#[derive(Clone, Debug)]
pub enum Event {
    /// All batches up to and including this one, in the order of submission, are as durable as the
    /// setting promises.
    Persisted(BatchId),
    /// The disk is full, or there is no file descriptor left. Nothing is lost; the same batches are tried
    /// again every [`STALL_RETRY`].
    Stalled {
        /// What was needed.
        error: JournalError,
    },
    /// There is space, or a descriptor, again, and what waited is persisted.
    Resumed,
    /// The journal takes nothing more until the node is restarted. Batches that were not reported as
    /// persisted may or may not be found then; later ones get no answer.
    Failed {
        /// What happened.
        error: JournalError,
    },
    /// A snapshot is on disk, and older files were removed.
    SnapshotWritten {
        /// Its size in bytes.
        bytes: u64,
        /// How long it took.
        took: Duration,
    },
    /// A snapshot failed, or old files could not be removed after one. The journal is not affected; it
    /// is tried again with growing pauses.
    SnapshotFailed {
        /// What happened.
        error: JournalError,
    },
}

#[derive(Debug)]
enum Message {
    Submit(Batch),
    SnapshotDone { result: Result<Snapshot, JournalError>, journal_bytes: u64, took: Duration },
    Close,
}

/// The handle of the writer thread. Dropping it is like closing it without waiting for the end.
#[derive(Debug)]
pub struct Writer {
    sender: Sender<Message>,
    figures: Board,
    stop: Arc<AtomicBool>,
    /// Taken by `close`.
    thread: Option<JoinHandle<Result<(), JournalError>>>,
}

impl Writer {
    /// Starts the thread. `state` is what snapshots are taken of: every delta must have been merged
    /// into it before it is submitted.
    ///
    /// # Panics
    /// Where the system can't start a thread.
    pub fn spawn<D: Disk>(
        journal: Journal<D>,
        state: Arc<State>,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        let figures = Board::default();
        figures.write(journal.figures());
        let stop = Arc::new(AtomicBool::new(false));
        let core = Core {
            journal,
            state,
            on_event,
            sender: sender.clone(),
            figures: figures.clone(),
            stop: stop.clone(),
            pending: VecDeque::new(),
            stalled: None,
            failed: None,
            sync_due: None,
            spare_job: None,
            spare_refused: None,
            snapshot_job: None,
            snapshot_due: Instant::now(),
            snapshot_retry: SNAPSHOT_RETRY,
            commits: (Duration::ZERO, Duration::ZERO),
        };
        let thread = start("journal", move || core.run(&receiver));
        Self { sender, figures, stop, thread: Some(thread) }
    }

    /// Hands a batch over, without ever blocking. An empty delta is a barrier: it is persisted once
    /// all batches before it are. The caller bounds how much is outstanding.
    pub fn submit(&self, batch: BatchId, delta: Delta) {
        self.submit_with_seats(batch, delta, None);
    }

    /// The same, with something to be kept of the seats: it is, once the delta is durable and before the
    /// batch is reported as persisted.
    pub fn submit_with_seats(&self, batch: BatchId, delta: Delta, seats: Option<Vec<u8>>) {
        // After a panic of the thread there is no one to receive; `close` passes the panic on.
        let _ = self.sender.send(Message::Submit(Batch { id: batch, delta, seats }));
    }

    /// Commits and syncs what is pending, gives up a snapshot in the making, and ends the thread.
    ///
    /// # Errors
    /// What kept a submitted batch from becoming persisted, a full disk included.
    pub fn close(mut self) -> Result<(), JournalError> {
        let thread = self.thread.take();
        drop(self);
        thread.map_or(Ok(()), join)
    }

    /// Where the counters and gauges of this writer stand.
    #[must_use]
    pub fn board(&self) -> Board {
        self.figures.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.sender.send(Message::Close);
    }
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn start<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.expect("the system starts a thread")
}

struct Core<D: Disk, F> {
    journal: Journal<D>,
    state: Arc<State>,
    on_event: F,
    sender: Sender<Message>,
    figures: Board,
    stop: Arc<AtomicBool>,
    pending: VecDeque<Batch>,
    /// Since the disk was found full, or no file could be opened: when to try again.
    stalled: Option<Instant>,
    failed: Option<JournalError>,
    /// Under `Durability::Interval`: when what was written must be synced.
    sync_due: Option<Instant>,
    spare_job: Option<JoinHandle<Result<Spare<D::File>, JournalError>>>,
    /// The segment in which a spare could not be made: the commit that needs one tries next.
    spare_refused: Option<u64>,
    snapshot_job: Option<JoinHandle<()>>,
    snapshot_due: Instant,
    snapshot_retry: Duration,
    /// How long the last commit took, and all together.
    commits: (Duration, Duration),
}

impl<D: Disk, F: FnMut(Event) + Send + 'static> Core<D, F> {
    fn run(mut self, receiver: &Receiver<Message>) -> Result<(), JournalError> {
        let mut open = true;
        while open {
            self.background();
            self.publish();
            open = self.gather(receiver);
            self.commit(!open);
            self.sync(!open);
        }
        // Nobody needs the spare any more, and the next start removes it.
        let _ = self.spare_job.take().map(join);
        if let Some(job) = self.snapshot_job.take() {
            join(job);
        }
        self.publish();
        self.failed.map_or(Ok(()), Err)
    }

    /// Waits for a message or a deadline, then takes all that is there. False at the end.
    fn gather(&mut self, receiver: &Receiver<Message>) -> bool {
        let snapshot = self.snapshot_may_begin().then_some(self.snapshot_due);
        let deadline = [self.stalled, self.sync_due, snapshot].into_iter().flatten().min();
        let first = match deadline {
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => {
                receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            }
        };
        let open = match first {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        };
        open && receiver.try_iter().all(|message| self.take(message))
    }

    /// False when it is time to close. Nothing is submitted after that.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Submit(batch) if self.failed.is_none() => self.pending.push_back(batch),
            Message::Submit(_) => {}
            Message::SnapshotDone { result, journal_bytes, took } => {
                self.snapshot_done(result, journal_bytes, took);
            }
            Message::Close => return false,
        }
        true
    }

    fn commit(&mut self, closing: bool) {
        self.collect_spare();
        let waiting = self.stalled.is_some_and(|retry| Instant::now() < retry);
        if waiting && !closing {
            return;
        }
        while !self.pending.is_empty() && self.failed.is_none() {
            let count = self.group();
            let last = self.pending[count - 1].id;
            let began = Instant::now();
            match self.commit_group(count) {
                Ok(()) => {
                    let took = began.elapsed();
                    self.commits = (took, self.commits.1 + took);
                    self.pending.drain(..count);
                    (self.on_event)(Event::Persisted(last));
                }
                Err(error) if error.can_pass() && !closing => return self.stall(error),
                Err(error) => self.fail(error),
            }
        }
        if self.stalled.take().is_some() && self.failed.is_none() {
            (self.on_event)(Event::Resumed);
        }
    }

    /// Makes the first pending batches durable. To do so again after a failure does no harm, and does what is
    /// left only.
    fn commit_group(&mut self, count: usize) -> Result<(), JournalError> {
        self.journal.commit(self.pending.range(..count).map(|batch| &batch.delta))?;
        for batch in self.pending.range_mut(..count) {
            batch.delta = Delta::default();
        }
        let mut seats = self.pending.range(..count).filter_map(|batch| batch.seats.as_ref());
        seats.next_back().map_or(Ok(()), |seats| self.journal.keep_seats(seats))
    }

    /// How many of the pending batches go into the next record: at least one.
    fn group(&self) -> usize {
        let mut bytes = 0;
        let fits = |batch: &&Batch| {
            bytes += batch.delta.as_bytes().len();
            bytes <= GROUP_BYTES_MAX
        };
        self.pending.iter().take_while(fits).count().max(1)
    }

    fn stall(&mut self, error: JournalError) {
        let first = self.stalled.replace(Instant::now() + STALL_RETRY).is_none();
        if first {
            (self.on_event)(Event::Stalled { error });
        }
    }

    fn fail(&mut self, error: JournalError) {
        self.pending.clear();
        self.sync_due = None;
        self.failed = Some(error.clone());
        (self.on_event)(Event::Failed { error });
    }

    /// Syncs what `Durability::Interval` left, once it is due; at the end whatever is left.
    fn sync(&mut self, closing: bool) {
        if self.failed.is_some() {
            return;
        }
        let now = Instant::now();
        if !self.journal.is_unsynced() {
            self.sync_due = None;
        } else if self.journal.durability() == Durability::Interval {
            self.sync_due.get_or_insert(now + SYNC_INTERVAL);
        }
        if closing || self.sync_due.is_some_and(|due| due <= now) {
            self.sync_due = None;
            if let Err(error) = self.journal.sync() {
                self.fail(error);
            }
        }
    }

    /// Starts what should be done beside the commits.
    fn background(&mut self) {
        if self.failed.is_some() || self.stalled.is_some() {
            return;
        }
        if self.snapshot_may_begin() && self.snapshot_due <= Instant::now() {
            self.begin_snapshot();
        }
        if self.spare_job.is_none()
            && self.spare_refused != Some(self.journal.active.number)
            && let Some(job) = self.journal.spare_job()
        {
            self.spare_job = Some(start("journal-spare", move || job.run()));
        }
    }

    /// Whether a snapshot should begin once its time has come. Who waits for that time must ask this: a
    /// time that has passed, for something that can't begin, would make the wait a loop.
    fn snapshot_may_begin(&self) -> bool {
        let takes_commits = self.failed.is_none() && self.stalled.is_none();
        takes_commits && self.snapshot_job.is_none() && self.journal.snapshot_is_due()
    }

    /// Takes over a spare that has been made. One that is still in the making is not waited for: a
    /// commit that needs it before makes its own.
    fn collect_spare(&mut self) {
        match self.spare_job.take_if(|job| job.is_finished()).map(join) {
            Some(Ok(spare)) => self.journal.add_spare(spare),
            // The commit that needs a segment will make it, or say why not.
            Some(Err(_)) => self.spare_refused = Some(self.journal.active.number),
            None => {}
        }
    }

    fn begin_snapshot(&mut self) {
        let job = match self.journal.begin_snapshot() {
            Ok(job) => job,
            Err(error) if error.can_pass() => return self.postpone_snapshot(error),
            Err(error) => return self.fail(error),
        };
        let (sender, state, stop) = (self.sender.clone(), self.state.clone(), self.stop.clone());
        self.snapshot_job = Some(start("journal-snapshot", move || {
            let began = Instant::now();
            let result = job.run(&state, || !stop.load(Ordering::Relaxed));
            let (journal_bytes, took) = (job.journal_bytes(), began.elapsed());
            let _ = sender.send(Message::SnapshotDone { result, journal_bytes, took });
        }));
    }

    fn snapshot_done(
        &mut self,
        result: Result<Snapshot, JournalError>,
        journal_bytes: u64,
        took: Duration,
    ) {
        self.snapshot_job = None;
        match result {
            Ok(snapshot) => {
                let removed = self.journal.snapshot_written(snapshot);
                (self.on_event)(Event::SnapshotWritten { bytes: snapshot.bytes(), took });
                match removed {
                    Ok(()) => self.snapshot_retry = SNAPSHOT_RETRY,
                    Err(error) => self.postpone_snapshot(error),
                }
            }
            Err(error) => {
                self.journal.snapshot_failed(journal_bytes);
                self.postpone_snapshot(error);
            }
        }
    }

    fn postpone_snapshot(&mut self, error: JournalError) {
        self.snapshot_due = Instant::now() + self.snapshot_retry;
        self.snapshot_retry = (self.snapshot_retry * 2).min(SNAPSHOT_RETRY_MAX);
        (self.on_event)(Event::SnapshotFailed { error });
    }

    fn publish(&mut self) {
        let (commit_last, commit_total) = self.commits;
        let figures = Figures { commit_last, commit_total, ..self.journal.figures() };
        self.figures.write(figures);
    }
}
