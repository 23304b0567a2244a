//! Every bound of the protocol, each with the sentence that says what happens at it.

use std::time::Duration;

/// The bounds of a replica's queues, and of the pieces that it does its work in. All nodes of a cluster must
/// have the same; the simulator draws small ones, so that every bound is met in runs that hold little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// See [`GATHERED_BYTES_MAX`].
    pub gathered_bytes: usize,
    /// See [`GATHERED_BYTES_OF_PEERS`].
    pub gathered_bytes_of_peers: usize,
    /// See [`GATHERED_REQUESTS_MAX`].
    pub gathered_requests: usize,
    /// See [`FRAME_ENTRIES_MAX`].
    pub frame_entries: usize,
    /// See [`FRAMES_IN_FLIGHT_MAX`].
    pub frames_in_flight: usize,
    /// See [`OUTBOX_ENTRIES_MAX`].
    pub outbox_entries: usize,
    /// See [`BATCH_ENTRIES_MAX`].
    pub batch_entries: usize,
    /// See [`GATHER_PIECE`].
    pub gather_piece: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            gathered_bytes: GATHERED_BYTES_MAX,
            gathered_bytes_of_peers: GATHERED_BYTES_OF_PEERS,
            gathered_requests: GATHERED_REQUESTS_MAX,
            frame_entries: FRAME_ENTRIES_MAX,
            frames_in_flight: FRAMES_IN_FLIGHT_MAX,
            outbox_entries: OUTBOX_ENTRIES_MAX,
            batch_entries: BATCH_ENTRIES_MAX,
            gather_piece: GATHER_PIECE,
        }
    }
}

/// How far ahead of the node's own length a `seen` may be. One that is further ahead is refused: no
/// client got there by itself, and taking it could only burn the counter.
pub const SEEN_AHEAD_MAX: u32 = 1_000;

/// Batches on their way to the disk: one being written, one waiting behind it, so that the disk never
/// idles. Beyond that, writes gather in the next batch.
pub const BATCHES_MAX: usize = 2;

/// Bytes of gathered entries. When that many wait for the disk, requests are answered
/// [`Overloaded`](crate::output::Answer::Overloaded) and change nothing.
pub const GATHERED_BYTES_MAX: usize = 16 << 20;

/// Bytes of gathered entries at which frames of peers wait, unacknowledged, until the disk has taken them:
/// less than the bound for clients, so that catching up turns nobody away.
pub const GATHERED_BYTES_OF_PEERS: usize = 4 << 20;

/// Requests that wait for one batch. One more is answered
/// [`Overloaded`](crate::output::Answer::Overloaded).
pub const GATHERED_REQUESTS_MAX: usize = 65_536;

/// Writes in one request. The caller divides what is longer.
pub const WRITES_MAX: usize = 4_096;

/// Entries of one frame. A fuller outbox sends at once, without waiting for its tick; the rest goes into
/// the next frame. With short ids that is some 64 KiB.
pub const FRAME_ENTRIES_MAX: usize = 2_048;

/// Frames that a peer has not acknowledged. The next one waits: that is how a slow peer holds us back. At one
/// a tick that is 160 ms at least, more than a disk takes on a bad day; at 2,048 entries each they are some
/// 2 MB on their way.
pub const FRAMES_IN_FLIGHT_MAX: usize = 32;

/// Contexts of traces that wait for one peer, and so those of one frame, 1.6 KB. One more is dropped: the trace
/// that it belongs to does not show when that peer had the write.
pub const CONTEXTS_MAX: usize = 64;

/// Entries that wait for one peer, 16 MB of places. One more empties the outbox, and repair finds what was
/// in it.
pub const OUTBOX_ENTRIES_MAX: usize = 1_000_000;

/// Time between two frames to one peer: so long a member, within the bounds below.
pub const TICK_A_MEMBER: Duration = Duration::from_micros(500);

/// The shortest tick.
pub const TICK_MIN: Duration = Duration::from_millis(5);

/// The longest tick.
pub const TICK_MAX: Duration = Duration::from_millis(100);

/// Time between two repairs that a node begins, each with the next peer.
pub const REPAIR_INTERVAL: Duration = Duration::from_secs(5);

/// Time until a repair goes on with the same peer when it was busy or a lot was missing, and until slots
/// that differ are looked at again while news is flowing.
pub const REPAIR_AGAIN: Duration = Duration::from_millis(300);

/// Time until the next round sees whether a repair has found everything: longer than [`REPAIR_AGAIN`], so
/// that what it found does not count as news.
pub const REPAIR_CHECK: Duration = Duration::from_millis(500);

/// Looks at the slots that differ while news is flowing. One look more leaves fewer of those that differ only
/// because of what is on its way; after the last one the rest is taken for really different, and at worst
/// something is sent twice.
pub const REPAIR_LOOKS_MAX: u32 = 8;

/// Without an answer for so long a repair is given up.
pub const REPAIR_PATIENCE: Duration = Duration::from_secs(10);

/// Entries that are sketched together: a batch has costs of its own, and few differences take more symbols
/// each than many. Both sides hold some 50 bytes an entry meanwhile, 13 MB. A slot with more is a batch of
/// its own, and takes as much more.
pub const BATCH_ENTRIES_MAX: usize = 262_144;

/// Entries that are hashed before the node looks at its other work, some 3 ms.
pub const GATHER_PIECE: usize = 8_192;

/// Symbols that a difference takes, where there are many. If they don't suffice a few more are asked for.
pub const SYMBOLS_A_DIFFERENCE: f64 = 1.35;

/// The first symbols of a batch, beside those that its slots are likely to take.
pub const SYMBOLS_FIRST: usize = 2;

/// Symbols of one batch, half a MB. Beyond that its slots are sent as a whole.
pub const SYMBOLS_MAX: usize = 65_536;

/// Rounds after which everything has come that they found lacking, before a node holds itself to have caught
/// up where no round found the states equal: marks are short, and one round may miss some slots.
pub const ROUNDS_TO_BE_READY: u32 = 2;

/// Rounds that find everything before a peer that never was found equal counts as lacking nothing. Marks are a
/// byte long: one round overlooks a slot that differs once in 256 times, three once in 16 million.
pub const ROUNDS_TO_OWE_NOTHING: u32 = 3;

/// How long the node with the greater id waits after a link has opened before it compares states: the
/// other one does so at once, and then there is nothing left to find.
pub const REPAIR_YIELD: Duration = Duration::from_secs(1);

/// How long a node that is sent whole slots waits after the last piece before it compares states with
/// anybody, or lets anybody compare: others would send it the same.
pub const FILLING_REST: Duration = Duration::from_millis(500);

/// Time between two tellings of what our state comes to.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Peers that a replica mails to. A link to one more is closed, and it gets what this node holds by way of
/// others; a cluster of that size wants another topology.
pub const PEERS_MAX: usize = 256;

/// Voters. More would make every vote dearer and nothing safer; other nodes take every request all the same.
pub const VOTERS_MAX: usize = 15;

/// Requests at other levels than the local one that a node coordinates at once. One more is answered
/// [`Overloaded`](crate::output::Answer::Overloaded).
pub const OPERATIONS_MAX: usize = 16_384;

/// Rounds of a read. When the voters have told different things in all of them the answer is that others
/// write to the post all the time.
pub const ROUNDS_MAX: u32 = 14;

/// Rounds of a read without a rest before them. The first two do in a crowd where writes are held back.
pub const ROUNDS_AT_ONCE: u32 = 6;

/// The rest before the first round that has one; doubled before each further one. All rests together are
/// over a second: time for a repair of what is older than the newest entries.
pub const ROUND_REST: Duration = Duration::from_millis(5);

/// How long a round waits for the other voters once a majority has told different things.
pub const ROUND_GRACE: Duration = Duration::from_millis(2);

/// Users whose lengths one round asks for. A reader of one more waits for the next read.
pub const ROUND_USERS_MAX: usize = 256;

/// Entries of a post that are told to whoever differs, in the first round: the newest, and all of a post that
/// has no more. Four times as many in each further round.
pub const RECENT_FIRST: usize = 128;

/// The most of them. What differs in older entries than that is left to a repair, which is begun at once.
pub const RECENT_MAX: usize = 2_048;

/// Changes that a node remembers in order, over all posts: at ten thousand a second more than a second's.
pub const RECENT_KEPT: usize = 16_384;

/// How long a voter holds back writes to a post after a reader has asked for it. Nothing waits for longer, whatever
/// is held meanwhile.
pub const HOLD_TIME: Duration = Duration::from_millis(5);

/// How long after the beginning of a hold the next one may begin: writers get at least half of the time.
pub const HOLD_REST: Duration = Duration::from_millis(10);

/// Time until a voter that has not answered is asked once more.
pub const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Time between two looks at all open requests: with thousands of them each look takes a part of a millisecond.
pub const LOOK_REST: Duration = Duration::from_millis(2);

/// Bytes of questions or answers in one message, or one of them more.
pub const BALLOT_BYTES: usize = 64 << 10;

/// Questions or answers in one message. The rest goes into the next one; a message with more closes its link: a
/// few bytes on the wire are many in memory.
pub const BALLOTS_MAX: usize = 8_192;

/// Time until a voter asks again for what another one holds, which may have had no link to send it on. Whoever
/// is sending it does not begin anew.
pub const COPY_AGAIN: Duration = Duration::from_millis(500);

/// How long a voter that comes back with its data waits for copies from a majority of the others. Then it is
/// content with those that make a majority with it.
pub const SEAT_CONTENT: Duration = Duration::from_secs(5);

/// Time until a voter claims its seat again, where others have come to it three times in a row.
pub const SEAT_AGAIN: Duration = Duration::from_secs(5);

/// Members that one view of the cluster holds. Of a longer one the rest is left unread: it comes with the
/// gossip.
pub const MEMBERS_MAX: usize = 1_024;

/// Bytes of a gossip packet before it is sealed: with its envelope it fits the smallest usual frame of a
/// network, so that it is never divided. What does not fit goes into the next packet. The same on all nodes.
pub const GOSSIP_BYTES_MAX: usize = 1_320;

/// How long a node that was told to join looks for others before it holds itself to be the first.
pub const JOIN_PATIENCE: Duration = Duration::from_secs(10);

/// The first wait after a link broke or could not be opened; doubled after each further failure.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// The longest such wait. A link that was open for longer was a good one: the waits begin anew after it.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Time between two probes that a node sends.
pub const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// How long an answer to a probe may take before others are asked to probe.
pub const PROBE_TIME: Duration = Duration::from_millis(200);

/// How long a suspect may take to say that it lives, in a cluster of up to ten. Then it is down: it gets no
/// mail any more and is repaired when it is back.
pub const SUSPICION_TIME: Duration = Duration::from_millis(2_500);

/// How often a piece of news is sent on. With the members' number it should grow by its logarithm: this is
/// enough for hundreds.
pub const TRANSMISSIONS: u8 = 10;

/// Time between two packets that only spread news, while there is any.
pub const GOSSIP_INTERVAL: Duration = Duration::from_millis(200);

/// Time between two announcements of a node that knows nobody.
pub const SEEK_ALONE: Duration = Duration::from_secs(1);

/// Time between two announcements to lost members.
pub const SEEK_INTERVAL: Duration = Duration::from_secs(3);

/// Time between two announcements to the seeds, by a node that is not alone: two clusters that never met
/// become one.
pub const SEEDS_INTERVAL: Duration = Duration::from_secs(10);

/// Lost members that are announced to at once; then the next ones.
pub const LOST_ANNOUNCED_MAX: usize = 3;

/// How long a member that is gone is remembered.
pub const LOST_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Members that are gone and still remembered. One more, and the one that has been gone for the longest is
/// forgotten.
pub const LOST_MAX: usize = 256;

/// How long two members of one name may both seem to live before the operator is told: a node that comes
/// back without its data is there before its former self has been found dead.
pub const NAMESAKE_TIME: Duration = Duration::from_secs(30);

/// Time between two tellings of the whole view over each link.
pub const NOTICE_INTERVAL: Duration = Duration::from_secs(30);

/// Renewals within so long are counted together: each goes twice as far as the one before.
pub const RENEWAL_WINDOW: Duration = Duration::from_secs(60);

/// A renewal that comes so long after the one before is no part of the same catching up.
pub const RENEWAL_REST: Duration = Duration::from_millis(250);

/// Such renewals within [`RENEWAL_WINDOW`]. Then the operator is told that this node has a twin, or can't
/// keep up.
pub const RENEWALS_MAX: usize = 3;

/// The power of two by which an incarnation grows at most at once.
pub const RENEWAL_STEP_MAX: u32 = 20;

/// Time between two tellings that this node goes.
pub const LEAVE_STEP: Duration = Duration::from_millis(100);

/// How often it is told.
pub const LEAVE_STEPS: u32 = 4;
