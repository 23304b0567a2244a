//! A whole node: recovered, bound, serving, and shut down in the order that loses nothing.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use likewise_journal::disk::file::FileDisk;
use likewise_journal::error::JournalError;
use likewise_journal::journal::{Journal, Options};
use likewise_journal::recovery::Recovery;
use likewise_journal::seats::SEATS_NAME;
use likewise_journal::store::StoreId;
use likewise_replica::member::{NodeId, Peer};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::seats::Kept;
use likewise_state::codec::DecodeError;
use likewise_state::state::{Keys, State, TableKey};
use tokio::net::{TcpListener, TcpSocket};

use crate::cluster::key_file::KeyFileError;
use crate::cluster::secret::Secret;
use crate::cluster::seeds::plain;
use crate::cluster::{Cluster, Sockets, Start};
use crate::config::error::ConfigError;
use crate::config::{ClusterConfig, Config};
use crate::http;
use crate::http::limits::CONNECTIONS_WAITING_MAX;
use crate::node::{Node, NodeThread};

/// A node that is ready to serve.
pub struct Server {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
    recovery: Option<Recovery>,
    cluster: Cluster,
    thread: NodeThread,
}

/// Why a node could not start or could not end well.
#[derive(Debug)]
pub enum StartError {
    /// The address is not to be had.
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The address that other nodes are to reach can't be found out.
    Advertise {
        /// As it was set.
        value: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The address that other nodes are to reach stands for every address of a machine.
    AdvertiseAny {
        /// As it was set.
        value: String,
        /// What it comes to.
        address: SocketAddr,
    },
    /// The address that other nodes are to reach is one that only this machine reaches, and they are
    /// elsewhere.
    AdvertiseNear {
        /// As it was set.
        value: String,
        /// What it comes to.
        address: SocketAddr,
        /// A node to join that is not on this machine.
        far: SocketAddr,
    },
    /// The cluster's secret is not in order.
    KeyFile(KeyFileError),
    /// The system gives no random bytes.
    Random(getrandom::Error),
    /// The data folder is not in order.
    Journal(JournalError),
    /// What a voter keeps in its data folder makes no sense.
    Seats {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The settings don't fit the name that the data folder keeps.
    Votes(ConfigError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => write!(
                f,
                "can't listen on {address}: {source}; choose another address with --http or --cluster, \
                 or stop what uses it"
            ),
            Self::Advertise { value, source } => write!(
                f,
                "advertise is {value:?}, which can't be looked up: {source}; use a name that this \
                 machine knows, or an IP address"
            ),
            Self::AdvertiseAny { value, address } => write!(
                f,
                "advertise is {value:?}, which comes to {address}: that is every address of a machine, \
                 and nobody can reach it; set advertise to the one that the other nodes reach"
            ),
            Self::AdvertiseNear { value, address, far } => write!(
                f,
                "advertise is {value:?}, which comes to {address}: {far}, which this node is to join, \
                 can't reach that; set advertise to an address that it reaches"
            ),
            Self::KeyFile(source) => source.fmt(f),
            Self::Random(source) => write!(f, "the system gives no random bytes: {source}"),
            Self::Journal(source) => source.fmt(f),
            Self::Seats { file, source } => write!(
                f,
                "what this node keeps of the voters' seats in {} makes no sense: {source}; remove the file, \
                 and the node copies from the other voters before it votes again",
                file.display()
            ),
            Self::Votes(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::Advertise { source, .. } => Some(source),
            Self::AdvertiseAny { .. } | Self::AdvertiseNear { .. } => None,
            Self::KeyFile(source) => source.source(),
            Self::Random(source) => Some(source),
            Self::Journal(source) => source.source(),
            Self::Seats { source, .. } => Some(source),
            Self::Votes(source) => source.source(),
        }
    }
}

impl Server {
    /// Takes the addresses, recovers the likes from the data folder, starts the threads and looks for the
    /// other nodes. Requests are answered once [`Self::run`] runs.
    ///
    /// # Errors
    /// Whatever keeps the node from serving exactly what it once acknowledged.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let bind = |address| move |source| StartError::Bind { address, source };
        let listener = listen(config.http).map_err(bind(config.http))?;
        let address = listener.local_addr().map_err(bind(config.http))?;
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
                    seed: u64::from_le_bytes(*random()?.first_chunk().expect("it has 16 bytes")),
                };
                Cluster::start(start, sockets, node)
            }
            None => Cluster::solitary(name, me, node),
        };
        Ok(Self { config, listener, address, recovery, cluster, thread })
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
        let Self { config, listener, cluster, thread, .. } = self;
        let leaving = cluster.clone();
        let shutdown = async move {
            tokio::select! {
                () = shutdown => {}
                () = leaving.asked_to_leave() => tracing::info!("asked to leave: finishing"),
            }
            leaving.node().drain();
        };
        let routes = http::router(cluster.clone(), config.consistency);
        http::serve(listener, routes, config.serve_limits(), shutdown).await;
        cluster.leave().await;
        let stopped = tokio::task::spawn_blocking(|| thread.stop()).await;
        stopped
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
            .map_err(StartError::Journal)
    }
}

/// Listens like [`TcpListener::bind`], but with more room for those who come all at once.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for what is left of the connections before it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(CONNECTIONS_WAITING_MAX)
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

/// Where other nodes reach this one. What a name means shows only when it is looked up, so what comes of
/// it is judged here and not with the settings.
async fn advertised(settings: &ClusterConfig, bound: SocketAddr) -> Result<SocketAddr, StartError> {
    let value = settings.advertise.clone().unwrap_or_else(|| bound.to_string());
    let failed = |source| StartError::Advertise { value: value.clone(), source };
    let address = match &settings.advertise {
        Some(value) => tokio::net::lookup_host(value).await.map_err(failed)?.next(),
        None => Some(bound),
    };
    let address = plain(address.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?);
    if address.ip().is_unspecified() {
        return Err(StartError::AdvertiseAny { value, address });
    }
    // Of a seed that is a name only a look-up at the moment of joining says where it is.
    let mut seeds = settings.join.iter().filter_map(|seed| seed.parse().ok().map(plain));
    match seeds.find(|seed| !seed.ip().is_loopback()) {
        Some(far) if address.ip().is_loopback() => {
            Err(StartError::AdvertiseNear { value, address, far })
        }
        _ => Ok(address),
    }
}

/// Where clients reach this node, as the others are told.
fn advertised_http(settings: &ClusterConfig, advertise: SocketAddr, http: SocketAddr) -> String {
    let ip = if http.ip().is_unspecified() { advertise.ip() } else { http.ip() };
    let default = || SocketAddr::new(ip, http.port()).to_string();
    settings.advertise_http.clone().unwrap_or_else(default)
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn judged(advertise: Option<&str>, bound: &str, join: &str) -> Result<String, String> {
        let bound = bound.parse().unwrap();
        let settings = ClusterConfig {
            bind: bound,
            advertise: advertise.map(str::to_owned),
            advertise_http: None,
            join: vec!["seed.invalid:1".to_owned(), join.to_owned()],
            key_file: None,
        };
        let address = advertised(&settings, bound).await;
        address.map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn an_advertised_address_is_one_that_the_others_can_reach() {
        let (near, far) = ("127.0.0.1:9", "10.0.0.2:9");
        for (advertise, bound, join, expected) in [
            (None, near, near, near),
            (None, "[::ffff:127.0.0.1]:9", near, near),
            (Some("10.0.0.1:9"), "0.0.0.0:9", far, "10.0.0.1:9"),
            (Some("[::ffff:10.0.0.1]:9"), "0.0.0.0:9", far, "10.0.0.1:9"),
            (Some(near), near, "[::ffff:127.0.0.2]:9", near),
        ] {
            assert_eq!(judged(advertise, bound, join).await.as_deref(), Ok(expected));
        }
        for anywhere in ["0.0.0.0:9", "[::]:9", "[::ffff:0.0.0.0]:9"] {
            let problem = judged(Some(anywhere), near, near).await.unwrap_err();
            let expected = format!("advertise is {anywhere:?}, which comes to ");
            assert!(problem.starts_with(&expected), "{problem}");
            assert!(problem.contains("every address") && problem.contains("set advertise to"));
        }
        // A name is judged by what it means.
        for here in ["localhost:9", "127.0.0.1:9", "[::ffff:127.0.0.1]:9"] {
            let problem = judged(Some(here), near, far).await.unwrap_err();
            assert!(problem.contains(here) && problem.contains(far), "{problem}");
            assert!(problem.contains("set advertise to an address that it reaches"), "{problem}");
        }
    }
}
