//! The bytes of a backup back into entries, from pieces of any size that nobody vouches for.

use likewise_state::delta::Delta;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use sha2::{Digest, Sha256};

use crate::backup::error::{BackupError, Cause};
use crate::backup::format::{
    BLOCK_ENTRIES_MAX, BLOCK_PLAIN_BYTES_MAX, FRAME_HEAD_BYTES, Footer, Header, MAGIC,
    PREAMBLE_BYTES, STORED_BYTES_MAX, Sort, VERSION, checksum,
};

/// Takes a backup apart: [`Self::push`] what has come, then [`Self::next_part`] until it gives `None`, and
/// [`Self::finish`] at the end. Holds one frame and what was pushed last.
pub struct Reader {
    bytes: Vec<u8>,
    /// How many of them have been handed out.
    spent: usize,
    /// How many were handed out before the first of them.
    offset: u64,
    stage: Stage,
    hash: Sha256,
    counted: Footer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Preamble and header.
    Start,
    Blocks,
    End,
}

/// A part of a backup.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// The bytes that it was read from, for the first one those of the preamble too.
    pub bytes: Vec<u8>,
    /// What they say.
    pub content: Content,
}

/// What a part says.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// Where and when the backup was begun.
    Header(Header),
    /// Some entries.
    Block(Delta),
    /// How much there was: it is as told.
    Footer(Footer),
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            spent: 0,
            offset: 0,
            stage: Stage::Start,
            hash: Sha256::new(),
            counted: Footer::default(),
        }
    }
}

impl Reader {
    /// Takes in what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.spent);
        self.offset += self.spent as u64;
        self.spent = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next part, once all of it is there. After an error there is no going on.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn next_part(&mut self) -> Result<Option<Part>, BackupError> {
        if self.stage == Stage::End {
            return if self.rest().is_empty() {
                Ok(None)
            } else {
                Err(self.error(Cause::Trailing))
            };
        }
        let before = if self.stage == Stage::Start { PREAMBLE_BYTES } else { 0 };
        if before > 0 && !self.check_preamble()? {
            return Ok(None);
        }
        let Some((sort, plain, stored)) = self.frame_head(before)? else { return Ok(None) };
        let end = before + FRAME_HEAD_BYTES + stored as usize;
        if self.rest().len() < end {
            return Ok(None);
        }
        let bytes = self.rest()[..end].to_vec();
        let (head, payload) = bytes[before..].split_at(FRAME_HEAD_BYTES);
        if head[9..] != checksum(&head[..9], payload).to_le_bytes() {
            return Err(self.error(Cause::Checksum(sort)));
        }
        let content = self.content(sort, plain, payload)?;
        if sort != Sort::Footer {
            self.hash.update(&bytes);
        }
        self.spent += end;
        Ok(Some(Part { bytes, content }))
    }

    /// Says that nothing comes any more. Answers what the backup holds.
    ///
    /// # Errors
    /// Where something is missing.
    pub fn finish(&self) -> Result<Footer, BackupError> {
        self.pause()?;
        match self.stage {
            Stage::End => Ok(self.counted.clone()),
            Stage::Start => Err(self.error(Cause::Truncated("header"))),
            Stage::Blocks => Err(self.error(Cause::NoFooter)),
        }
    }

    /// Says that some blocks of a backup end here, with or without its footer.
    ///
    /// # Errors
    /// Where this is not the end of a block.
    pub fn pause(&self) -> Result<(), BackupError> {
        let what = match self.stage {
            Stage::Start => "header",
            Stage::Blocks if self.rest().is_empty() => return Ok(()),
            Stage::Blocks => Sort::of(self.rest()[0]).map_or("block", Sort::name),
            Stage::End => return Ok(()),
        };
        Err(self.error(Cause::Truncated(what)))
    }

    /// Blocks, entries and likes that have been handed out.
    #[must_use]
    pub const fn counted(&self) -> &Footer {
        &self.counted
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.spent..]
    }

    fn error(&self, cause: Cause) -> BackupError {
        BackupError { offset: self.offset + self.spent as u64, cause }
    }

    /// Whether the preamble is there. What is no backup is known by its first bytes, however few came.
    fn check_preamble(&self) -> Result<bool, BackupError> {
        let rest = self.rest();
        let shown = rest.len().min(MAGIC.len());
        if rest[..shown] != MAGIC[..shown] {
            return Err(self.error(Cause::NoBackup));
        }
        let Some(version) = rest.get(MAGIC.len()..PREAMBLE_BYTES) else { return Ok(false) };
        match number(version) {
            VERSION => Ok(true),
            other => Err(self.error(Cause::Version(other))),
        }
    }

    /// Sort and lengths of the frame that begins `before` bytes on, once its head is there.
    fn frame_head(&self, before: usize) -> Result<Option<(Sort, u32, u32)>, BackupError> {
        let Some(head) = self.rest().get(before..before + FRAME_HEAD_BYTES) else {
            return Ok(None);
        };
        let sort = Sort::of(head[0]).ok_or_else(|| self.error(Cause::Sort(head[0])))?;
        let is_expected = match self.stage {
            Stage::Start => sort == Sort::Header,
            Stage::Blocks => sort != Sort::Header,
            Stage::End => false,
        };
        if !is_expected {
            return Err(self.error(Cause::OutOfPlace(sort)));
        }
        let (plain, stored) = (number(&head[1..5]), number(&head[5..9]));
        for (bytes, bytes_max) in [(plain, BLOCK_PLAIN_BYTES_MAX), (stored, STORED_BYTES_MAX)] {
            if bytes as usize > bytes_max {
                return Err(self.error(Cause::TooLong { sort, bytes, bytes_max }));
            }
        }
        Ok(Some((sort, plain, stored)))
    }

    fn content(&mut self, sort: Sort, plain: u32, payload: &[u8]) -> Result<Content, BackupError> {
        let senseless = |error| self.error(Cause::Content(sort, error));
        match sort {
            Sort::Header => {
                let header = Header::decode(payload).map_err(senseless)?;
                self.stage = Stage::Blocks;
                Ok(Content::Header(header))
            }
            Sort::Block => {
                let unpacked = decompress_to_vec_with_limit(payload, plain as usize)
                    .ok()
                    .filter(|bytes| bytes.len() == plain as usize)
                    .ok_or_else(|| self.error(Cause::Unpacked { plain }))?;
                let delta = Delta::decode(unpacked).map_err(senseless)?;
                if delta.len() > BLOCK_ENTRIES_MAX {
                    return Err(self.error(Cause::TooManyEntries(delta.len())));
                }
                let likes = delta.entries().filter(|(_, length)| length.liked()).count();
                self.counted.blocks += 1;
                self.counted.entries += delta.len() as u64;
                self.counted.likes += likes as u64;
                Ok(Content::Block(delta))
            }
            Sort::Footer => {
                let footer = Footer::decode(payload).map_err(senseless)?;
                self.compare(&footer)?;
                self.counted.clone_from(&footer);
                self.stage = Stage::End;
                Ok(Content::Footer(footer))
            }
        }
    }

    /// Whether the footer tells of what there was.
    fn compare(&self, footer: &Footer) -> Result<(), BackupError> {
        let counted = &self.counted;
        for (what, found, told) in [
            ("blocks", counted.blocks, footer.blocks),
            ("entries", counted.entries, footer.entries),
            ("likes", counted.likes, footer.likes),
        ] {
            if found != told {
                return Err(self.error(Cause::Count { what, found, told }));
            }
        }
        let sum: [u8; 32] = self.hash.clone().finalize().into();
        if sum == footer.sum { Ok(()) } else { Err(self.error(Cause::Sum)) }
    }
}

/// The little-endian number in four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}
