//! A node among others: who they are, the links to them, and how what they say to each other is sealed.
//!
//! ```text
//! gossip (UDP) ──> membership ──> whom to link to ──> links (TCP) <──> node thread (replica)
//!       one task owns the membership                    a task a link
//! ```
//!
//! [`secret`] is what all nodes of a cluster know and nobody else does. Under keys that come from it,
//! [`packet`] seals the gossip and [`stream`] the links, once [`handshake`] has found that both sides may
//! and can talk to each other. `gossip` drives the membership, `seeds` finds whom to ask, `links` keeps a
//! link to every member that takes part, `link` carries messages over one.
//!
//! What the membership says of a member decides what becomes of the link that this node has opened to it.
//! The outbox belongs to that link: it ends with it, and a new link begins with an empty one and a repair.
//!
//! | member | link to it | outbox for it |
//! |---|---|---|
//! | alive or suspect | opened, and opened again after each break | filled and mailed while there is a link |
//! | down | kept while it works, not opened again | as long as the link: it may only be gossip that is lost |
//! | left or forgotten | closed at once | dropped: what it lacks it gets by repair, if it comes back |
//! | in another life, or elsewhere | closed, and opened to where it is now | dropped: a repair tells what it lacks |
//!
//! The link that a member has opened to this node is not touched by any of this: it ends when the member
//! closes it, opens a new one, or is silent for too long.
//!
//! No task here ever waits for another one while packets wait for it: what can't be handed on at once is
//! dropped and counted, and comes again.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use likewise_replica::member::{NodeId, Peer};
use likewise_replica::membership::{ForgetError, Happened, Identity, Member, MemberState, Targets};
use likewise_replica::peers::PeerView;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::cluster::gossip::{Command, Gossip};
use crate::cluster::handshake::Versions;
use crate::cluster::links::Links;
use crate::cluster::metered::Traffic;
use crate::cluster::secret::Secret;
use crate::cluster::seeds::Seeds;
use crate::node::Node;

pub mod secret;

pub mod key_file;

pub mod packet;

pub mod handshake;

pub mod stream;

pub mod link_error;

pub(crate) mod seeds;

mod gossip;

pub(crate) mod hello;

mod callers;

mod links;

mod link;

mod metered;

mod complaints;

/// Commands that wait for the gossip task. One more waits outside.
const COMMANDS_MAX: usize = 256;

/// Events that a slow listener may lag behind. Beyond that it is told how many it has missed.
const EVENTS_MAX: usize = 256;

/// How long a node that leaves waits for its peers to acknowledge what it has mailed. Then it goes all the
/// same: what it holds is on its disk.
pub const FLUSH_TIME: Duration = Duration::from_secs(5);

/// Ports that are tried where the system may choose one and it is free for TCP but not for UDP.
const PORTS_TRIED_MAX: usize = 32;

/// A node's handle of its cluster. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

pub(crate) struct Shared {
    cluster: String,
    /// This node, as it was when it started.
    me: Peer,
    incarnation: AtomicU64,
    address: Option<SocketAddr>,
    node: Node,
    started: SystemTime,
    members: Mutex<Vec<Member>>,
    targets: watch::Sender<Targets>,
    events: broadcast::Sender<MemberEvent>,
    figures: ClusterFigures,
    commands: Option<mpsc::Sender<Command>>,
    /// Whether somebody has asked this node to leave.
    leave_asked: watch::Sender<bool>,
    /// Whether it has left.
    left: watch::Sender<bool>,
}

/// Something that happened to a member, as it is told to whoever listens.
#[derive(Clone, Debug)]
pub struct MemberEvent {
    /// What.
    pub what: Happened,
    /// To whom; as it is now.
    pub member: Member,
    /// When.
    pub at: SystemTime,
}

/// A member as this node sees it.
#[derive(Clone, Debug)]
pub struct MemberView {
    /// Who it is.
    pub node: NodeId,
    /// Whether it is this node.
    pub is_self: bool,
    /// Its name, once there was a link.
    pub name: Option<String>,
    /// Where it takes gossip and links; `None` for a node by itself.
    pub address: Option<SocketAddr>,
    /// Where it serves HTTP, once there was a link.
    pub http: Option<String>,
    /// How it is.
    pub state: MemberState,
    /// Since when.
    pub since: SystemTime,
    /// Which of its lives it is in.
    pub incarnation: u64,
    /// What is known by the links to it.
    pub link: Option<PeerView>,
}

/// Counters of gossip and links.
#[derive(Debug, Default)]
pub(crate) struct ClusterFigures {
    pub(crate) packets_sent: AtomicU64,
    pub(crate) packets_received: AtomicU64,
    pub(crate) packet_bytes_sent: AtomicU64,
    pub(crate) packet_bytes_received: AtomicU64,
    pub(crate) packets_dropped: AtomicU64,
    pub(crate) packets_refused: Reasons,
    pub(crate) links_refused: Reasons,
    pub(crate) links_broken: Reasons,
    pub(crate) link_attempts: AtomicU64,
    pub(crate) link_failures: AtomicU64,
    pub(crate) links: Arc<Traffic>,
}

impl ClusterFigures {
    fn new() -> Self {
        Self {
            packets_refused: Reasons::new(["cluster", "secret", "stale", "forged", "not_likewise"]),
            links_refused: Reasons::new([
                "cluster",
                "secret",
                "version",
                "not_likewise",
                "connect",
            ]),
            links_broken: Reasons::new(["connection", "silent", "stuck"]),
            ..Self::default()
        }
    }
}

/// Counts by reason. There are as many as the code has words for.
#[derive(Debug, Default)]
pub(crate) struct Reasons(Mutex<BTreeMap<&'static str, u64>>);

impl Reasons {
    /// Counts that begin at 0, so that the first of each is seen to be one more.
    fn new<const N: usize>(reasons: [&'static str; N]) -> Self {
        Self(Mutex::new(reasons.map(|reason| (reason, 0)).into()))
    }

    pub(crate) fn count(&self, reason: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    pub(crate) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The sockets of a cluster address.
pub(crate) struct Sockets {
    pub(crate) tcp: TcpListener,
    pub(crate) udp: UdpSocket,
    pub(crate) address: SocketAddr,
}

impl Sockets {
    /// Takes the address for TCP and UDP; with port 0, one that is free for both.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            let tcp = TcpListener::bind(address).await?;
            let bound = tcp.local_addr()?;
            match UdpSocket::bind(bound).await {
                Ok(udp) => return Ok(Self { tcp, udp, address: bound }),
                Err(error) if address.port() != 0 || tries >= PORTS_TRIED_MAX => return Err(error),
                Err(_) => {}
            }
        }
    }
}

/// What a node needs to know to take part.
pub(crate) struct Start<'a> {
    pub(crate) cluster: String,
    pub(crate) me: Peer,
    pub(crate) advertise: SocketAddr,
    pub(crate) join: Vec<String>,
    pub(crate) data: Option<&'a Path>,
    pub(crate) secret: Secret,
    pub(crate) versions: Versions,
    pub(crate) seed: u64,
}

impl Cluster {
    /// A node by itself.
    #[must_use]
    pub fn solitary(cluster: String, me: Peer, node: Node) -> Self {
        node.alone();
        Self(Arc::new(Shared::new(cluster, me, None, node, None)))
    }

    /// Takes part: from now on others can find this node, and it looks for them.
    pub(crate) fn start(start: Start<'_>, sockets: Sockets, node: Node) -> Self {
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let Start { cluster, me, advertise, join, data, secret, versions, seed } = start;
        let identity = Identity { node: me.node, incarnation: me.incarnation, address: advertise };
        let shared =
            Arc::new(Shared::new(cluster, me, Some(advertise), node, Some(commands.clone())));
        let secret = Arc::new(secret);
        let seeds = Seeds::new(join, data);
        if seeds.is_empty() {
            shared.node.alone();
        }
        let targets = shared.targets.subscribe();
        let links = Links::new(shared.clone(), secret.clone(), versions, commands.clone());
        let gossip = Gossip::new(identity, seed, sockets.udp, secret, shared.clone(), seeds);
        tokio::spawn(gossip.run(queue, commands));
        tokio::spawn(links.run(sockets.tcp, targets, shared.left.subscribe()));
        Self(shared)
    }

    /// The name of the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.cluster
    }

    /// The node that this is the cluster of.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// Where other nodes reach this one; `None` for a node by itself.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// All members that this node knows, itself first, the others by name.
    #[must_use]
    pub fn members(&self) -> Vec<MemberView> {
        let shared = &self.0;
        let mut peers: BTreeMap<NodeId, PeerView> =
            shared.node.cluster().peers.into_iter().map(|peer| (peer.peer.node, peer)).collect();
        let members = shared.members.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let others = members.into_iter().map(|member| MemberView {
            node: member.identity.node,
            is_self: false,
            name: member.name,
            address: Some(member.identity.address),
            http: member.http,
            state: member.state,
            since: shared.started + member.since,
            incarnation: member.identity.incarnation,
            link: peers.remove(&member.identity.node),
        });
        let mut others: Vec<MemberView> = others.collect();
        others.sort_by(|a, b| (&a.name, a.node).cmp(&(&b.name, b.node)));
        [self.myself()].into_iter().chain(others).collect()
    }

    fn myself(&self) -> MemberView {
        let shared = &self.0;
        MemberView {
            node: shared.me.node,
            is_self: true,
            name: Some(shared.me.name.clone()),
            address: shared.address,
            http: Some(shared.me.http.clone()),
            state: MemberState::Alive,
            since: shared.started,
            incarnation: shared.incarnation.load(Ordering::Relaxed),
            link: None,
        }
    }

    /// What happens to members from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<MemberEvent> {
        self.0.events.subscribe()
    }

    /// Forgets a member that will not come back, by name or, where it has none, by id.
    ///
    /// # Errors
    /// Where there is nobody to forget.
    pub async fn forget(&self, name: &str) -> Result<(), ForgetError> {
        let is_it = |member: &MemberView| {
            member.name.as_deref() == Some(name) || member.node.to_string() == name
        };
        let mut members: Vec<MemberView> = self.members().into_iter().filter(is_it).collect();
        // A wiped node has the name of the one that it replaced: the lost one is meant.
        members.sort_by_key(|member| member.state.is_active());
        let node = members.first().ok_or(ForgetError::Unknown)?.node;
        let Some(commands) = &self.0.commands else { return Err(ForgetError::Active) };
        let (done, forgotten) = oneshot::channel();
        let _ = commands.send(Command::Forget { node, done }).await;
        // The task has gone only where the node goes too.
        forgotten.await.unwrap_or(Err(ForgetError::Unknown))
    }

    /// Asks the whole node to leave and stop, as SIGTERM does.
    pub fn ask_to_leave(&self) {
        self.0.leave_asked.send_replace(true);
    }

    /// Answers once [`Self::ask_to_leave`] was called.
    pub async fn asked_to_leave(&self) {
        let mut leave = self.0.leave_asked.subscribe();
        // The sender lives as long as this handle.
        let _ = leave.wait_for(|&leave| leave).await;
    }

    /// Hands over what peers have not acknowledged, as far as they take it, and goes.
    pub(crate) async fn leave(&self) {
        let Some(commands) = &self.0.commands else { return };
        if timeout(FLUSH_TIME, self.0.node.flushed()).await.is_err() {
            tracing::warn!("not all peers have acknowledged everything: it stays on this disk");
        }
        let (done, left) = oneshot::channel();
        let _ = commands.send(Command::Leave { done }).await;
        let _ = left.await;
        self.0.left.send_replace(true);
    }

    pub(crate) fn figures(&self) -> &ClusterFigures {
        &self.0.figures
    }
}

impl Shared {
    fn new(
        cluster: String,
        me: Peer,
        address: Option<SocketAddr>,
        node: Node,
        commands: Option<mpsc::Sender<Command>>,
    ) -> Self {
        Self {
            cluster,
            incarnation: AtomicU64::new(me.incarnation),
            me,
            address,
            node,
            started: SystemTime::now(),
            members: Mutex::default(),
            targets: watch::Sender::new(Targets::new()),
            events: broadcast::Sender::new(EVENTS_MAX),
            figures: ClusterFigures::new(),
            commands,
            leave_asked: watch::Sender::new(false),
            left: watch::Sender::new(false),
        }
    }

    /// This node as it is now.
    fn me(&self) -> Peer {
        Peer { incarnation: self.incarnation.load(Ordering::Relaxed), ..self.me.clone() }
    }
}
