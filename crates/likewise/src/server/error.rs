//! Why a node could not start or could not end well, each with what to do.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use likewise_journal::error::JournalError;
use likewise_state::codec::DecodeError;

use crate::access::file_error::AccessFileError;
use crate::cluster::key_file::KeyFileError;
use crate::config::error::ConfigError;
use crate::http::tls::TlsError;
use crate::traces::ExportError;

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
    /// There is no certificate to serve with.
    Tls(TlsError),
    /// A file that says who may do what is not in order.
    Access(AccessFileError),
    /// The system takes no handler for the signal that has files read again.
    Signal(std::io::Error),
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
    /// Traces can't be sent in the way that the environment asks for.
    Traces(ExportError),
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
            Self::Tls(source) => source.fmt(f),
            Self::Access(source) => source.fmt(f),
            Self::Signal(source) => write!(
                f,
                "the system takes no handler for SIGHUP: {source}; start the node as an ordinary process"
            ),
            Self::Random(source) => write!(f, "the system gives no random bytes: {source}"),
            Self::Journal(source) => source.fmt(f),
            Self::Seats { file, source } => write!(
                f,
                "what this node keeps of the voters' seats in {} makes no sense: {source}; remove the file, \
                 and the node copies from the other voters before it votes again",
                file.display()
            ),
            Self::Votes(source) => source.fmt(f),
            Self::Traces(source) => write!(
                f,
                "traces can't be sent: {source}; correct the OTEL_* variable, or leave trace-endpoint out"
            ),
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
            Self::Tls(source) => source.source(),
            Self::Access(source) => source.source(),
            Self::Signal(source) => Some(source),
            Self::Random(source) => Some(source),
            Self::Journal(source) => source.source(),
            Self::Seats { source, .. } => Some(source),
            Self::Votes(source) => source.source(),
            Self::Traces(source) => Some(source),
        }
    }
}
