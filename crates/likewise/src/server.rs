//! A whole node: recovered, bound, serving, and shut down in the order that loses nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use likewise_journal::disk::file::FileDisk;
use likewise_journal::journal::{Journal, Options};
use likewise_journal::recovery::Recovery;
use likewise_journal::seats::SEATS_NAME;
use likewise_journal::store::StoreId;
use likewise_replica::member::{NodeId, Peer};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::seats::Kept;
use likewise_state::state::{Keys, State, TableKey};
use tokio::net::TcpListener;

use crate::access::Access;
use crate::cluster::secret::Secret;
use crate::cluster::{Cluster, Sockets, Start};
use crate::config::Config;
use crate::http;
use crate::http::connections::listen;
use crate::http::edge::Edge;
use crate::node::{Node, NodeThread};
use crate::reload::Reloader;
use crate::server::advertise::{advertised, advertised_http};
use crate::server::error::StartError;
use crate::traces::Traces;

pub mod error;

mod advertise;

/// A node that is ready to serve.
pub struct Server {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
    recovery: Option<Recovery>,
    cluster: Cluster,
    thread: NodeThread,
    edge: Edge,
    access: Access,
    reloader: Reloader,
}

impl Server {
    /// Takes the addresses, recovers the likes from the data folder, starts the threads and looks for the
    /// other nodes. Requests are answered once [`Self::run`] runs.
    ///
    /// # Errors
    /// Whatever keeps the node from serving exactly what it once acknowledged.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let mut reloader = Reloader::new().map_err(StartError::Signal)?;
        let edge = Edge::new(&config.edge, &mut reloader).map_err(StartError::Tls)?;
        let bind = |address| move |source| StartError::Bind { address, source };
        let listener = listen(config.http).map_err(bind(config.http))?;
        let address = listener.local_addr().map_err(bind(config.http))?;
        let access = Access::load(&config.access, &mut reloader).map_err(StartError::Access)?;
        let secret = secret(&config)?;
        warn_of_open_door(&config, &secret);
        let met = match &config.cluster {
            Some(cluster) => {
                let sockets = Sockets::bind(cluster.bind).await.map_err(bind(cluster.bind))?;
                // Before the data folder is touched: a wrong setting should change nothing there.
                let advertise = advertised(cluster, sockets.address).await?;
                Some((cluster, sockets, advertise))
            }
            None => None,
        };
        let keys = Keys { digest: secret.digest_key(), table: TableKey::new(random()?) };
        let state = Arc::new(State::new(keys));
        let opened = match &config.data {
            Some(folder) => Some(open(&config, folder, &state)?),
            None => None,
        };
        let (journal, recovery) = opened.unzip();
        warn_of_torn_end(recovery.as_ref());
        let me = me(&config, recovery.as_ref(), address)?;
        let voting = voting(&config, recovery.as_ref(), &me)?;
        let (node, thread) = Node::start(me.node, me.name.clone(), state, journal, voting);
        if let Some(traces) = &config.traces {
            node.trace(Traces::start(traces, &me.name).map_err(StartError::Traces)?);
        }
        let name = config.cluster_name.clone();
        let cluster = match met {
            Some((settings, sockets, advertise)) => {
                let start = Start {
                    cluster: name,
                    me: Peer { http: advertised_http(settings, advertise, address), ..me },
                    advertise,
                    join: settings.join.clone(),
                    data: config.data.as_deref(),
                    secret,
                    versions: settings.versions,
                    seed: u64::from_le_bytes(*random()?.first_chunk().expect("it has 16 bytes")),
                };
                Cluster::start(start, sockets, node)
            }
            None => Cluster::solitary(name, me, node),
        };
        Ok(Self { config, listener, address, recovery, cluster, thread, edge, access, reloader })
    }

    /// The address that clients reach, its port chosen by the system where 0 was asked for.
    #[must_use]
    pub const fn http_address(&self) -> SocketAddr {
        self.address
    }

    /// The address that other nodes reach; `None` for a node by itself.
    #[must_use]
    pub fn cluster_address(&self) -> Option<SocketAddr> {
        self.cluster.address()
    }

    /// What was found on disk; `None` for a node that keeps everything in memory.
    #[must_use]
    pub const fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    /// The node inside.
    #[must_use]
    pub fn node(&self) -> &Node {
        self.cluster.node()
    }

    /// The cluster that it is part of.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Serves until `shutdown` is ready or somebody asks the node to leave. Then stops accepting, finishes
    /// what was accepted, hands it to the peers, leaves the cluster, makes all durable and returns. Bounded
    /// by the time that requests and peers may take.
    ///
    /// # Errors
    /// What kept the journal from holding everything at the end.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), StartError> {
        let Self { config, listener, cluster, thread, edge, access, reloader, .. } = self;
        let reloading = tokio::spawn(reloader.run());
        let leaving = cluster.clone();
        let shutdown = async move {
            tokio::select! {
                () = shutdown => {}
                () = leaving.asked_to_leave() => tracing::info!("asked to leave: finishing"),
            }
            leaving.node().drain();
            linger(config.edge.drain_delay).await;
        };
        let limits = config.serve_limits();
        let routes = http::router(cluster.clone(), config.consistency);
        http::serve(listener, routes.behind(edge).guarded_by(access), limits, shutdown).await;
        cluster.leave().await;
        reloading.abort();
        let stopped = tokio::task::spawn_blocking(move || {
            let stopped = thread.stop();
            cluster.node().traces().into_iter().for_each(Traces::shutdown);
            stopped
        });
        let stopped = stopped.await;
        stopped
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
            .map_err(StartError::Journal)
    }
}

/// Waits until load balancers have seen that the node is not ready, and look away.
async fn linger(delay: Duration) {
    if !delay.is_zero() {
        tracing::info!(?delay, "not ready any more, and still serving for a while");
        tokio::time::sleep(delay).await;
    }
}

fn secret(config: &Config) -> Result<Secret, StartError> {
    let key_file = config.cluster.as_ref().and_then(|cluster| cluster.key_file.as_ref());
    match key_file {
        Some(file) => Secret::from_file(&config.cluster_name, file).map_err(StartError::KeyFile),
        None => Ok(Secret::open(&config.cluster_name)),
    }
}

/// This node, as it introduces itself. The node is its data: a new folder is a new node, whatever its name
/// and address.
fn me(config: &Config, recovery: Option<&Recovery>, http: SocketAddr) -> Result<Peer, StartError> {
    let store = recovery.map_or_else(random, |recovery| Ok(recovery.store.0))?;
    // 0 stands for whoever is at an address.
    let id = u64::from_le_bytes(*store.first_chunk().expect("it has 16 bytes")).max(1);
    Ok(Peer {
        node: NodeId(id),
        name: recovery.map_or_else(|| config.name.clone(), |recovery| recovery.node.clone()),
        http: http.to_string(),
        incarnation: recovery.map_or(1, |recovery| recovery.incarnation),
        takes_contexts: config.traces.is_some(),
    })
}

/// How this node takes part in votes, where there are voters.
fn voting(
    config: &Config,
    recovery: Option<&Recovery>,
    me: &Peer,
) -> Result<Option<Voting>, StartError> {
    let Some(voters) = config.voters.clone() else { return Ok(None) };
    config.judge_votes(&me.name).map_err(StartError::Votes)?;
    let kept = recovery.and_then(|recovery| recovery.seats.as_deref()).map(Kept::decode);
    let kept = kept.transpose().map_err(|source| {
        let folder = config.data.as_deref().unwrap_or_else(|| Path::new("."));
        StartError::Seats { file: folder.join(SEATS_NAME), source }
    })?;
    Ok(Some(Voting { voters, name: me.name.clone(), boot: me.incarnation, kept }))
}

fn warn_of_open_door(config: &Config, secret: &Secret) {
    let bind = config.cluster.as_ref().map(|cluster| cluster.bind);
    if let Some(bind) = bind.filter(|bind| !bind.ip().is_loopback() && !secret.is_secret()) {
        tracing::warn!(
            cluster = %bind,
            "there is no secret: whoever reaches the cluster port can join, and change every like"
        );
    }
}

fn warn_of_torn_end(recovery: Option<&Recovery>) {
    if let Some(torn) = recovery.and_then(|recovery| recovery.torn.as_ref()) {
        tracing::warn!(
            file = torn.file,
            offset = torn.offset,
            bytes = torn.bytes,
            "the last write before the crash was incomplete and was never acknowledged: dropped"
        );
    }
}

fn open(
    config: &Config,
    folder: &Path,
    state: &State,
) -> Result<(Journal<FileDisk>, Recovery), StartError> {
    let mut options = Options::new(StoreId(random()?), config.name.clone());
    options.keeps_node = config.name_is_default;
    options.durability = config.durability;
    let disk = FileDisk::open(folder).map_err(StartError::Journal)?;
    Journal::open(disk, options, state).map_err(StartError::Journal)
}

fn random() -> Result<[u8; 16], StartError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(StartError::Random)?;
    Ok(bytes)
}
