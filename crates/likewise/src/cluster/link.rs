//! Carries messages over one link until it breaks.
//!
//! A frame of the stream is one of three things:
//!
//! | first byte | what |
//! |---|---|
//! | none | a sign of life, when there was nothing else to send |
//! | 0 | a notice of the membership follows |
//! | other | a message of the replica, this byte included |

use std::time::Duration;

use likewise_replica::member::{Direction, Peer};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use crate::cluster::gossip::Command;
use crate::cluster::handshake::Opened;
use crate::cluster::link_error::LinkError;
use crate::cluster::metered::Metered;
use crate::cluster::stream::{FrameReader, FrameWriter};
use crate::node::Node;

/// Messages of the replica that wait for the network. One more closes the link: whoever does not read for
/// so long is repaired when it is back. Frames are 32 at most; the rest is for votes, a message a turn of the
/// node's thread, which may turn many times before this task does.
const OUTGOING_MAX: usize = 1_024;

/// Notices that wait for the network. One more is dropped, and comes again.
const NOTICES_MAX: usize = 16;

/// Messages that are sealed together at most before they leave.
const BATCH_MAX: usize = 16;

/// Time between two signs of life.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Without a sign of life for so long a link is dead, whatever TCP says.
const SILENCE_MAX: Duration = Duration::from_secs(6);

/// How long the other side may take to make room for what is to be sent.
const WRITE_TIME: Duration = Duration::from_secs(10);

const NOTICE: u8 = 0;

type Connection = Metered<TcpStream>;

/// The two directions of an open link.
pub(crate) struct LinkStream {
    reader: FrameReader<ReadHalf<Connection>>,
    writer: FrameWriter<WriteHalf<Connection>>,
    /// The version of the protocol that both sides speak.
    version: u8,
}

impl LinkStream {
    pub(crate) fn new(opened: Opened<Connection>) -> Self {
        let Opened { reader, writer, version, .. } = opened;
        Self { reader, writer, version }
    }
}

/// Tells the node of its link, when that is dropped too.
struct Registered<'a> {
    node: &'a Node,
    link: likewise_replica::member::LinkId,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.node.link_closed(self.link);
    }
}

/// Carries messages between `node` and `peer` until the link breaks, or the node closes it.
pub(crate) async fn carry(
    node: &Node,
    commands: &mpsc::Sender<Command>,
    stream: LinkStream,
    peer: Peer,
    direction: Direction,
) -> Result<(), LinkError> {
    let (outgoing, messages) = mpsc::channel(OUTGOING_MAX);
    let (told, notices) = mpsc::channel(NOTICES_MAX);
    let introduced = Command::Introduced { peer: peer.clone(), notices: told };
    // The task ends only with the node.
    let _ = commands.send(introduced).await;
    let LinkStream { reader, writer, version } = stream;
    tracing::debug!(peer = peer.name, ?direction, version, "link opened");
    let registered = Registered { node, link: node.link_opened(peer, direction, outgoing) };
    tokio::select! {
        ended = receive(&registered, commands, reader) => ended,
        ended = send(writer, messages, notices) => ended,
    }
}

async fn receive(
    registered: &Registered<'_>,
    commands: &mpsc::Sender<Command>,
    mut reader: FrameReader<ReadHalf<Connection>>,
) -> Result<(), LinkError> {
    loop {
        let frame = timeout(SILENCE_MAX, reader.next()).await.map_err(|_| LinkError::Silent)??;
        let Some(frame) = frame else { return Ok(()) };
        match frame.first() {
            None => {}
            Some(&NOTICE) => drop(commands.send(Command::Told(frame[1..].to_vec())).await),
            // Waits while the node is busy: then the stream fills up, and the peer waits too.
            Some(_) => registered.node.link_received(registered.link, frame).await,
        }
    }
}

async fn send(
    mut writer: FrameWriter<WriteHalf<Connection>>,
    mut messages: mpsc::Receiver<Vec<u8>>,
    mut notices: mpsc::Receiver<Vec<u8>>,
) -> Result<(), LinkError> {
    let mut keep_alive = interval(KEEP_ALIVE);
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            received = messages.recv_many(&mut batch, BATCH_MAX) => {
                // The node closes the link.
                if received == 0 {
                    return Ok(());
                }
                for message in batch.drain(..) {
                    writer.write(&message)?;
                }
                keep_alive.reset();
            }
            Some(notice) = notices.recv() => {
                writer.write(&[&[NOTICE], &*notice].concat())?;
            }
            _ = keep_alive.tick() => writer.write(&[])?,
        }
        timeout(WRITE_TIME, writer.flush()).await.map_err(|_| LinkError::Stuck)??;
    }
}
