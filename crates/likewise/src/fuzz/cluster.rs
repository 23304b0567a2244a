//! Doors to what other nodes send, and to the files that say who they are.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use likewise_replica::member::Peer;
use likewise_state::digest::DigestKey;
use snow::{Builder, StatelessTransportState};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::cluster::hello::Hello;
use crate::cluster::key_file::{KeyFile, KeyFileError};
use crate::cluster::secret::Secret;
use crate::cluster::seeds;
use crate::cluster::stream::{FrameReader, FrameWriter};

/// Who has sent these bytes as the first frame of a link.
///
/// # Errors
/// Why it is not believed.
pub fn hello(bytes: &[u8], key: &DigestKey) -> Result<Peer, String> {
    Hello::read(bytes, key).map_err(|error| error.to_string())
}

/// The first frame that `me` sends on a link.
#[must_use]
pub fn hello_of(me: &Peer, key: &DigestKey) -> Vec<u8> {
    Hello::new(me, key).encode()
}

/// The secret that the bytes of a key file hold.
///
/// # Errors
/// Why they hold none.
pub fn key_file(bytes: &[u8]) -> Result<Secret, KeyFileError> {
    KeyFile::from_bytes(Path::new("FILE"), bytes).map(|file| Secret::from_keys("fuzz", &file))
}

/// The addresses in the file of an earlier life's peers.
#[must_use]
pub fn remembered(text: &str) -> Vec<SocketAddr> {
    seeds::remembered(text)
}

/// Both ends of a link whose handshake is done. May be used again and again: streams count from 0.
pub struct Noise {
    here: Arc<StatelessTransportState>,
    there: Arc<StatelessTransportState>,
}

impl Noise {
    /// A new pair of ends.
    ///
    /// # Panics
    /// Never: the pattern needs nothing.
    #[must_use]
    pub fn new() -> Self {
        let builder =
            || Builder::new("Noise_NN_25519_ChaChaPoly_SHA256".parse().expect("it is one"));
        let mut here = builder().build_initiator().expect("the pattern needs no key");
        let mut there = builder().build_responder().expect("the pattern needs no key");
        let (mut first, mut second) = ([0; 64], [0; 64]);
        let length = here.write_message(&[], &mut first).expect("it fits");
        there.read_message(&first[..length], &mut []).expect("it is whole");
        let length = there.write_message(&[], &mut second).expect("it fits");
        here.read_message(&second[..length], &mut []).expect("it is whole");
        let done = "both messages were exchanged";
        Self {
            here: Arc::new(here.into_stateless_transport_mode().expect(done)),
            there: Arc::new(there.into_stateless_transport_mode().expect(done)),
        }
    }

    /// Writes what [`Self::reader`] reads.
    pub fn writer<W: AsyncWrite + Unpin>(&self, io: W) -> FrameWriter<W> {
        FrameWriter::new(io, self.here.clone())
    }

    /// Reads what [`Self::writer`] writes, or whatever else is in `io`.
    pub fn reader<R: AsyncRead + Unpin>(&self, io: R) -> FrameReader<R> {
        FrameReader::new(io, self.there.clone())
    }

    /// Plain bytes sealed as message `number` of the stream, with the length before it: what only a node
    /// of the cluster can make, whatever it holds.
    ///
    /// # Panics
    /// Where they fit no message.
    #[must_use]
    pub fn sealed(&self, number: u64, plain: &[u8]) -> Vec<u8> {
        let mut sealed = vec![0; plain.len() + 16];
        self.here.write_message(number, plain, &mut sealed).expect("it fits");
        let length = u16::try_from(sealed.len()).expect("the caller divides what is longer");
        [&length.to_be_bytes()[..], &sealed].concat()
    }
}

impl Default for Noise {
    fn default() -> Self {
        Self::new()
    }
}
