//! Every bound of the journal, why it has this value, and what happens at it.

use std::time::Duration;

/// The size of a segment file in bytes, unless an option says otherwise. Large enough that a rotation
/// (a rename and two syncs) is rare, small enough that a spare one costs little. A full segment is
/// sealed and the next one begun.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// The smallest segment that may be asked for, in bytes. Smaller ones are taken as this.
pub const SEGMENT_BYTES_MIN: u64 = 4 << 10;

/// The largest segment file that recovery reads, in bytes: it is read whole. A larger one can't be
/// ours and is refused as damaged.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// The largest record in bytes. A single delta beyond it is refused; it stays below
/// [`SEGMENT_BYTES_MAX`] with room for a header.
pub const RECORD_BYTES_MAX: usize = 256 << 20;

/// How many bytes of deltas the writer gathers into one record. What waits beyond it goes into further
/// records; a single larger delta gets a record (and if need be a segment) of its own.
pub const GROUP_BYTES_MAX: usize = 8 << 20;

/// A snapshot is due once the journal has grown by this many bytes, or by the size of the last
/// snapshot if that is more: so at most about half of what is written to disk is snapshots.
pub const SNAPSHOT_JOURNAL_BYTES_MIN: u64 = 64 << 20;

/// How many snapshots are kept. Two: the older one is the way out when the newest is damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

/// The largest chunk of a snapshot that recovery believes, in bytes. A larger one is refused as damaged.
pub const CHUNK_BYTES_MAX: usize = 64 << 20;

/// How many bytes are written to or read from a snapshot at once.
pub const BLOCK_BYTES: usize = 1 << 20;

/// The most bytes that a voter keeps about seats. More are a mistake of its owner; a larger file is refused as
/// damaged.
pub const SEATS_BYTES_MAX: usize = 4 << 10;

/// The longest node name, in bytes. A longer one is refused when the store is opened.
pub const NODE_BYTES_MAX: usize = 255;

/// The largest `store` file that is read, in bytes. A larger one is refused as damaged.
pub const STORE_BYTES_MAX: u64 = 4 << 10;

/// The largest number of a file, a record or a start. A million a second would take 146,000 years to get
/// there, so a larger one was never given: a file that holds one is refused as damaged.
pub const NUMBER_MAX: u64 = 1 << 62;

/// Under `Durability::Interval`: the longest time between a write and the sync that follows it.
pub const SYNC_INTERVAL: Duration = Duration::from_millis(100);

/// How long the writer waits on a full disk before it tries the same batch again.
pub const STALL_RETRY: Duration = Duration::from_secs(1);

/// How long the writer waits after a first failed snapshot; doubled after each further one.
pub const SNAPSHOT_RETRY: Duration = Duration::from_secs(1);

/// The longest wait between two attempts at a snapshot.
pub const SNAPSHOT_RETRY_MAX: Duration = Duration::from_secs(60);
