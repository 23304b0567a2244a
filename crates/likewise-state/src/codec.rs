//! Bytes in and out: varints, length-prefixed ids, and a reader that never believes a length it read.
//!
//! Every format of Likewise starts with a version byte. Decoding allocates nothing that the input's
//! own size does not pay for, and an error says where it stopped.

use std::fmt;

use crate::id::{IdError, Kind, PostId, UserId};
use crate::length::CausalLength;

/// Why bytes could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// How many bytes had been read when it failed.
    pub offset: usize,
    /// What was wrong there.
    pub cause: DecodeCause,
}

/// What was wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeCause {
    /// The input ends in the middle of something.
    Truncated,
    /// The first byte names a format that this release does not know.
    UnknownVersion {
        /// What was found.
        found: u8,
        /// What is known.
        known: u8,
    },
    /// A number does not fit its field.
    NumberTooLarge,
    /// A text is not UTF-8.
    NotUtf8,
    /// A text is UTF-8 but no id.
    Id(IdError),
    /// A causal length is 0, which no one sends, or above the largest.
    Length(u64),
    /// A first entry refers to an entry before it.
    NothingBefore,
    /// An entry refers to a user that the stream has not named.
    UnknownUser(u64),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.offset)?;
        match &self.cause {
            DecodeCause::Truncated => write!(f, "the input ends in the middle of an entry"),
            DecodeCause::UnknownVersion { found, known } => {
                write!(f, "format version {found} is unknown, this release reads version {known}")
            }
            DecodeCause::NumberTooLarge => write!(f, "a number is too large"),
            DecodeCause::NotUtf8 => write!(f, "a text is not UTF-8"),
            DecodeCause::Id(error) => error.fmt(f),
            DecodeCause::Length(n) => {
                write!(f, "causal length {n} is not between 1 and {}", CausalLength::MAX)
            }
            DecodeCause::NothingBefore => write!(f, "the first entry names no post"),
            DecodeCause::UnknownUser(n) => write!(f, "user number {n} was never named"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Appends `n` in LEB128: seven bits a byte, the lowest first.
pub fn put_varint(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push((n as u8) | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
}

/// Appends a kind, its length first. The default kind is a length of 0.
pub fn put_kind(bytes: &mut Vec<u8>, kind: Kind<'_>) {
    let text = if kind.is_like() { "" } else { kind.as_str() };
    bytes.push(text.len() as u8);
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads what the functions above wrote, from bytes that nobody vouches for.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// A reader that has passed the version byte, which must be `known`.
    ///
    /// # Errors
    /// Where it is another, or there is none.
    pub fn versioned(bytes: &'a [u8], known: u8) -> Result<Self, DecodeError> {
        let mut reader = Self::new(bytes);
        match reader.byte()? {
            found if found == known => Ok(reader),
            found => Err(reader.error(DecodeCause::UnknownVersion { found, known })),
        }
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.offset == self.bytes.len()
    }

    /// An error at the present place.
    #[must_use]
    pub const fn error(&self, cause: DecodeCause) -> DecodeError {
        DecodeError { offset: self.offset, cause }
    }

    /// The next byte.
    ///
    /// # Errors
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte =
            *self.bytes.get(self.offset).ok_or_else(|| self.error(DecodeCause::Truncated))?;
        self.offset += 1;
        Ok(byte)
    }

    /// The next varint.
    ///
    /// # Errors
    /// Where it is cut off or has more than 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(self.error(DecodeCause::NumberTooLarge));
            }
            n |= part << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(self.error(DecodeCause::NumberTooLarge))
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let rest = &self.bytes[self.offset..];
        let array = rest.first_chunk().ok_or_else(|| self.error(DecodeCause::Truncated))?;
        self.offset += N;
        Ok(*array)
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn bytes(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.offset..];
        let len = usize::try_from(len).ok().filter(|&len| len <= rest.len());
        let bytes = &rest[..len.ok_or_else(|| self.error(DecodeCause::Truncated))?];
        self.offset += bytes.len();
        Ok(bytes)
    }

    /// All that has not been read.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.offset..];
        self.offset = self.bytes.len();
        rest
    }

    fn text(&mut self, len: u64) -> Result<&'a str, DecodeError> {
        let ahead = self.clone().bytes(len)?;
        // Where it is no text the error is about its beginning.
        let text = std::str::from_utf8(ahead).map_err(|_| self.error(DecodeCause::NotUtf8))?;
        self.offset += text.len();
        Ok(text)
    }

    /// A post id whose length has been read.
    ///
    /// # Errors
    /// Where it is cut off or no id.
    pub fn post(&mut self, len: u64) -> Result<PostId<'a>, DecodeError> {
        let text = self.text(len)?;
        PostId::new(text).map_err(|error| self.error(DecodeCause::Id(error)))
    }

    /// A kind as [`put_kind`] wrote it.
    ///
    /// # Errors
    /// Where it is cut off or no kind.
    pub fn kind(&mut self) -> Result<Kind<'a>, DecodeError> {
        match self.byte()? {
            0 => Ok(Kind::LIKE),
            len => {
                let text = self.text(u64::from(len))?;
                Kind::new(text).map_err(|error| self.error(DecodeCause::Id(error)))
            }
        }
    }

    /// A user id behind its length.
    ///
    /// # Errors
    /// Where it is cut off or no id.
    pub fn user(&mut self) -> Result<UserId<'a>, DecodeError> {
        let len = self.varint()?;
        let text = self.text(len)?;
        UserId::new(text).map_err(|error| self.error(DecodeCause::Id(error)))
    }

    /// A length of 1 or more: nobody sends word of a like that was never touched.
    ///
    /// # Errors
    /// Where it is 0 or too large.
    pub fn length(&mut self) -> Result<CausalLength, DecodeError> {
        let n = self.varint()?;
        u32::try_from(n)
            .ok()
            .and_then(CausalLength::new)
            .filter(|&length| length != CausalLength::UNTOUCHED)
            .ok_or_else(|| self.error(DecodeCause::Length(n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_and_too_large_ones_are_refused() {
        for n in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, n);
            assert_eq!(Reader::new(&bytes).varint(), Ok(n));
            bytes.pop();
            assert!(Reader::new(&bytes).varint().is_err());
        }
        let too_large = [0xff; 11];
        assert_eq!(
            Reader::new(&too_large).varint().unwrap_err().cause,
            DecodeCause::NumberTooLarge
        );
    }

    #[test]
    fn a_length_prefix_beyond_the_input_is_refused_before_anything_is_allocated() {
        let error = Reader::new(b"ab").post(u64::MAX).unwrap_err();
        assert_eq!(error, DecodeError { offset: 0, cause: DecodeCause::Truncated });
    }
}
