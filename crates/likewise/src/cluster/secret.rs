//! What all nodes of a cluster know and nobody else does, and the keys that come from it.
//!
//! A key for each purpose is derived with HKDF-SHA256, salted with the cluster's name: two clusters that
//! share a key file by mistake can't read each other. A cluster without a secret takes the same way from
//! no secret at all, so that there is one code path and every packet and frame still has a checksum that
//! damage does not pass. Such keys keep nobody out.
//!
//! Source: H. Krawczyk and P. Eronen, "HMAC-based Extract-and-Expand Key Derivation Function (HKDF)",
//! RFC 5869.

use std::fmt;
use std::path::Path;

use hkdf::Hkdf;
use likewise_state::digest::DigestKey;
use sha2::{Digest as _, Sha256};

use crate::cluster::key_file::{KeyFile, KeyFileError};

/// Bytes of a [`Tag`].
pub(crate) const TAG_BYTES: usize = 8;

/// Names a cluster or a key on the wire, and tells nothing else about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(pub(crate) [u8; TAG_BYTES]);

/// What the nodes of a cluster share. Its `Debug` shows no key.
#[derive(Clone)]
pub struct Secret {
    cluster: Tag,
    digests: DigestKey,
    first: Keys,
    others: Vec<Keys>,
    is_secret: bool,
}

/// The keys that come from one `key` line.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Names the line on the wire.
    pub(crate) tag: Tag,
    /// Seals gossip packets.
    pub(crate) gossip: [u8; 32],
    /// The pre-shared key of links.
    pub(crate) streams: [u8; 32],
}

impl Secret {
    /// The secret that a key file holds, for the cluster of this name. Warns where others than the owner
    /// may read the file.
    ///
    /// # Errors
    /// Where the file can't be read or is no key file.
    pub fn from_file(cluster_name: &str, path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self::from_keys(cluster_name, &KeyFile::read(path)?))
    }

    pub(crate) fn from_keys(cluster_name: &str, file: &KeyFile) -> Self {
        let mut digests = [0; 16];
        derive(cluster_name, &file.digests, b"likewise digests", &mut digests);
        Self {
            cluster: cluster_tag(cluster_name),
            digests: DigestKey::new(digests),
            first: Keys::new(cluster_name, &file.first),
            others: file.others.iter().map(|key| Keys::new(cluster_name, key)).collect(),
            is_secret: true,
        }
    }

    /// No secret: whoever knows the name of the cluster has the same keys.
    #[must_use]
    pub fn open(cluster_name: &str) -> Self {
        Self {
            cluster: cluster_tag(cluster_name),
            digests: DigestKey::of_cluster(cluster_name),
            first: Keys::new(cluster_name, b"no secret"),
            others: Vec::new(),
            is_secret: false,
        }
    }

    /// Whether these keys keep anybody out.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// The key of the cluster's digests, which also divides posts into slots. It stays the same when
    /// other keys are rotated.
    #[must_use]
    pub fn digest_key(&self) -> DigestKey {
        self.digests
    }

    /// Names the cluster.
    pub(crate) fn cluster(&self) -> Tag {
        self.cluster
    }

    /// The keys to seal with and to open links with.
    pub(crate) fn first(&self) -> &Keys {
        &self.first
    }

    /// The keys of this tag, if they are ours.
    pub(crate) fn keys(&self, tag: Tag) -> Option<&Keys> {
        std::iter::once(&self.first).chain(&self.others).find(|keys| keys.tag == tag)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("keys", &(1 + self.others.len()))
            .field("is_secret", &self.is_secret)
            .finish_non_exhaustive()
    }
}

impl Keys {
    fn new(cluster_name: &str, key: &[u8]) -> Self {
        let mut keys = Self { tag: Tag([0; TAG_BYTES]), gossip: [0; 32], streams: [0; 32] };
        derive(cluster_name, key, b"likewise key tag", &mut keys.tag.0);
        derive(cluster_name, key, b"likewise gossip", &mut keys.gossip);
        derive(cluster_name, key, b"likewise streams", &mut keys.streams);
        keys
    }
}

fn derive(cluster_name: &str, key: &[u8], purpose: &[u8], derived: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(cluster_name.as_bytes()), key)
        .expand(purpose, derived)
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
}

fn cluster_tag(cluster_name: &str) -> Tag {
    let hash = Sha256::new().chain_update(b"likewise cluster\0").chain_update(cluster_name);
    let hash: [u8; 32] = hash.finalize().into();
    let mut tag = Tag([0; TAG_BYTES]);
    tag.0.copy_from_slice(&hash[..TAG_BYTES]);
    tag
}
