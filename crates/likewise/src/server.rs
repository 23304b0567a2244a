//! A whole node: recovered, bound, serving, and shut down in the order that loses nothing.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use likewise_journal::disk::file::FileDisk;
use likewise_journal::error::JournalError;
use likewise_journal::journal::{Journal, Options};
use likewise_journal::recovery::Recovery;
use likewise_journal::store::StoreId;
use likewise_replica::member::NodeId;
use likewise_state::digest::DigestKey;
use likewise_state::state::{Keys, State, TableKey};
use tokio::net::TcpListener;

use crate::config::Config;
use crate::http;
use crate::node::{Node, NodeThread};

/// A node that is ready to serve.
pub struct Server {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
    recovery: Option<Recovery>,
    node: Node,
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
    /// The system gives no random bytes.
    Random(getrandom::Error),
    /// The data folder is not in order.
    Journal(JournalError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => write!(
                f,
                "can't listen on {address}: {source}; choose another address with --http, or stop what uses it"
            ),
            Self::Random(source) => write!(f, "the system gives no random bytes: {source}"),
            Self::Journal(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::Random(source) => Some(source),
            Self::Journal(source) => source.source(),
        }
    }
}

impl Server {
    /// Takes the address, recovers the likes from the data folder and starts the threads. Requests are
    /// answered once [`Self::run`] runs.
    ///
    /// # Errors
    /// Whatever keeps the node from serving exactly what it once acknowledged.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let bind = |source| StartError::Bind { address: config.http, source };
        let listener = TcpListener::bind(config.http).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let state = Arc::new(State::new(Keys {
            digest: DigestKey::of_cluster(&config.cluster_name),
            table: TableKey::new(random()?),
        }));
        let opened = match &config.data {
            Some(folder) => Some(open(&config, folder, &state)?),
            None => None,
        };
        let (journal, recovery) = opened.unzip();
        if let Some(torn) = recovery.as_ref().and_then(|recovery| recovery.torn.as_ref()) {
            tracing::warn!(
                file = torn.file,
                offset = torn.offset,
                bytes = torn.bytes,
                "the last write before the crash was incomplete and was never acknowledged: dropped"
            );
        }
        // The node is its data: a new folder is a new node, whatever its name and address.
        let store = recovery.as_ref().map(|recovery| recovery.store.0);
        let id = store.map_or_else(random, Ok)?;
        let id = *id.first_chunk().expect("it has 16 bytes");
        let kept = recovery.as_ref().map(|recovery: &Recovery| recovery.node.clone());
        let name = kept.unwrap_or_else(|| config.name.clone());
        let (node, thread) = Node::start(NodeId(u64::from_le_bytes(id)), name, state, journal);
        node.alone();
        Ok(Self { config, listener, address, recovery, node, thread })
    }

    /// The address that clients reach, its port chosen by the system where 0 was asked for.
    #[must_use]
    pub const fn http_address(&self) -> SocketAddr {
        self.address
    }

    /// What was found on disk; `None` for a node that keeps everything in memory.
    #[must_use]
    pub const fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    /// The node inside.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Serves until `shutdown` is ready, then stops accepting, finishes what was accepted, makes it
    /// durable and returns. Bounded by the time that requests may take.
    ///
    /// # Errors
    /// What kept the journal from holding everything at the end.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), StartError> {
        let Self { config, listener, node, thread, .. } = self;
        let draining = node.clone();
        let shutdown = async move {
            shutdown.await;
            draining.drain();
        };
        http::serve(listener, http::router(node), config.serve_limits(), shutdown).await;
        let stopped = tokio::task::spawn_blocking(|| thread.stop()).await;
        stopped
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
            .map_err(StartError::Journal)
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
