//! Frames over a sealed stream.
//!
//! ```text
//! on the wire     u16 big-endian length, then a Noise message of that length
//! inside          u32 big-endian length, then a frame of that length; frames and messages need not align
//! ```
//!
//! Small frames share a message, long ones take several. Every message is sealed under a number that goes
//! up by one, so none can be changed, left out, repeated or swapped unnoticed.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use snow::StatelessTransportState;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::cluster::link_error::LinkError;

/// Bytes of a frame. A longer one is refused on both sides, before anything is allocated for it.
pub const FRAME_BYTES_MAX: usize = 4 << 20;

/// The longest Noise message, which is the protocol's own bound.
const SEALED_BYTES_MAX: usize = 65_535;

const SEAL_BYTES: usize = 16;

/// Bytes of frames that fit one message.
pub(crate) const PLAIN_BYTES_MAX: usize = SEALED_BYTES_MAX - SEAL_BYTES;

const LENGTH_BYTES: usize = 2;
const FRAME_LENGTH_BYTES: usize = 4;

/// A buffer that has grown beyond this many bytes is given back when it is empty.
const BUFFER_BYTES_KEPT: usize = 256 << 10;

/// Writes frames.
pub struct FrameWriter<W> {
    io: W,
    noise: Arc<StatelessTransportState>,
    number: u64,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

/// Reads frames.
pub struct FrameReader<R> {
    io: R,
    noise: Arc<StatelessTransportState>,
    number: u64,
    sealed: BytesMut,
    plain: BytesMut,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(crate) const fn new(io: W, noise: Arc<StatelessTransportState>) -> Self {
        Self { io, noise, number: 0, plain: Vec::new(), sealed: Vec::new() }
    }

    /// Takes a frame; it leaves with the next [`Self::flush`].
    ///
    /// # Errors
    /// Where it is longer than [`FRAME_BYTES_MAX`].
    pub fn write(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        if frame.len() > FRAME_BYTES_MAX {
            let bytes = frame.len() as u64;
            return Err(LinkError::FrameTooLarge { bytes, bytes_max: FRAME_BYTES_MAX });
        }
        self.plain.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        self.plain.extend_from_slice(frame);
        Ok(())
    }

    /// Seals and sends what was written. Not to be called again after it was cancelled.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn flush(&mut self) -> Result<(), LinkError> {
        for plain in self.plain.chunks(PLAIN_BYTES_MAX) {
            let start = self.sealed.len();
            let length = plain.len() + SEAL_BYTES;
            self.sealed.extend_from_slice(&(length as u16).to_be_bytes());
            self.sealed.resize(start + LENGTH_BYTES + length, 0);
            self.noise
                .write_message(self.number, plain, &mut self.sealed[start + LENGTH_BYTES..])
                .expect("a message of this length fits, and numbers do not run out");
            self.number += 1;
        }
        self.io.write_all(&self.sealed).await?;
        self.io.flush().await?;
        for buffer in [&mut self.plain, &mut self.sealed] {
            buffer.clear();
            buffer.shrink_to(BUFFER_BYTES_KEPT);
        }
        Ok(())
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(io: R, noise: Arc<StatelessTransportState>) -> Self {
        Self { io, noise, number: 0, sealed: BytesMut::new(), plain: BytesMut::new() }
    }

    /// The next frame; `None` where the other side has ended between two frames. An empty frame is a sign
    /// of life. May be cancelled and called again: what has been read stays here.
    ///
    /// # Errors
    /// Where the connection fails or ends in a frame, or where a seal does not fit.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Some(frame));
            }
            if self.unseal()? {
                continue;
            }
            self.sealed.reserve(LENGTH_BYTES + SEALED_BYTES_MAX);
            if self.io.read_buf(&mut self.sealed).await? == 0 {
                let is_between = self.sealed.is_empty() && self.plain.is_empty();
                return if is_between { Ok(None) } else { Err(LinkError::CutOff) };
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let Some(length) = self.plain.first_chunk::<FRAME_LENGTH_BYTES>() else { return Ok(None) };
        let bytes = u32::from_be_bytes(*length) as usize;
        if bytes > FRAME_BYTES_MAX {
            let bytes = bytes as u64;
            return Err(LinkError::FrameTooLarge { bytes, bytes_max: FRAME_BYTES_MAX });
        }
        if self.plain.len() < FRAME_LENGTH_BYTES + bytes {
            return Ok(None);
        }
        self.plain.advance(FRAME_LENGTH_BYTES);
        let frame = self.plain.split_to(bytes).to_vec();
        if self.plain.is_empty() && self.plain.capacity() > BUFFER_BYTES_KEPT {
            self.plain = BytesMut::new();
        }
        Ok(Some(frame))
    }

    /// Opens the next whole message, if there is one.
    fn unseal(&mut self) -> Result<bool, LinkError> {
        let Some(length) = self.sealed.first_chunk::<LENGTH_BYTES>() else { return Ok(false) };
        let length = usize::from(u16::from_be_bytes(*length));
        if self.sealed.len() < LENGTH_BYTES + length {
            return Ok(false);
        }
        self.sealed.advance(LENGTH_BYTES);
        let message = self.sealed.split_to(length);
        let start = self.plain.len();
        self.plain.resize(start + length, 0);
        let opened = self.noise.read_message(self.number, &message, &mut self.plain[start..]);
        let opened = opened.map_err(|_| LinkError::Forged)?;
        self.plain.truncate(start + opened);
        self.number += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
