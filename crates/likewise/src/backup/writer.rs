//! Entries into the bytes of a backup, a block at a time.

use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use miniz_oxide::deflate::compress_to_vec;
use sha2::{Digest, Sha256};

use crate::backup::format::{
    BLOCK_ENTRIES_MAX, BLOCK_PLAIN_BYTES, Footer, Header, Sort, frame, preamble,
};

/// How hard a block is deflated. Harder takes ten times as long and saves a fifth at best.
pub(crate) const LEVEL: u8 = 1;

/// Makes the bytes of one backup: [`Self::begin`], [`Self::push`] each entry, [`Self::finish`], and write what each
/// of them gives, in that order. Holds one block.
pub struct Writer {
    block: Delta,
    hash: Sha256,
    footer: Footer,
}

impl Writer {
    /// A writer, and the first bytes.
    #[must_use]
    pub fn begin(header: &Header) -> (Self, Vec<u8>) {
        let mut writer =
            Self { block: Delta::default(), hash: Sha256::new(), footer: Footer::default() };
        let payload = header.encode();
        let mut bytes = preamble().to_vec();
        bytes.extend_from_slice(&frame(Sort::Header, payload.len(), &payload));
        writer.hash.update(&bytes);
        (writer, bytes)
    }

    /// Adds an entry, and gives the bytes of a block that is full.
    pub fn push(&mut self, like: Like<'_>, length: CausalLength) -> Option<Vec<u8>> {
        self.block.push(like, length);
        self.footer.entries += 1;
        self.footer.likes += u64::from(length.liked());
        let is_full = self.block.len() >= BLOCK_ENTRIES_MAX
            || self.block.as_bytes().len() >= BLOCK_PLAIN_BYTES;
        is_full.then(|| self.close())
    }

    /// The last bytes; `now` is in milliseconds since 1970.
    #[must_use]
    pub fn finish(mut self, now: u64) -> Vec<u8> {
        let mut bytes = if self.block.is_empty() { Vec::new() } else { self.close() };
        self.footer.ended = now;
        self.footer.sum = self.hash.finalize().into();
        let payload = self.footer.encode();
        bytes.extend_from_slice(&frame(Sort::Footer, payload.len(), &payload));
        bytes
    }

    fn close(&mut self) -> Vec<u8> {
        let block = std::mem::take(&mut self.block);
        let plain = block.as_bytes();
        let bytes = frame(Sort::Block, plain.len(), &compress_to_vec(plain, LEVEL));
        self.hash.update(&bytes);
        self.footer.blocks += 1;
        bytes
    }
}
