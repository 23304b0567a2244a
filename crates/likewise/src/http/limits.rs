//! Every bound of the HTTP side, each with the sentence that says what happens at it.
//!
//! Tests make some of them small; nothing else changes them but the number of connections.

use std::time::Duration;

/// Connections open at once. One more is answered 503 and closed.
pub(crate) const CONNECTIONS_MAX: usize = 10_000;

/// Connections that the system has taken and the node has not accepted yet, as far as the system allows so
/// many. Of one more the first packet is dropped, and the client tries again after a second: the usual 128
/// made a crowd that came all at once wait for minutes.
pub(crate) const CONNECTIONS_WAITING_MAX: u32 = 4_096;

/// Requests being worked on at once. One more is answered 503.
pub(crate) const REQUESTS_MAX: usize = 4_096;

/// Bulk requests at once. One more is answered 503: each keeps some chunks of likes in memory.
pub(crate) const BULK_REQUESTS_MAX: usize = 8;

/// Scans of a long list at once. One more waits its turn, among the bounded requests.
pub(crate) const SCANS_MAX: usize = 4;

/// Exports at once. One more is answered 503: each keeps a slot as text in memory.
pub(crate) const EXPORTS_MAX: usize = 2;

/// Backups at once. One more is answered 503: each takes a thread, and keeps a copy of a slot in memory.
pub(crate) const BACKUPS_MAX: usize = 2;

/// Event streams at once. One more is answered 503: each holds a connection for as long as it likes.
pub(crate) const EVENT_STREAMS_MAX: usize = 256;

/// Time between two comments on an event stream without events: keeps it open through proxies, and notices
/// a listener that has gone.
pub(crate) const EVENT_HEARTBEAT: Duration = Duration::from_secs(15);

/// Bytes of lines that an export hands to the network at once, or a line more.
pub(crate) const EXPORT_PIECE_BYTES: usize = 64 << 10;

/// Bytes of path and query. Longer ones are answered 414. Two ids of the longest sort, with every byte
/// percent-encoded, take 3 KiB.
pub(crate) const URI_BYTES_MAX: usize = 8 << 10;

/// Bytes of request head that a connection buffers. Longer ones are answered 431, and so are more than 100
/// headers: that is hyper's own bound, and another number would cost an allocation a request.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes of a JSON body. Longer ones are answered 413.
pub(crate) const JSON_BYTES_MAX: usize = 1 << 20;

/// Bytes of a bulk body that must arrive in [`ServeLimits::bulk_pace_time`], unless it ends: a few lines of a
/// slow stream are enough, and a client that sends a byte now and then does not keep its place. Then 408.
pub(crate) const PACE_BYTES_MIN: usize = 1 << 10;

/// Bytes of a bulk body. Longer ones are answered 413, after the lines before the bound were accepted.
pub(crate) const BULK_BYTES_MAX: u64 = 1 << 30;

/// Bytes of one line of a bulk body. A longer line is rejected, and the rest goes on.
pub(crate) const LINE_BYTES_MAX: usize = 4 << 10;

/// Bytes of one chunk of a bulk body on its way to the node.
pub(crate) const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Chunks of one bulk request that wait for the disk. Reading goes on when the oldest is durable.
pub(crate) const CHUNKS_IN_FLIGHT_MAX: usize = 2;

/// Rejected lines that a bulk answer describes. Later ones are only counted.
pub(crate) const LINE_ERRORS_MAX: usize = 100;

/// Bytes of a body that are read only to be forgotten, so that the client can read why. Where more are left
/// the connection is closed at once, and the answer may be lost.
pub(crate) const LEFTOVER_BYTES_MAX: u64 = 256 << 10;

/// How long reading them may take.
pub(crate) const LEFTOVER_TIME: Duration = Duration::from_millis(500);

/// How long a client may take to agree on TLS. It is then closed without a word.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Posts in one query. More are answered 400.
pub(crate) const QUERY_POSTS_MAX: usize = 1_000;

/// Users or posts on one page. More are answered 400.
pub(crate) const PAGE_MAX: usize = 1_000;

/// Users on a page of nobody's choice.
pub(crate) const PAGE_DEFAULT: usize = 100;

/// Posts in the answer to `/v1/top` of nobody's choice.
pub(crate) const TOP_DEFAULT: usize = 10;

/// Users that `GET /likes?detail=true` lists. Where there are more, `Likewise-Truncated` says so.
pub(crate) const DETAIL_USERS_MAX: usize = 10_000;

/// How long the voters may take where the request does not say. Then 503.
pub(crate) const VOTE_TIME_DEFAULT: Duration = Duration::from_secs(2);

/// The least that a request may give them. Less is answered 400: no disk is that fast.
pub(crate) const VOTE_TIME_MIN: Duration = Duration::from_millis(1);

/// The most that it may give them. More is answered 400: whoever waits so long has better things to do.
pub(crate) const VOTE_TIME_MAX: Duration = Duration::from_secs(30);

/// Likers beyond which listing them leaves the threads that serve the network.
pub(crate) const SHORT_LIST_MAX: u64 = 1_000;

/// What a server bears: how many at once, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// Connections open at once. One more is answered 503 and closed.
    pub connections_max: usize,
    /// Requests being worked on at once. One more is answered 503.
    pub requests_max: usize,
    /// Bulk requests at once. One more is answered 503.
    pub bulk_requests_max: usize,
    /// How long a client may take to agree on TLS. It is then closed without a word.
    pub handshake_time: Duration,
    /// How long a client may take nothing of an answer that waits for it. Its connection then breaks.
    pub stall_time: Duration,
    /// How long a connection may take to send the head of a request, counted from the end of the request
    /// before it: so it is also how long a connection may idle. It is then closed without an answer.
    pub head_time: Duration,
    /// How long a JSON body may take to arrive. Then 408.
    pub body_time: Duration,
    /// How long [`PACE_BYTES_MIN`] of a bulk body may take to arrive. Then 408.
    pub bulk_pace_time: Duration,
    /// How long a client may take until there is room for the next block of a backup, of 100 KB or so. Then the
    /// connection is closed.
    pub backup_block_time: Duration,
    /// How long the node may take to make a write durable. Then 503, with the outcome unknown.
    pub write_time: Duration,
    /// How long requests in flight may take to finish once the server stops. Then they are dropped.
    pub drain_time: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            requests_max: REQUESTS_MAX,
            bulk_requests_max: BULK_REQUESTS_MAX,
            handshake_time: HANDSHAKE_TIME,
            stall_time: Duration::from_secs(30),
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            bulk_pace_time: Duration::from_secs(30),
            backup_block_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(10),
        }
    }
}
