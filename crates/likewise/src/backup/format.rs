//! The bytes of a backup.
//!
//! ```text
//! file      preamble, header, blocks, footer
//! preamble  "LIKEWISE BACKUP\n", version (1)          16 bytes and a u32, little-endian like all numbers
//! frame     sort, plain, stored, checksum, payload    u8, three u32, and `stored` bytes
//! header    frame of sort 1: where and when the backup was begun, and what there was then
//! block     frame of sort 2: a delta (see likewise_state::packed) of `plain` bytes, deflated (RFC 1951)
//! footer    frame of sort 3: how much the blocks hold, and the SHA-256 of all bytes before this frame
//! ```
//!
//! The checksum is the CRC32C of sort, both lengths and payload. Header and footer are not deflated: their
//! two lengths are equal. Each block is understood by itself, so that a restore can send some of them at a time.
//!
//! Header: varint length and text of the cluster's name, and of the node's; varints: milliseconds since 1970,
//! posts, likes, users. Footer: varints: blocks, entries, likes, milliseconds since 1970; 32 bytes of SHA-256.
//! What a later release adds to either stands behind that, and this one does not look at it.

use likewise_state::codec::{DecodeCause, DecodeError, Reader, put_varint};

/// What every backup begins with: text, so that whoever looks at one learns what it is.
pub const MAGIC: &[u8; 16] = b"LIKEWISE BACKUP\n";

/// The version of the format. A file of another one is refused by its number.
pub const VERSION: u32 = 1;

/// Bytes of magic and version.
pub const PREAMBLE_BYTES: usize = MAGIC.len() + 4;

/// Bytes of a frame before its payload.
pub const FRAME_HEAD_BYTES: usize = 13;

/// Entries of a block, as many as a node takes in one request of its own. A block with more is refused.
pub const BLOCK_ENTRIES_MAX: usize = 4_096;

/// Entries of a block in bytes before they are deflated: at so many the writer closes it, before it has
/// [`BLOCK_ENTRIES_MAX`].
pub const BLOCK_PLAIN_BYTES: usize = 256 << 10;

/// The largest such block: a full one and an entry with the longest ids. One that says it unpacks to more
/// is refused before it is unpacked, and what unpacks to more than it says is not unpacked to its end.
pub const BLOCK_PLAIN_BYTES_MAX: usize = BLOCK_PLAIN_BYTES + (2 << 10);

/// The most that a block, a header or a footer takes in the file. A frame that is said to have more is refused
/// before it is read. What can't be deflated grows by five bytes for each 32 KiB.
pub const STORED_BYTES_MAX: usize = BLOCK_PLAIN_BYTES_MAX + (1 << 10);

/// Bytes of a name in the header. A longer one is refused.
const NAME_BYTES_MAX: usize = 1 << 10;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Where and when the backup was begun.
    Header,
    /// Some entries.
    Block,
    /// How much there was.
    Footer,
}

impl Sort {
    const fn number(self) -> u8 {
        match self {
            Self::Header => 1,
            Self::Block => 2,
            Self::Footer => 3,
        }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Block => "block",
            Self::Footer => "footer",
        }
    }

    /// The sort with this number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Header),
            2 => Some(Self::Block),
            3 => Some(Self::Footer),
            _ => None,
        }
    }
}

/// Where and when a backup was begun, and what there was then. Only the blocks say what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the node.
    pub node: String,
    /// When it was begun, in milliseconds since 1970, by the node's clock.
    pub begun: u64,
    /// Posts that anybody ever touched; a post with two kinds counts twice.
    pub posts: u64,
    /// Likes that counted.
    pub likes: u64,
    /// Users that ever touched anything.
    pub users: u64,
}

/// How much a backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// Blocks.
    pub blocks: u64,
    /// Entries in them: each like with its version, those that were taken back too.
    pub entries: u64,
    /// Entries that are likes and not taken back.
    pub likes: u64,
    /// When it was ended, in milliseconds since 1970, by the node's clock.
    pub ended: u64,
    /// The SHA-256 of all bytes before the footer.
    pub sum: [u8; 32],
}

/// The preamble of this version.
#[must_use]
pub fn preamble() -> [u8; PREAMBLE_BYTES] {
    let mut bytes = [0; PREAMBLE_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[MAGIC.len()..].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// A frame around `payload`, which comes to `plain` bytes once it is unpacked.
///
/// # Panics
/// Where either is beyond its bound.
#[must_use]
pub fn frame(sort: Sort, plain: usize, payload: &[u8]) -> Vec<u8> {
    assert!(plain <= BLOCK_PLAIN_BYTES_MAX, "a {} of {plain} bytes", sort.name());
    assert!(payload.len() <= STORED_BYTES_MAX, "{} bytes in a {}", payload.len(), sort.name());
    let mut bytes = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len());
    bytes.push(sort.number());
    bytes.extend_from_slice(&(plain as u32).to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    let sum = checksum(&bytes, payload);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The checksum of a frame: of its first nine bytes and its payload.
#[must_use]
pub fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head), payload)
}

impl Header {
    /// The payload of its frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in [&self.cluster, &self.node] {
            put_varint(&mut bytes, name.len() as u64);
            bytes.extend_from_slice(name.as_bytes());
        }
        for number in [self.begun, self.posts, self.likes, self.users] {
            put_varint(&mut bytes, number);
        }
        bytes
    }

    /// Reads that.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            cluster: name(&mut reader)?,
            node: name(&mut reader)?,
            begun: reader.varint()?,
            posts: reader.varint()?,
            likes: reader.varint()?,
            users: reader.varint()?,
        })
    }
}

fn name(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let len = reader.varint()?;
    if len > NAME_BYTES_MAX as u64 {
        return Err(reader.error(DecodeCause::NumberTooLarge));
    }
    let text = std::str::from_utf8(reader.bytes(len)?).map(str::to_owned);
    text.map_err(|_| reader.error(DecodeCause::NotUtf8))
}

impl Footer {
    /// The payload of its frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [self.blocks, self.entries, self.likes, self.ended] {
            put_varint(&mut bytes, number);
        }
        bytes.extend_from_slice(&self.sum);
        bytes
    }

    /// Reads that.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            blocks: reader.varint()?,
            entries: reader.varint()?,
            likes: reader.varint()?,
            ended: reader.varint()?,
            sum: reader.array()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_footer_come_back_and_let_a_later_release_add_to_them() {
        let header = Header {
            cluster: "c\u{e9}".to_owned(),
            node: "n".to_owned(),
            begun: 1 << 41,
            posts: 300,
            likes: u64::MAX,
            users: 0,
        };
        let footer = Footer { blocks: 1, entries: 4_096, likes: 7, ended: 1 << 41, sum: [9; 32] };
        let (mut head, mut foot) = (header.encode(), footer.encode());
        for bytes in [&mut head, &mut foot] {
            bytes.extend_from_slice(b"more");
        }
        assert_eq!((Header::decode(&head), Footer::decode(&foot)), (Ok(header), Ok(footer)));
    }

    #[test]
    fn what_cannot_be_deflated_fits_its_bound() {
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise as u8
        })
        .take(BLOCK_PLAIN_BYTES_MAX)
        .collect();
        let stored = miniz_oxide::deflate::compress_to_vec(&bytes, super::super::writer::LEVEL);
        assert!(stored.len() <= STORED_BYTES_MAX, "{} bytes", stored.len());
    }
}
