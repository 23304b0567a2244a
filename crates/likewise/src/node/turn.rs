//! The event loop: turns what happens into inputs of the replica, and carries out each output.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use likewise_journal::error::JournalError;
use likewise_journal::writer::{self, Writer};
use likewise_replica::input::Input;
use likewise_replica::member::{LinkId, NodeId};
use likewise_replica::output::{Answer, BatchId, Output};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::view::Standing;
use likewise_replica::replica::Replica;
use likewise_replica::write::RequestId;
use tokio::sync::{mpsc, oneshot};

use super::{ClusterView, Event, Node};

/// Events that one turn of the loop takes before it carries out what came of them, so that a full queue
/// does not hold back the first answer for ever.
const TURN_EVENTS_MAX: usize = 4_096;

/// Time between two looks at the peers, for whoever asks how they are.
const VIEW_INTERVAL: Duration = Duration::from_millis(250);

/// What the node's thread holds.
pub(super) struct Turn {
    node: Node,
    replica: Replica,
    writer: Option<Writer>,
    /// The replica counts its time from here.
    started: Instant,
    last_request: u64,
    replies: HashMap<u64, oneshot::Sender<Answer>>,
    links: HashMap<LinkId, mpsc::Sender<Vec<u8>>>,
    links_overflowed: u64,
    flushes: Vec<oneshot::Sender<()>>,
    next_view: Duration,
    /// How this node last stood as a voter.
    standing: Option<Standing>,
    stopping: bool,
}

impl Turn {
    pub(super) fn new(
        me: NodeId,
        node: Node,
        writer: Option<Writer>,
        voting: Option<Voting>,
    ) -> Self {
        let replica = Replica::new(me, node.state().clone());
        Self {
            replica: match voting {
                Some(voting) => replica.with_voters(me, voting),
                None => replica,
            },
            standing: None,
            node,
            writer,
            started: Instant::now(),
            last_request: 0,
            replies: HashMap::new(),
            links: HashMap::new(),
            links_overflowed: 0,
            flushes: Vec::new(),
            next_view: Duration::ZERO,
            stopping: false,
        }
    }

    /// Runs until it is told to stop and nobody waits for an answer. Whoever has gone away was promised nothing:
    /// a request of theirs that waits for voters must not keep the node from stopping.
    pub(super) fn run(mut self, events: Receiver<Event>) -> Result<(), JournalError> {
        while !(self.stopping && self.replies.values().all(oneshot::Sender::is_closed)) {
            match self.next(&events) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => self.handle(Input::Tick),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            for event in events.try_iter().take(TURN_EVENTS_MAX) {
                self.take(event);
            }
            while let Some(output) = self.replica.poll_output() {
                self.carry_out(output);
            }
            self.look_around();
        }
        // The journal must not wait for a queue that nobody empties any more.
        drop(events);
        self.writer.map_or(Ok(()), Writer::close)
    }

    /// The next event, or a time-out when the replica has something to do.
    fn next(&self, events: &Receiver<Event>) -> Result<Event, RecvTimeoutError> {
        match self.replica.next_deadline() {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => events.recv_timeout(deadline.saturating_sub(self.started.elapsed())),
        }
    }

    fn handle(&mut self, input: Input) {
        self.replica.handle(input, self.started.elapsed());
    }

    /// Tells those who wait or ask how things stand.
    fn look_around(&mut self) {
        let shared = &self.node.0;
        // Never the other way: whoever has caught up stays so, and may have been told from outside.
        if self.replica.has_caught_up() {
            shared.catching_up.store(false, Ordering::Relaxed);
        }
        if !self.flushes.is_empty() && self.replica.is_flushed() {
            for done in self.flushes.drain(..) {
                // Whoever waited may have given up.
                let _ = done.send(());
            }
        }
        let now = self.started.elapsed();
        if now >= self.next_view {
            self.next_view = now + VIEW_INTERVAL;
            *shared.cluster.lock().unwrap_or_else(PoisonError::into_inner) = ClusterView {
                peers: self.replica.peers(),
                repair: self.replica.repair_figures(),
                links_overflowed: self.links_overflowed,
                votes: self.replica.votes(),
            };
        }
        let standing = self.replica.standing();
        if self.standing != standing {
            self.standing = standing;
            if let Some(standing) = standing {
                tracing::info!(standing = standing.as_str(), "this node's seat as a voter");
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Write { writes, reply } => {
                let request = self.remember(reply);
                self.handle(Input::Write { request, writes });
            }
            Event::Coordinate { operation, timeout, reply } => {
                let request = self.remember(reply);
                self.handle(Input::Coordinate { request, operation, timeout });
            }
            Event::Journal(event) => self.journal(event),
            Event::LinkOpened { link, peer, direction, outgoing } => {
                self.links.insert(link, outgoing);
                self.handle(Input::LinkOpened { link, peer, direction });
            }
            Event::Received { link, message, .. } => {
                self.handle(Input::Received { link, message });
            }
            Event::LinkClosed { link } => {
                self.links.remove(&link);
                self.handle(Input::LinkClosed { link });
            }
            Event::Alone => self.handle(Input::Alone),
            Event::Flush { done } => self.flushes.push(done),
            Event::Stop => self.stopping = true,
        }
    }

    /// Gives a request a number under which its answer will come.
    fn remember(&mut self, reply: oneshot::Sender<Answer>) -> RequestId {
        self.node.0.queued.fetch_sub(1, Ordering::Relaxed);
        self.last_request += 1;
        self.replies.insert(self.last_request, reply);
        RequestId(self.last_request)
    }

    fn journal(&mut self, event: writer::Event) {
        match event {
            writer::Event::Persisted(batch) => {
                self.node.0.persisting.end(batch.0);
                self.handle(Input::Persisted { batch: BatchId(batch.0) });
            }
            writer::Event::Stalled { error } => {
                tracing::error!(%error, "the journal can't grow: reads go on, writes wait until it can");
                self.node.set_read_only(Some(error.to_string()));
                self.handle(Input::JournalStalled);
            }
            writer::Event::Resumed => {
                tracing::info!("the journal can grow again: writes go on");
                self.node.set_read_only(None);
            }
            writer::Event::Failed { error } => {
                tracing::error!(%error, "the journal has failed: reads go on, writes need a restart");
                self.node.set_read_only(Some(error.to_string()));
                self.handle(Input::JournalFailed);
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
            Output::Persist { batch, delta, seats } => match &self.writer {
                Some(writer) => {
                    self.node.0.persisting.begin(batch.0, Instant::now());
                    writer.submit_with_seats(writer::BatchId(batch.0), delta, seats);
                }
                None => self.handle(Input::Persisted { batch }),
            },
            Output::Send { link, message } => {
                let Some(outgoing) = self.links.get(&link) else { return };
                // A full queue is a peer that does not read: it is repaired when it is back.
                if outgoing.try_send(message).is_err() && self.links.remove(&link).is_some() {
                    self.links_overflowed += 1;
                }
            }
            Output::Close { link, reason } => {
                if self.links.remove(&link).is_some() {
                    tracing::warn!(link = link.0, reason, "link closed");
                }
            }
            Output::Applied { peer, since, contexts } => {
                let took = self.started.elapsed().saturating_sub(since);
                let traces = self.node.traces();
                traces.into_iter().for_each(|it| it.applied(&peer, took, &contexts));
            }
            Output::Answer { request, answer } => {
                let reply = self.replies.remove(&request.0).expect("each request is answered once");
                // Whoever asked may have gone away.
                let _ = reply.send(answer);
            }
        }
    }
}
