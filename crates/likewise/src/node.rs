//! The event loop: one thread owns the replica, turns what happens into inputs and carries out each
//! output. [`Node`] is the handle that everybody else holds.
//!
//! ```text
//! HTTP tasks ──> queue ──> node thread (replica) ──> journal thread ──> queue ──> node thread ──> answer
//!      └──── reads go to the shared state directly, slot by slot ────┘
//! ```

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use likewise_journal::disk::Disk;
use likewise_journal::error::JournalError;
use likewise_journal::figures::{Board, Figures};
use likewise_journal::journal::Journal;
use likewise_journal::writer::{self, Writer};
use likewise_replica::input::Input;
use likewise_replica::output::{Answer, BatchId, Output};
use likewise_replica::replica::Replica;
use likewise_replica::write::{Outcome, RequestId, Writes};
use likewise_state::state::State;
use tokio::sync::oneshot;

/// Events that wait for the node's thread. One more request is shed; the journal waits for its turn.
const QUEUE_MAX: usize = 16_384;

/// Events that one turn of the loop takes before it carries out what came of them, so that a full queue
/// does not hold back the first answer for ever.
const TURN_EVENTS_MAX: usize = 4_096;

/// The handle of a node. Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Shared>);

struct Shared {
    name: String,
    state: Arc<State>,
    queue: SyncSender<Event>,
    queued: AtomicU64,
    shed: AtomicU64,
    journal: Option<Board>,
    /// Why no write is taken at present.
    read_only: Mutex<Option<String>>,
    draining: AtomicBool,
}

enum Event {
    Write { writes: Writes, reply: oneshot::Sender<Answer> },
    Journal(writer::Event),
    Stop,
}

/// Why a write was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Too much is waiting. Nothing was done.
    Overloaded,
    /// The disk takes no writes at present.
    ReadOnly {
        /// What the disk says.
        detail: String,
    },
    /// The node is on its way out. The write may or may not have been done; to repeat it is safe.
    ShuttingDown,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded => {
                write!(
                    f,
                    "the node has more writes waiting than it can hold: try again in a moment"
                )
            }
            Self::ReadOnly { detail } => write!(
                f,
                "the node takes no writes, reads go on: {detail}; whether this write was done is open, to repeat it is safe"
            ),
            Self::ShuttingDown => {
                write!(
                    f,
                    "the node is shutting down: repeat the request at another node, which is safe"
                )
            }
        }
    }
}

impl std::error::Error for WriteError {}

/// How the node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// Whether writes are taken.
    pub writable: bool,
    /// The reason in a sentence.
    pub detail: String,
}

/// Counters and gauges of the node.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeFigures {
    /// Those of the journal, where there is one.
    pub journal: Option<Figures>,
    /// Gauge: events that wait for the node's thread.
    pub queued: u64,
    /// Requests that were shed because too much was waiting.
    pub shed: u64,
    /// Gauge: whether writes are refused because of the disk.
    pub read_only: bool,
}

impl Node {
    /// Starts the node's thread over a recovered state, and the journal's beside it. Without a journal
    /// nothing is kept.
    ///
    /// # Panics
    /// Where the system can't start a thread.
    #[must_use]
    pub fn start<D: Disk>(
        name: String,
        state: Arc<State>,
        journal: Option<Journal<D>>,
    ) -> (Self, NodeThread) {
        let (queue, events) = sync_channel(QUEUE_MAX);
        let writer = journal.map(|journal| {
            let queue = queue.clone();
            // The node's thread never waits for the journal's, so this wait always ends.
            let tell = move |event| drop(queue.send(Event::Journal(event)));
            Writer::spawn(journal, state.clone(), tell)
        });
        let node = Self(Arc::new(Shared {
            name,
            state: state.clone(),
            queue,
            queued: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            journal: writer.as_ref().map(Writer::board),
            read_only: Mutex::new(None),
            draining: AtomicBool::new(false),
        }));
        let turn = Turn {
            node: node.clone(),
            replica: Replica::new(state),
            writer,
            last_request: 0,
            replies: HashMap::new(),
            stopping: false,
        };
        let thread = std::thread::Builder::new().name("node".to_owned());
        let thread = thread.spawn(move || turn.run(events)).expect("the system starts a thread");
        (node.clone(), NodeThread { node, thread })
    }

    /// The likes, for reading. Only the node's thread writes to them.
    #[must_use]
    pub fn state(&self) -> &Arc<State> {
        &self.0.state
    }

    /// The name of the node.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Does `writes` and answers when all of them are as durable as the setting promises: what came of
    /// each, in their order. At most
    /// [`WRITES_MAX`](likewise_replica::limits::WRITES_MAX) writes.
    ///
    /// # Errors
    /// Why the node takes none at present.
    pub async fn write(&self, writes: Writes) -> Result<Vec<Outcome>, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.0.queued.fetch_add(1, Ordering::Relaxed);
        self.0.queue.try_send(Event::Write { writes, reply }).map_err(|error| {
            self.0.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => self.shed(),
                TrySendError::Disconnected(_) => WriteError::ShuttingDown,
            }
        })?;
        match answer.await {
            Ok(Answer::Done(outcomes)) => Ok(outcomes),
            Ok(Answer::Overloaded) => Err(self.shed()),
            Ok(Answer::Unavailable) => {
                Err(WriteError::ReadOnly { detail: self.read_only_detail() })
            }
            Err(_) => Err(WriteError::ShuttingDown),
        }
    }

    fn shed(&self) -> WriteError {
        self.0.shed.fetch_add(1, Ordering::Relaxed);
        WriteError::Overloaded
    }

    /// Says "not ready" from now on, so that load balancers send new requests elsewhere.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// How the node is.
    #[must_use]
    pub fn status(&self) -> Status {
        let read_only = self.read_only();
        let writable = read_only.is_none();
        if self.0.draining.load(Ordering::Relaxed) {
            return Status { ready: false, writable, detail: "shutting down".to_owned() };
        }
        let detail = read_only.unwrap_or_else(|| "recovered and writable".to_owned());
        Status { ready: writable, writable, detail }
    }

    /// Counters and gauges.
    #[must_use]
    pub fn figures(&self) -> NodeFigures {
        NodeFigures {
            journal: self.0.journal.as_ref().map(Board::read),
            queued: self.0.queued.load(Ordering::Relaxed),
            shed: self.0.shed.load(Ordering::Relaxed),
            read_only: self.read_only().is_some(),
        }
    }

    fn read_only(&self) -> Option<String> {
        self.0.read_only.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read_only_detail(&self) -> String {
        self.read_only().unwrap_or_else(|| "the disk has just recovered, try again".to_owned())
    }

    fn set_read_only(&self, detail: Option<String>) {
        *self.0.read_only.lock().unwrap_or_else(PoisonError::into_inner) = detail;
    }
}

/// The node's thread, to be stopped once nobody writes any more.
pub struct NodeThread {
    node: Node,
    thread: JoinHandle<Result<(), JournalError>>,
}

impl NodeThread {
    /// Makes durable what was taken, and ends the thread. Blocks until then.
    ///
    /// # Errors
    /// What kept the journal from holding everything.
    pub fn stop(self) -> Result<(), JournalError> {
        // If the thread is gone the join says why.
        let _ = self.node.0.queue.send(Event::Stop);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// What the node's thread holds.
struct Turn {
    node: Node,
    replica: Replica,
    writer: Option<Writer>,
    last_request: u64,
    replies: HashMap<u64, oneshot::Sender<Answer>>,
    stopping: bool,
}

impl Turn {
    fn run(mut self, events: Receiver<Event>) -> Result<(), JournalError> {
        while !(self.stopping && self.replies.is_empty()) {
            let Ok(event) = events.recv() else { break };
            self.take(event);
            for event in events.try_iter().take(TURN_EVENTS_MAX) {
                self.take(event);
            }
            while let Some(output) = self.replica.poll_output() {
                self.carry_out(output);
            }
        }
        // The journal must not wait for a queue that nobody empties any more.
        drop(events);
        self.writer.map_or(Ok(()), Writer::close)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Write { writes, reply } => {
                self.node.0.queued.fetch_sub(1, Ordering::Relaxed);
                self.last_request += 1;
                self.replies.insert(self.last_request, reply);
                let request = RequestId(self.last_request);
                self.replica.handle(Input::Write { request, writes });
            }
            Event::Journal(event) => self.journal(event),
            Event::Stop => self.stopping = true,
        }
    }

    fn journal(&mut self, event: writer::Event) {
        match event {
            writer::Event::Persisted(batch) => {
                self.replica.handle(Input::Persisted { batch: BatchId(batch.0) });
            }
            writer::Event::Stalled { error } => {
                tracing::error!(%error, "the disk is full: reads go on, writes wait for space");
                self.node.set_read_only(Some(error.to_string()));
                self.replica.handle(Input::JournalStalled);
            }
            writer::Event::Resumed => {
                tracing::info!("the disk has space again: writes go on");
                self.node.set_read_only(None);
            }
            writer::Event::Failed { error } => {
                tracing::error!(%error, "the journal has failed: reads go on, writes need a restart");
                self.node.set_read_only(Some(error.to_string()));
                self.replica.handle(Input::JournalFailed);
            }
            writer::Event::SnapshotWritten { bytes, took } => {
                tracing::info!(bytes, seconds = took.as_secs_f64(), "snapshot written");
            }
            writer::Event::SnapshotFailed { error } => {
                tracing::warn!(%error, "snapshot failed: the journal goes on, it is tried again");
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Persist { batch, delta } => match &self.writer {
                Some(writer) => writer.submit(writer::BatchId(batch.0), delta),
                None => self.replica.handle(Input::Persisted { batch }),
            },
            Output::Answer { request, answer } => {
                let reply = self.replies.remove(&request.0).expect("each request is answered once");
                // Whoever asked may have gone away.
                let _ = reply.send(answer);
            }
        }
    }
}
