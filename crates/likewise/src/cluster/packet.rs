//! Gossip packets, sealed: whoever lacks the cluster's secret can neither read nor make one.
//!
//! An open port for gossip would let anybody evict nodes with one packet, so a packet is sealed whole,
//! and what does not open is dropped. The bytes, of which version 1 has:
//!
//! ```text
//! magic "LWg\0"   4
//! version         1   these five stay where they are in every version
//! cluster tag     8   which cluster
//! key tag         8   which key
//! nonce          24   random
//! sealed          8   milliseconds since 1970 at which it was sent, little-endian
//!                 n   body
//! seal           16   of all of the above
//! ```
//!
//! The nonce is random and long enough that no two are ever the same, so no counter has to survive a
//! restart.
//!
//! Source: S. Arciszewski, "XChaCha: eXtended-nonce ChaCha and AEAD_XChaCha20_Poly1305",
//! draft-irtf-cfrg-xchacha.

use std::fmt;
use std::time::Duration;

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag as Seal, XChaCha20Poly1305, XNonce};

use crate::cluster::secret::{Secret, TAG_BYTES, Tag};

/// Bytes of a sealed packet. Receivers refuse longer ones. It fits a UDP datagram on every usual network
/// without being divided, and is the same on all nodes because the membership protocol demands it.
pub const PACKET_BYTES_MAX: usize = 1_400;

/// Bytes that sealing adds.
pub const ENVELOPE_BYTES: usize = HEAD_BYTES + TIME_BYTES + SEAL_BYTES;

/// Bytes of a body. To seal more is a bug of the caller's.
pub const BODY_BYTES_MAX: usize = PACKET_BYTES_MAX - ENVELOPE_BYTES;

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;

/// How far the clocks of sender and receiver, with the way between them, may be apart: a packet that
/// somebody recorded is refused once it is older. Within the window a replay tells nothing that the
/// membership protocol has not seen, and it ignores what it has seen.
pub const WINDOW: Duration = Duration::from_secs(60);

const MAGIC: [u8; 4] = *b"LWg\0";
const VERSION: u8 = 1;
const CLUSTER_AT: usize = MAGIC.len() + 1;
const KEY_AT: usize = CLUSTER_AT + TAG_BYTES;
const NONCE_AT: usize = KEY_AT + TAG_BYTES;
const HEAD_BYTES: usize = NONCE_AT + NONCE_BYTES;
const TIME_BYTES: usize = 8;
const SEAL_BYTES: usize = 16;

/// Why a packet was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has not the form of a packet.
    NotLikewise,
    /// It has another version.
    Version {
        /// Its version.
        found: u8,
    },
    /// It is another cluster's.
    OtherCluster,
    /// It is of our cluster by name and sealed under a key that we don't have.
    OtherSecret,
    /// Its seal does not fit.
    Forged,
    /// It was sent at another time.
    Stale {
        /// How far from our time.
        by: Duration,
    },
}

/// Seals a body, at `now` since 1970, under a nonce of random bytes that is used only once.
///
/// # Panics
/// Where the body is longer than [`BODY_BYTES_MAX`].
#[must_use]
pub fn seal(secret: &Secret, body: &[u8], now: Duration, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
    assert!(body.len() <= BODY_BYTES_MAX, "a body of {} bytes fits no packet", body.len());
    let keys = secret.first();
    let mut packet = Vec::with_capacity(ENVELOPE_BYTES + body.len());
    packet.extend_from_slice(&MAGIC);
    packet.push(VERSION);
    packet.extend_from_slice(&secret.cluster().0);
    packet.extend_from_slice(&keys.tag.0);
    packet.extend_from_slice(&nonce);
    packet.extend_from_slice(&(now.as_millis() as u64).to_le_bytes());
    packet.extend_from_slice(body);
    let (head, sealed) = packet.split_at_mut(HEAD_BYTES);
    let seal = XChaCha20Poly1305::new(&keys.gossip.into())
        .encrypt_in_place_detached(&nonce.into(), head, sealed)
        .expect("a packet is far shorter than what the cipher takes");
    packet.extend_from_slice(&seal);
    packet
}

/// The body of a packet that arrived at `now` since 1970. Takes any bytes.
///
/// # Errors
/// Where the packet is not one of this cluster, or not one of now.
pub fn open(secret: &Secret, packet: &[u8], now: Duration) -> Result<Vec<u8>, Refused> {
    if packet.len() <= MAGIC.len() || packet[..MAGIC.len()] != MAGIC {
        return Err(Refused::NotLikewise);
    }
    // The version is judged before the length, which later versions may have changed.
    let version = packet[MAGIC.len()];
    if version != VERSION {
        return Err(Refused::Version { found: version });
    }
    if !(ENVELOPE_BYTES..=PACKET_BYTES_MAX).contains(&packet.len()) {
        return Err(Refused::NotLikewise);
    }
    let (head, sealed) = packet.split_at(HEAD_BYTES);
    let (sealed, seal) = sealed.split_at(sealed.len() - SEAL_BYTES);
    if head[CLUSTER_AT..KEY_AT] != secret.cluster().0 {
        return Err(Refused::OtherCluster);
    }
    let tag = Tag(array(&head[KEY_AT..NONCE_AT]));
    let keys = secret.keys(tag).ok_or(Refused::OtherSecret)?;
    let mut body = sealed.to_vec();
    XChaCha20Poly1305::new(&keys.gossip.into())
        .decrypt_in_place_detached(
            XNonce::from_slice(&head[NONCE_AT..]),
            head,
            &mut body,
            Seal::from_slice(seal),
        )
        .map_err(|_| Refused::Forged)?;
    let sent = Duration::from_millis(u64::from_le_bytes(array(&body[..TIME_BYTES])));
    body.drain(..TIME_BYTES);
    let by = now.abs_diff(sent);
    // Without a secret anybody can seal any time, so the window would keep nobody out, and would cost
    // nodes with wrong clocks their membership.
    if secret.is_secret() && by > WINDOW {
        return Err(Refused::Stale { by });
    }
    Ok(body)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the parts of a packet have their lengths")
}

impl Refused {
    /// The reason in one word, for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotLikewise => "not_likewise",
            Self::Version { .. } => "version",
            Self::OtherCluster => "cluster",
            Self::OtherSecret => "secret",
            Self::Forged => "forged",
            Self::Stale { .. } => "stale",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLikewise => f.write_str(
                "it is no packet of a Likewise node's: find out who else sends to the cluster port",
            ),
            Self::Version { found } => write!(
                f,
                "it has version {found} of the packet format and this node knows only {VERSION}: upgrade the older node"
            ),
            Self::OtherCluster => f.write_str(
                "it belongs to another cluster: give both the same --cluster-name, or don't let them reach each other",
            ),
            Self::OtherSecret => f.write_str(
                "it is sealed under a key that this node does not have: give both nodes the same --cluster-key-file",
            ),
            Self::Forged => f.write_str(
                "its seal does not fit: it was damaged on its way, or forged if it happens often; then let only the nodes reach the cluster port",
            ),
            Self::Stale { by } => write!(
                f,
                "it was sent {} s from this node's time: set the clocks of both nodes, or somebody sends recorded packets",
                by.as_secs()
            ),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests;
