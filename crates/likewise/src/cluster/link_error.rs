//! Why a link could not be opened, or broke.

use std::fmt;
use std::io;

use crate::cluster::handshake::Versions;

/// Why a link could not be opened, or broke.
#[derive(Debug)]
pub enum LinkError {
    /// The connection failed.
    Io(io::Error),
    /// What is at the other end is no node of this kind.
    NotLikewise,
    /// Both sides have no version of the protocol in common.
    Version {
        /// The oldest and the newest that the peer speaks.
        theirs: Versions,
        /// The oldest and the newest that this node speaks.
        ours: Versions,
    },
    /// The peer is of another cluster.
    OtherCluster,
    /// The peer has another secret.
    OtherSecret,
    /// The peer refuses for a reason that this version does not know.
    Refused(u8),
    /// The seal of what came in does not fit.
    Forged,
    /// A frame is longer than any may be.
    FrameTooLarge {
        /// Its length in bytes.
        bytes: u64,
        /// The most that it may be.
        bytes_max: usize,
    },
    /// The connection ended in the middle of a frame.
    CutOff,
    /// Nothing was heard for too long.
    Silent,
    /// The peer made no room for what was to be sent.
    Stuck,
}

impl LinkError {
    /// The reason in one word, for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Io(_) => "connection",
            Self::NotLikewise => "not_likewise",
            Self::Version { .. } => "version",
            Self::OtherCluster => "cluster",
            Self::OtherSecret => "secret",
            Self::Refused(_) => "refused",
            Self::Forged => "forged",
            Self::FrameTooLarge { .. } => "frame_too_large",
            Self::CutOff => "cut_off",
            Self::Silent => "silent",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::NotLikewise => f.write_str(
                "what is at the other end speaks another protocol: find out who else uses the cluster port",
            ),
            Self::Version { theirs, ours } => write!(
                f,
                "the peer speaks versions {} to {} of the protocol, this node {} to {}: upgrade the older one",
                theirs.oldest, theirs.newest, ours.oldest, ours.newest
            ),
            Self::OtherCluster => f.write_str(
                "the peer belongs to another cluster: give both the same --cluster-name, or don't let them reach each other",
            ),
            Self::OtherSecret => f.write_str(
                "the peer has another secret: give both nodes the same --cluster-key-file",
            ),
            Self::Refused(verdict) => write!(
                f,
                "the peer refuses with code {verdict}, which this version does not know: see the log of the peer"
            ),
            Self::Forged => f.write_str(
                "what came in does not fit its seal: it was damaged on its way, or somebody who lacks the secret has made it",
            ),
            Self::FrameTooLarge { bytes, bytes_max } => write!(
                f,
                "a frame of {bytes} bytes is longer than the {bytes_max} that one may have: run the same release on both nodes"
            ),
            Self::CutOff => f.write_str("the connection ended in the middle of a frame"),
            Self::Silent => f.write_str("nothing was heard from the peer for too long"),
            Self::Stuck => f.write_str("the peer does not read what is sent to it"),
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutOff,
            _ => Self::Io(error),
        }
    }
}
