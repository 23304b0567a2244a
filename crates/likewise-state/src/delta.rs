//! Likes on the move: the only way in which state changes.
//!
//! A delta says "the length of this like is at least so much" of any number of likes. To merge one
//! again, late, or after a newer one, changes nothing.

use crate::codec::DecodeError;
use crate::id::Like;
use crate::length::CausalLength;
use crate::packed::Packed;

/// A list of (like, causal length). The same like may stand in it more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta(Packed);

impl Delta {
    /// Appends an entry.
    pub fn push(&mut self, like: Like<'_>, length: CausalLength) {
        debug_assert!(length != CausalLength::UNTOUCHED, "an untouched like is no news");
        self.0.push(like, u64::from(length.value()));
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The form that goes to disk and over the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Reads that form, checking all of it.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, DecodeError> {
        let is_length = |n| n >= 1 && n <= u64::from(CausalLength::MAX.value());
        Packed::decode(bytes, is_length).map(Self)
    }

    /// The entries, in the order in which they were pushed.
    pub fn entries(&self) -> impl Iterator<Item = (Like<'_>, CausalLength)> {
        self.0.iter().map(|(like, n)| {
            let length = u32::try_from(n).ok().and_then(CausalLength::new);
            (like, length.expect("only lengths are pushed or decoded"))
        })
    }
}
