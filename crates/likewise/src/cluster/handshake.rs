//! How a link begins: who may talk to whom, in which version, and under which keys.
//!
//! ```text
//! opener                                                  accepter
//!   │ preamble: magic, versions, cluster, key ─────────────> │  knows all of these?
//!   │ <───────────────── reply: magic, verdict, versions     │
//!   │ Noise: e, psk ───────────────────────────────────────> │
//!   │ <──────────────────────────────────────── Noise: e, ee │
//!   │ hello ───────────────────────────────────────────────> │  sealed from here on
//!   │ <──────────────────────────────────────────────── hello│
//! ```
//!
//! Preamble and reply are in the clear, so that both sides can say what is wrong, and are the prologue of
//! the Noise handshake, so that nobody can change them unnoticed. They tell no more than that the cluster
//! and its keys are the same as elsewhere. Keys are new on each link: whoever learns the cluster's secret
//! later can't read what was recorded before.
//!
//! Source: T. Perrin, "The Noise Protocol Framework", revision 34; the pattern is NNpsk0.

use std::sync::Arc;
use std::time::Duration;

use snow::{Builder, HandshakeState};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use crate::cluster::link_error::LinkError;
use crate::cluster::secret::{Keys, Secret, TAG_BYTES, Tag};
use crate::cluster::stream::{FrameReader, FrameWriter};

/// Bytes of a hello. A longer one is refused.
pub const HELLO_BYTES_MAX: usize = 4 << 10;

/// The versions of the protocol that a node speaks, from the oldest to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The oldest. A link to whoever speaks only older ones is refused.
    pub oldest: u8,
    /// The newest. It is spoken with whoever knows it.
    pub newest: u8,
}

impl Versions {
    /// Those that this release speaks.
    pub const SPOKEN: Self = Self { oldest: 1, newest: 1 };
}

/// How long the preamble may be under way. Whoever opens a link sends it at once, so who has sent none by
/// then is no node, and is hung up on: strangers must not take the room of nodes by saying nothing.
const PREAMBLE_TIME: Duration = Duration::from_secs(1);

const MAGIC: [u8; 4] = *b"LWl\0";
const PREAMBLE_BYTES: usize = MAGIC.len() + 2 + 2 * TAG_BYTES;
const REPLY_BYTES: usize = MAGIC.len() + 4;

/// The longest message of the handshake itself: a key and a seal.
const NOISE_BYTES: usize = 32 + 16;

const NOISE: &str = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";

/// A link that may be used.
pub struct Opened<S> {
    /// What comes from the peer.
    pub reader: FrameReader<ReadHalf<S>>,
    /// What goes to it.
    pub writer: FrameWriter<WriteHalf<S>>,
    /// How it introduced itself.
    pub hello: Vec<u8>,
    /// The version of the protocol that both speak.
    pub version: u8,
}

/// What an accepter finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Verdict {
    Accepted = 0,
    Version = 1,
    Cluster = 2,
    Secret = 3,
}

/// Opens a link over a new connection. The caller bounds the time.
///
/// # Errors
/// Where the connection fails, or one side does not want the other.
pub async fn open<S>(
    mut io: S,
    secret: &Secret,
    hello: &[u8],
    ours: Versions,
) -> Result<Opened<S>, LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let keys = secret.first();
    let preamble = preamble(ours, secret.cluster(), keys.tag);
    io.write_all(&preamble).await?;
    let mut reply = [0; REPLY_BYTES];
    io.read_exact(&mut reply).await?;
    let version = judge_reply(&reply, ours)?;
    let mut noise = noise(keys, &preamble, &reply, true);
    send(&mut io, &mut noise).await?;
    receive(&mut io, &mut noise).await?;
    greet(io, noise, hello, version).await
}

/// Takes a link over a connection from outside. The caller bounds the time; that of the first message is
/// bounded here, because nobody has to wait for it for long.
///
/// # Errors
/// Where the connection fails, or one side does not want the other.
pub async fn accept<S>(
    mut io: S,
    secret: &Secret,
    hello: &[u8],
    ours: Versions,
) -> Result<Opened<S>, LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut preamble = [0; PREAMBLE_BYTES];
    let heard = timeout(PREAMBLE_TIME, io.read_exact(&mut preamble)).await;
    heard.map_err(|_| LinkError::Silent)??;
    let judged = judge_preamble(&preamble, secret, ours);
    let (verdict, version) = match &judged {
        Ok((_, version)) => (Verdict::Accepted, *version),
        Err(LinkError::Version { .. }) => (Verdict::Version, 0),
        Err(LinkError::OtherCluster) => (Verdict::Cluster, 0),
        Err(LinkError::OtherSecret) => (Verdict::Secret, 0),
        // Whatever that is, it would not understand an answer.
        Err(_) => return Err(LinkError::NotLikewise),
    };
    let reply = reply(verdict, version, ours);
    io.write_all(&reply).await?;
    io.flush().await?;
    let (keys, version) = judged?;
    let mut noise = noise(keys, &preamble, &reply, false);
    receive(&mut io, &mut noise).await?;
    send(&mut io, &mut noise).await?;
    greet(io, noise, hello, version).await
}

fn preamble(Versions { oldest, newest }: Versions, cluster: Tag, key: Tag) -> Vec<u8> {
    [&MAGIC[..], &[oldest, newest], &cluster.0, &key.0].concat()
}

fn reply(verdict: Verdict, version: u8, Versions { oldest, newest }: Versions) -> Vec<u8> {
    [&MAGIC[..], &[verdict as u8, version, oldest, newest]].concat()
}

fn judge_preamble<'a>(
    preamble: &[u8; PREAMBLE_BYTES],
    secret: &'a Secret,
    ours: Versions,
) -> Result<(&'a Keys, u8), LinkError> {
    let rest = preamble.strip_prefix(&MAGIC).ok_or(LinkError::NotLikewise)?;
    let (cluster, key) = rest[2..].split_at(TAG_BYTES);
    let theirs = Versions { oldest: rest[0], newest: rest[1] };
    let version = theirs.newest.min(ours.newest);
    if version < theirs.oldest.max(ours.oldest) {
        return Err(LinkError::Version { theirs, ours });
    }
    if *cluster != secret.cluster().0 {
        return Err(LinkError::OtherCluster);
    }
    let tag = Tag(key.try_into().expect("a preamble ends with a tag"));
    Ok((secret.keys(tag).ok_or(LinkError::OtherSecret)?, version))
}

fn judge_reply(reply: &[u8; REPLY_BYTES], ours: Versions) -> Result<u8, LinkError> {
    let rest = reply.strip_prefix(&MAGIC).ok_or(LinkError::NotLikewise)?;
    let [verdict, version, oldest, newest] = *rest else { return Err(LinkError::NotLikewise) };
    match verdict {
        verdict if verdict == Verdict::Accepted as u8 => {
            let is_spoken = (ours.oldest..=ours.newest).contains(&version);
            is_spoken.then_some(version).ok_or(LinkError::NotLikewise)
        }
        verdict if verdict == Verdict::Version as u8 => {
            Err(LinkError::Version { theirs: Versions { oldest, newest }, ours })
        }
        verdict if verdict == Verdict::Cluster as u8 => Err(LinkError::OtherCluster),
        verdict if verdict == Verdict::Secret as u8 => Err(LinkError::OtherSecret),
        verdict => Err(LinkError::Refused(verdict)),
    }
}

fn noise(keys: &Keys, preamble: &[u8], reply: &[u8], opens: bool) -> HandshakeState {
    let prologue = [preamble, reply].concat();
    let builder = Builder::new(NOISE.parse().expect("the pattern is a valid one"));
    let builder = builder.psk(0, &keys.streams).and_then(|builder| builder.prologue(&prologue));
    let built = builder.and_then(|builder| match opens {
        true => builder.build_initiator(),
        false => builder.build_responder(),
    });
    built.expect("the pattern needs nothing but one pre-shared key")
}

async fn send<S>(io: &mut S, noise: &mut HandshakeState) -> Result<(), LinkError>
where
    S: AsyncWrite + Unpin,
{
    let mut message = [0; NOISE_BYTES];
    let length = noise.write_message(&[], &mut message).map_err(|_| LinkError::Forged)?;
    io.write_all(&message[..length]).await?;
    io.flush().await?;
    Ok(())
}

async fn receive<S>(io: &mut S, noise: &mut HandshakeState) -> Result<(), LinkError>
where
    S: AsyncRead + Unpin,
{
    let mut message = [0; NOISE_BYTES];
    io.read_exact(&mut message).await?;
    noise.read_message(&message, &mut []).map_err(|_| LinkError::Forged)?;
    Ok(())
}

async fn greet<S>(
    io: S,
    noise: HandshakeState,
    hello: &[u8],
    version: u8,
) -> Result<Opened<S>, LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let noise = noise.into_stateless_transport_mode().map_err(|_| LinkError::Forged)?;
    let noise = Arc::new(noise);
    let (reading, writing) = split(io);
    let mut writer = FrameWriter::new(writing, noise.clone());
    let mut reader = FrameReader::new(reading, noise);
    writer.write(hello)?;
    // Both speak at once, so neither may wait with listening until it has been heard.
    let (sent, heard) = tokio::join!(writer.flush(), reader.next());
    sent?;
    let hello = heard?.ok_or(LinkError::CutOff)?;
    if hello.len() > HELLO_BYTES_MAX {
        let bytes = hello.len() as u64;
        return Err(LinkError::FrameTooLarge { bytes, bytes_max: HELLO_BYTES_MAX });
    }
    Ok(Opened { reader, writer, hello, version })
}

#[cfg(test)]
mod tests;
