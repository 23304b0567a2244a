//! The handle of a node, which everybody holds who reads, writes or brings messages. Behind it one thread
//! owns the replica: see [`turn`].
//!
//! ```text
//! HTTP tasks ──> queue ──> node thread (replica) ──> journal thread ──> queue ──> node thread ──> answer
//!      └──── reads go to the shared state directly, slot by slot ────┘
//! links  <──> queue <──> node thread
//! ```

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use likewise_journal::disk::Disk;
use likewise_journal::error::JournalError;
use likewise_journal::figures::{Board, Figures};
use likewise_journal::journal::Journal;
use likewise_journal::writer::{self, Writer};
use likewise_replica::member::{Direction, LinkId, NodeId, Peer};
use likewise_replica::output::Answer;
use likewise_replica::peers::{PeerView, RepairFigures};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::request::{Agreed, Operation, Shortfall};
use likewise_replica::quorum::view::View;
use likewise_replica::write::{Outcome, Refusal, Writes};
use likewise_state::state::State;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::traces::{Traces, Waiting};

mod turn;

mod persisting;

use persisting::Persisting;
use turn::Turn;

/// Events that wait for the node's thread. One more request is shed; the journal waits for its turn.
const QUEUE_MAX: usize = 16_384;

/// Messages of peers that wait for the node's thread. A link that has one more waits with it, and so does
/// the peer at its other end.
const RECEIVED_MAX: usize = 256;

/// How long a message of a peer rests where clients have filled the queue, before it tries again.
const QUEUE_REST: Duration = Duration::from_millis(1);

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
    persisting: Persisting,
    /// Why no write is taken at present.
    read_only: Mutex<Option<String>>,
    draining: AtomicBool,
    catching_up: AtomicBool,
    next_link: AtomicU64,
    received: Arc<Semaphore>,
    cluster: Mutex<ClusterView>,
    traces: OnceLock<Traces>,
}

/// The cluster as the node's thread last saw it.
#[derive(Clone, Debug, Default)]
pub struct ClusterView {
    /// The peers that there is a link with.
    pub peers: Vec<PeerView>,
    /// What repair has done.
    pub repair: RepairFigures,
    /// Links that were closed because their queue was full.
    pub links_overflowed: u64,
    /// Votes, where there are voters.
    pub votes: Option<View>,
}

enum Event {
    Write { writes: Writes, reply: oneshot::Sender<Answer> },
    Coordinate { operation: Operation, timeout: Duration, reply: oneshot::Sender<Answer> },
    Journal(writer::Event),
    LinkOpened { link: LinkId, peer: Peer, direction: Direction, outgoing: mpsc::Sender<Vec<u8>> },
    Received { link: LinkId, message: Vec<u8>, _permit: OwnedSemaphorePermit },
    LinkClosed { link: LinkId },
    Alone,
    Flush { done: oneshot::Sender<()> },
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

/// Why the voters do not stand behind an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoteError {
    /// The node was not told of any.
    NoVoters,
    /// Too few of them answered in time, or never alike.
    Short(Shortfall),
    /// The write was not done, and will not be.
    Refused(Refusal),
    /// The node takes no such request at present.
    Write(WriteError),
}

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
    /// Gauge: how long the journal has had the oldest batch that it has not made durable.
    pub persisting: Duration,
    /// Gauge: writes that wait for the node's thread.
    pub queued: u64,
    /// Requests that were shed because too much was waiting.
    pub shed: u64,
    /// Gauge: whether writes are refused because of the disk.
    pub read_only: bool,
}

impl Node {
    /// Starts the node's thread over a recovered state, and the journal's beside it. Without a journal
    /// nothing is kept. A node of a cluster is not ready until it has caught up with a peer, or has been
    /// told that it is [alone](Self::alone).
    ///
    /// # Panics
    /// Where the system can't start a thread.
    #[must_use]
    pub fn start<D: Disk>(
        me: NodeId,
        name: String,
        state: Arc<State>,
        journal: Option<Journal<D>>,
        voting: Option<Voting>,
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
            persisting: Persisting::default(),
            read_only: Mutex::new(None),
            draining: AtomicBool::new(false),
            catching_up: AtomicBool::new(true),
            next_link: AtomicU64::new(0),
            received: Arc::new(Semaphore::new(RECEIVED_MAX)),
            cluster: Mutex::default(),
            traces: OnceLock::new(),
        }));
        let turn = Turn::new(me, node.clone(), writer, voting);
        let thread = std::thread::Builder::new().name("node".to_owned());
        let thread = thread.spawn(move || turn.run(events)).expect("the system starts a thread");
        (node.clone(), NodeThread { node, thread })
    }

    /// The likes, for reading. Only the node's thread writes to them.
    #[must_use]
    pub fn state(&self) -> &Arc<State> {
        &self.0.state
    }

    /// Makes spans of what the node does from now on. A second call changes nothing.
    pub fn trace(&self, traces: Traces) {
        let _ = self.0.traces.set(traces);
    }

    /// Where spans go, where they go anywhere.
    #[must_use]
    pub fn traces(&self) -> Option<&Traces> {
        self.0.traces.get()
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
        let mut span = self.traces().and_then(Traces::commit);
        let writes = match &span {
            Some(span) => writes.traced(span.context()),
            None => writes,
        };
        let written = match self.ask(|reply| Event::Write { writes, reply }).await {
            Ok(Answer::Done(outcomes)) => Ok(outcomes),
            Ok(Answer::Overloaded) => Err(self.shed()),
            Ok(_) => Err(WriteError::ReadOnly { detail: self.read_only_detail() }),
            Err(error) => Err(error),
        };
        span.iter_mut().filter(|_| written.is_err()).for_each(Waiting::failed);
        written
    }

    /// Puts a request before the node's thread, and waits for its answer.
    async fn ask(
        &self,
        event: impl FnOnce(oneshot::Sender<Answer>) -> Event,
    ) -> Result<Answer, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.0.queued.fetch_add(1, Ordering::Relaxed);
        self.0.queue.try_send(event(reply)).map_err(|error| {
            self.0.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => self.shed(),
                TrySendError::Disconnected(_) => WriteError::ShuttingDown,
            }
        })?;
        answer.await.map_err(|_| WriteError::ShuttingDown)
    }

    /// Does what the voters are to stand behind, within `timeout`.
    ///
    /// # Errors
    /// Why they do not.
    pub async fn coordinate(
        &self,
        operation: Operation,
        timeout: Duration,
    ) -> Result<Agreed, VoteError> {
        let mut span = self.traces().and_then(|traces| traces.votes(operation.level()));
        let operation = match &span {
            Some(span) => operation.traced(span.context()),
            None => operation,
        };
        let asked = self.ask(|reply| Event::Coordinate { operation, timeout, reply }).await;
        let agreed = self.agreed(asked);
        span.iter_mut().for_each(|span| match &agreed {
            Ok(agreed) => span.rounds(agreed.rounds),
            Err(_) => span.failed(),
        });
        agreed
    }

    fn agreed(&self, asked: Result<Answer, WriteError>) -> Result<Agreed, VoteError> {
        match asked.map_err(VoteError::Write)? {
            Answer::Agreed(agreed) => Ok(agreed),
            Answer::Short(shortfall) => Err(VoteError::Short(shortfall)),
            Answer::Refused(refusal) => Err(VoteError::Refused(refusal)),
            Answer::NoVoters => Err(VoteError::NoVoters),
            Answer::Overloaded => Err(VoteError::Write(self.shed())),
            Answer::Unavailable | Answer::Done(_) => {
                let detail = self.read_only_detail();
                Err(VoteError::Write(WriteError::ReadOnly { detail }))
            }
        }
    }

    /// Votes as they stood a quarter of a second ago at most, where there are voters.
    #[must_use]
    pub fn votes(&self) -> Option<View> {
        self.0.cluster.lock().unwrap_or_else(PoisonError::into_inner).votes.clone()
    }

    fn shed(&self) -> WriteError {
        self.0.shed.fetch_add(1, Ordering::Relaxed);
        WriteError::Overloaded
    }

    /// There is nobody to catch up with: this node is alone, or the first of its cluster.
    pub fn alone(&self) {
        // At once: a node by itself is ready from the start.
        self.0.catching_up.store(false, Ordering::Relaxed);
        // If the thread is gone nobody asks any more.
        let _ = self.0.queue.send(Event::Alone);
    }

    /// Waits until all peers have acknowledged all that was mailed to them.
    pub async fn flushed(&self) {
        let (done, flushed) = oneshot::channel();
        if self.0.queue.send(Event::Flush { done }).is_ok() {
            let _ = flushed.await;
        }
    }

    /// The cluster as this node sees it, a quarter of a second old at most while anything happens.
    #[must_use]
    pub fn cluster(&self) -> ClusterView {
        self.0.cluster.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// There is a link. Dropping `outgoing` is how the node closes it.
    pub fn link_opened(
        &self,
        peer: Peer,
        direction: Direction,
        outgoing: mpsc::Sender<Vec<u8>>,
    ) -> LinkId {
        let link = LinkId(self.0.next_link.fetch_add(1, Ordering::Relaxed));
        let _ = self.0.queue.send(Event::LinkOpened { link, peer, direction, outgoing });
        link
    }

    /// A message has come in. Waits while the node is busy: that holds the peer back.
    pub async fn link_received(&self, link: LinkId, message: Vec<u8>) {
        let permit = self.0.received.clone().acquire_owned().await.expect("it is never closed");
        let mut event = Event::Received { link, message, _permit: permit };
        loop {
            match self.0.queue.try_send(event) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(same)) => event = same,
            }
            tokio::time::sleep(QUEUE_REST).await;
        }
    }

    /// A link is gone.
    pub fn link_closed(&self, link: LinkId) {
        let _ = self.0.queue.send(Event::LinkClosed { link });
    }

    /// Says "not ready" from now on, so that load balancers send new requests elsewhere.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the node is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// How the node is.
    #[must_use]
    pub fn status(&self) -> Status {
        let read_only = self.read_only();
        let writable = read_only.is_none();
        if self.is_draining() {
            return Status { ready: false, writable, detail: "shutting down".to_owned() };
        }
        if let Some(detail) = read_only {
            return Status { ready: false, writable, detail };
        }
        if self.0.catching_up.load(Ordering::Relaxed) {
            return Status { ready: false, writable, detail: self.catching_up_detail() };
        }
        Status { ready: true, writable, detail: "recovered and writable".to_owned() }
    }

    /// Counters and gauges.
    #[must_use]
    pub fn figures(&self) -> NodeFigures {
        NodeFigures {
            journal: self.0.journal.as_ref().map(Board::read),
            persisting: self.0.persisting.longest(Instant::now()),
            queued: self.0.queued.load(Ordering::Relaxed),
            shed: self.0.shed.load(Ordering::Relaxed),
            read_only: self.read_only().is_some(),
        }
    }

    /// What a node that catches up waits for: somebody to catch up with, or what they hold.
    fn catching_up_detail(&self) -> String {
        let linked = self.0.cluster.lock().unwrap_or_else(PoisonError::into_inner).peers.len();
        let why = match linked {
            0 => "no link to any member yet".to_owned(),
            1 => "1 member linked".to_owned(),
            _ => format!("{linked} members linked"),
        };
        format!("catching up with the cluster: {why}")
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

#[cfg(test)]
mod tests;
