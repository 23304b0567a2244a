//! Every bound of the protocol, each with the sentence that says what happens at it.

/// How far ahead of the node's own length a `seen` may be. One that is further ahead is refused: no
/// client got there by itself, and taking it could only burn the counter.
pub const SEEN_AHEAD_MAX: u32 = 1_000;

/// Batches on their way to the disk: one being written, one waiting behind it, so that the disk never
/// idles. Beyond that, writes gather in the next batch.
pub const BATCHES_MAX: usize = 2;

/// Bytes of gathered entries. When that many wait for the disk, requests are answered
/// [`Overloaded`](crate::output::Answer::Overloaded) and change nothing.
pub const GATHERED_BYTES_MAX: usize = 16 << 20;

/// Requests that wait for one batch. One more is answered
/// [`Overloaded`](crate::output::Answer::Overloaded).
pub const GATHERED_REQUESTS_MAX: usize = 65_536;

/// Writes in one request. The caller divides what is longer.
pub const WRITES_MAX: usize = 4_096;
