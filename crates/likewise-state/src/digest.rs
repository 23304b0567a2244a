//! A hash of a set of entries that is kept up to date in constant time, whatever the order of changes.
//!
//! The digest of a set is the wrapping sum of a keyed 128-bit hash of each entry, so an entry that
//! changes costs one subtraction and one addition, and two replicas can compare what they hold without
//! sending it. The key is a secret of the cluster: a sum of public hashes could be forged by whoever
//! chooses ids (generalised birthday attack). For the same reason a raw digest is never shown outside
//! the cluster; what clients see is [`Digest::tag`].
//!
//! Sources: D. Clarke and others, "Incremental multiset hash functions and their application to memory
//! integrity checking", ASIACRYPT 2003; J.-P. Aumasson and D. Bernstein, "SipHash", INDOCRYPT 2012.

use std::hash::Hasher;
use std::ops::{Add, AddAssign, Sub};

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::id::{Kind, PostId, UserId};
use crate::length::CausalLength;

/// The digest of a set of entries. That of the empty set is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(u128);

/// The secret under which a cluster's digests are made. Nodes with different keys have nothing to
/// compare.
#[derive(Clone, Copy)]
pub struct DigestKey([u8; 16]);

impl DigestKey {
    /// A key from 16 bytes that should be secret and must be the same on all nodes of a cluster.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key of a cluster without a secret, made of its name: equal on all its nodes, and no secret to
    /// whoever knows the name.
    #[must_use]
    pub fn of_cluster(name: &str) -> Self {
        let mut hasher = SipHasher24::new_with_key(b"likewise digests");
        hasher.write(name.as_bytes());
        Self(hasher.finish128().as_u128().to_le_bytes())
    }

    /// A keyed hash of a post id, of which the slot is the remainder.
    pub(crate) fn slot(&self, post: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(post);
        hasher.finish()
    }
}

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

/// The hash of a post and kind, from which the hashes of its entries are made.
#[derive(Clone)]
pub(crate) struct PostHasher(SipHasher24);

impl PostHasher {
    /// The post and the kind with their lengths come first, and the user takes the rest, so that no two
    /// entries are the same bytes.
    pub(crate) fn new(key: &DigestKey, post: PostId<'_>, kind: Kind<'_>) -> Self {
        let mut hasher = SipHasher24::new_with_key(&key.0);
        let (post, kind) = (post.as_str().as_bytes(), kind.as_str().as_bytes());
        let lengths = (post.len() as u32) << 8 | kind.len() as u32;
        hasher.write(&lengths.to_le_bytes());
        hasher.write(post);
        hasher.write(kind);
        Self(hasher)
    }

    /// The digest of one entry. Untouched likes are in no set, so theirs is 0.
    pub(crate) fn entry(&self, user: UserId<'_>, length: CausalLength) -> Digest {
        if length == CausalLength::UNTOUCHED {
            return Digest::default();
        }
        let mut hasher = self.0;
        hasher.write(&length.value().to_le_bytes());
        hasher.write(user.as_str().as_bytes());
        Digest(hasher.finish128().as_u128())
    }
}

impl Digest {
    /// The digest as bytes, for peers of the same cluster only.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// The digest from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }

    /// The low 64 bits: enough to name an entry among those of one cluster.
    #[must_use]
    pub const fn low(self) -> u64 {
        self.0 as u64
    }

    /// A text that is equal for equal digests and tells nothing else about them: an HTTP entity tag.
    #[must_use]
    pub fn tag(self, key: &DigestKey) -> String {
        let mut hasher = SipHasher24::new_with_key(&key.0);
        hasher.write(b"tag\0");
        hasher.write(&self.0.to_le_bytes());
        format!("{:032x}", hasher.finish128().as_u128())
    }
}

impl Add for Digest {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Digest {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

impl std::iter::Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        digests.fold(Self::default(), Add::add)
    }
}
