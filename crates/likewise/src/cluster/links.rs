//! Keeps a link to every member that takes part, and takes the links that others open.
//!
//! Each direction of a pair has a link of its own: the node that opened it mails on it, the other one
//! acknowledges. A member that is down is not dialled, but a link that still works is kept; a member that
//! left, is forgotten or is in another life loses its link at once.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use likewise_replica::backoff::Backoff;
use likewise_replica::limits::PEERS_MAX;
use likewise_replica::member::{Direction, NodeId, Peer};
use likewise_replica::membership::{Target, Targets};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::cluster::callers::{Call, Callers};
use crate::cluster::complaints::Complaints;
use crate::cluster::gossip::Command;
use crate::cluster::handshake::Versions;
use crate::cluster::hello::{Hello, HelloError};
use crate::cluster::link::{self, LinkStream};
use crate::cluster::link_error::LinkError;
use crate::cluster::metered::Metered;
use crate::cluster::secret::Secret;
use crate::cluster::{Shared, handshake};

/// How long a connection and its handshake may take. Then it is dropped.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// Links that others have opened. One more is closed at once.
const INCOMING_MAX: usize = 2 * PEERS_MAX;

/// How long accepting rests after an error of the system.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What all links of a node share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Links(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    secret: Arc<Secret>,
    versions: Versions,
    commands: mpsc::Sender<Command>,
    /// About links that this node opened or tried to open.
    of_members: Mutex<Complaints>,
    /// About links from outside, which anybody can try to open: they must not crowd out those above.
    of_callers: Mutex<Complaints>,
    /// The link that each peer has opened; its newest one, if an older one has not noticed its end yet.
    incoming: Mutex<HashMap<NodeId, AbortHandle>>,
    callers: Callers,
}

/// Why there is no link.
enum Refusal {
    Io(io::Error),
    TooSlow,
    Link(LinkError),
    Hello(HelloError),
    /// Another node is at the address of the one that was meant.
    Stranger(NodeId),
    /// A node with this node's own id.
    Twin,
    /// Too many connections from one address have not said who they are.
    TooManyCalls,
    /// There are as many links from outside as there may be.
    TooManyLinks,
}

impl Links {
    pub(crate) fn new(
        shared: Arc<Shared>,
        secret: Arc<Secret>,
        versions: Versions,
        commands: mpsc::Sender<Command>,
    ) -> Self {
        Self(Arc::new(Inner {
            shared,
            secret,
            versions,
            commands,
            of_members: Mutex::default(),
            of_callers: Mutex::default(),
            incoming: Mutex::default(),
            callers: Callers::new(),
        }))
    }

    /// Runs until the node has left.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        mut targets: watch::Receiver<Targets>,
        mut left: watch::Receiver<bool>,
    ) {
        let mut dialled: BTreeMap<NodeId, watch::Sender<Target>> = BTreeMap::new();
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = tasks.join_next() => {}
                _ = left.changed() => break,
                Ok(()) = targets.changed() => {
                    let wanted = targets.borrow_and_update().clone();
                    // Dropping the sender ends the task.
                    dialled.retain(|node, _| wanted.contains_key(node));
                    for (node, target) in wanted {
                        dialled.entry(node).and_modify(|known| {
                            known.send_if_modified(|known| std::mem::replace(known, target) != target);
                        }).or_insert_with(|| {
                            let (sender, receiver) = watch::channel(target);
                            tasks.spawn(self.clone().keep(receiver));
                            sender
                        });
                    }
                }
                (room, accepted) = async {
                    (self.0.callers.room().await, listener.accept().await)
                } => match accepted {
                    Ok((stream, from)) => {
                        let Some(call) = self.0.callers.enter(from.ip(), room) else {
                            self.refused(Direction::Incoming, from, &Refusal::TooManyCalls);
                            continue;
                        };
                        let links = self.clone();
                        let (start, started) = tokio::sync::oneshot::channel();
                        let task = tasks.spawn(async move {
                            let Ok(handle) = started.await else { return };
                            links.serve(stream, from, call, handle).await;
                        });
                        let _ = start.send(task);
                    }
                    Err(error) => {
                        tracing::error!(%error, "can't accept links: trying again in a moment");
                        sleep(ACCEPT_REST).await;
                    }
                },
            }
        }
    }

    /// Keeps a link to one member for as long as it is wanted.
    async fn keep(self, mut target: watch::Receiver<Target>) {
        let mut backoff = Backoff::new(self.0.shared.me.node, target.borrow().identity.node);
        loop {
            let goal = *target.borrow_and_update();
            if !goal.dial {
                if target.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let figures = &self.0.shared.figures;
            figures.link_attempts.fetch_add(1, Ordering::Relaxed);
            match self.dial(goal).await {
                Ok((stream, peer)) => {
                    let opened = Instant::now();
                    let changed = until_other(&mut target, goal);
                    let ended = tokio::select! {
                        ended = self.carry(stream, peer, Direction::Outgoing) => Some(ended),
                        () = changed => None,
                    };
                    if let Some(Err(error)) = ended {
                        self.broke(Direction::Outgoing, goal.identity.address, &error);
                    }
                    backoff.link_ended(opened.elapsed());
                }
                Err(refusal) => {
                    figures.link_failures.fetch_add(1, Ordering::Relaxed);
                    self.refused(Direction::Outgoing, goal.identity.address, &refusal);
                }
            }
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                changed = target.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn dial(&self, target: Target) -> Result<(LinkStream, Peer), Refusal> {
        let address = target.identity.address;
        let opening = async {
            let stream = TcpStream::connect(address).await.map_err(Refusal::Io)?;
            stream.set_nodelay(true).map_err(Refusal::Io)?;
            let stream = Metered::new(stream, self.0.shared.figures.links.clone());
            let hello = self.hello();
            let versions = self.0.versions;
            let opened = handshake::open(stream, &self.0.secret, &hello, versions).await;
            opened.map_err(Refusal::Link)
        };
        let opened = timeout(HANDSHAKE_TIME, opening).await.map_err(|_| Refusal::TooSlow)??;
        let peer = self.greet(&opened.hello)?;
        if peer.node == target.identity.node {
            Ok((LinkStream::new(opened), peer))
        } else {
            Err(Refusal::Stranger(peer.node))
        }
    }

    /// Takes a connection from outside and serves its link until it ends.
    async fn serve(self, stream: TcpStream, from: SocketAddr, call: Call, handle: AbortHandle) {
        let opening = async {
            stream.set_nodelay(true).map_err(Refusal::Io)?;
            let stream = Metered::new(stream, self.0.shared.figures.links.clone());
            let hello = self.hello();
            let opened = handshake::accept(stream, &self.0.secret, &hello, self.0.versions).await;
            let opened = opened.map_err(Refusal::Link)?;
            let peer = self.greet(&opened.hello)?;
            Ok((LinkStream::new(opened), peer))
        };
        let opened = timeout(HANDSHAKE_TIME, opening).await.unwrap_or(Err(Refusal::TooSlow));
        drop(call);
        let (stream, peer) = match opened {
            Ok(opened) => opened,
            Err(refusal) => return self.refused(Direction::Incoming, from, &refusal),
        };
        let node = peer.node;
        let id = handle.id();
        {
            let mut incoming = self.0.incoming.lock().unwrap_or_else(PoisonError::into_inner);
            incoming.retain(|_, link| !link.is_finished());
            if incoming.len() >= INCOMING_MAX {
                return self.refused(Direction::Incoming, from, &Refusal::TooManyLinks);
            }
            // The peer has opened a new one because the old one is no good.
            if let Some(old) = incoming.insert(node, handle) {
                old.abort();
            }
        }
        if let Err(error) = self.carry(stream, peer, Direction::Incoming).await {
            self.broke(Direction::Incoming, from, &error);
        }
        let mut incoming = self.0.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        if incoming.get(&node).is_some_and(|link| link.id() == id) {
            incoming.remove(&node);
        }
    }

    async fn carry(
        &self,
        stream: LinkStream,
        peer: Peer,
        direction: Direction,
    ) -> Result<(), LinkError> {
        let Inner { shared, commands, .. } = &*self.0;
        link::carry(&shared.node, commands, stream, peer, direction).await
    }

    fn hello(&self) -> Vec<u8> {
        Hello::new(&self.0.shared.me(), &self.0.secret.digest_key()).encode()
    }

    fn greet(&self, hello: &[u8]) -> Result<Peer, Refusal> {
        let peer = Hello::read(hello, &self.0.secret.digest_key()).map_err(Refusal::Hello)?;
        if peer.node == self.0.shared.me.node { Err(Refusal::Twin) } else { Ok(peer) }
    }

    fn refused(&self, direction: Direction, address: SocketAddr, refusal: &Refusal) {
        let what = match direction {
            Direction::Outgoing => "a link could not be opened",
            Direction::Incoming => "a link from outside was refused",
        };
        let (reason, why) = match refusal {
            Refusal::Io(error) => ("connect", error.to_string()),
            Refusal::TooSlow => ("slow", format!("it took more than {HANDSHAKE_TIME:?}")),
            Refusal::Link(error) => (error.reason(), error.to_string()),
            Refusal::Hello(error) => ("hello", error.to_string()),
            Refusal::Stranger(node) => ("stranger", format!("node {node} is there now")),
            Refusal::Twin => (
                "twin",
                "it has the identity of this node: it runs on a copy of its data folder. Stop it, \
                 and start it with an empty one"
                    .to_owned(),
            ),
            Refusal::TooManyCalls => (
                "too-many",
                "too many connections from there have not said yet who they are".to_owned(),
            ),
            Refusal::TooManyLinks => (
                "too-many",
                format!("there are {INCOMING_MAX} already, for {PEERS_MAX} peers at most"),
            ),
        };
        self.0.shared.figures.links_refused.count(reason);
        self.complain(direction, address, reason, &format!("{what}: {why}"));
    }

    fn broke(&self, direction: Direction, address: SocketAddr, error: &LinkError) {
        self.0.shared.figures.links_broken.count(error.reason());
        // Whoever goes, and whoever goes with it, cuts links: that is how it should be.
        if self.0.shared.node.is_draining() {
            return;
        }
        self.complain(direction, address, error.reason(), &format!("link broke: {error}"));
    }

    fn complain(
        &self,
        direction: Direction,
        address: SocketAddr,
        reason: &'static str,
        text: &str,
    ) {
        let about: IpAddr = address.ip();
        let complaints = match direction {
            Direction::Outgoing => &self.0.of_members,
            Direction::Incoming => &self.0.of_callers,
        };
        let mut complaints = complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.is_due(about, reason, Instant::now()) {
            tracing::warn!(%address, reason, "{text}");
        }
    }
}

/// Waits until a link for `goal` should end: the member is gone, or is another one.
async fn until_other(target: &mut watch::Receiver<Target>, goal: Target) {
    // An error means that nobody wants a link any more.
    drop(target.wait_for(|now| now.identity != goal.identity).await);
}
