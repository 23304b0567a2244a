//! What voters say to each other, as seeds for the targets of messages and links, and what a voter keeps.

use likewise_replica::member::NodeId;
use likewise_replica::message::Message;
use likewise_replica::quorum::ballot::{Ask, AskId, Vote};
use likewise_replica::quorum::request::Subject;
use likewise_replica::quorum::seats::{Kept, Seat, Seats};
use likewise_state::delta::Delta;
use likewise_state::digest::Digest;
use likewise_state::id::{Kind, PostId};
use likewise_state::length::CausalLength;
use likewise_state::slot::SLOTS;

use crate::state::some_likes;
use crate::{Bound, Target, assert_says_something};

/// [`kept_seats`]
pub const KEPT_SEATS: Target = Target {
    name: "kept_seats",
    run: kept_seats,
    seeds: kept_seeds,
    // A few voters of ten bytes each at least, twice: seats are 24 bytes in a list that doubles.
    bound: Bound { constant: 8 << 10, factor: 8 },
    slowness: 1,
};

/// What a voter keeps: what is understood is understood again.
pub fn kept_seats(data: &[u8]) {
    match Kept::decode(data) {
        Ok(kept) => assert_eq!(Kept::decode(&kept.encode()), Ok(kept)),
        Err(error) => {
            assert!(error.offset <= data.len(), "an error beyond the end");
            assert_says_something(&error);
        }
    }
}

/// Seats of so many voters.
fn seats(count: u64) -> Seats {
    let mut seats = Seats::empty(count as usize);
    for voter in 0..count {
        let _ = seats.raise(voter as usize, Seat { term: voter, node: NodeId(9), boot: 300 });
    }
    seats
}

fn kept_seeds() -> Vec<Vec<u8>> {
    let kept = [(0, true), (1, false), (3, true), (15, false)];
    kept.map(|(count, is_whole)| Kept { list: 7, is_whole, seats: seats(count) }.encode()).to_vec()
}

/// One message of each sort.
pub(crate) fn messages() -> Vec<Message> {
    let (list, digest) = (0x0706_0504_0302_0100, Digest::from_bytes([7; 16]));
    let post = PostId::new("post").expect("it is an id");
    let subject = || Subject::new(post, Kind::LIKE);
    let pull = Ask::Pull {
        id: AskId(300),
        subject: subject(),
        digest,
        holds: true,
        entries_max: 128,
        users: vec!["ann".to_owned(), "bob".to_owned()],
        entries: some_likes(0, 3),
    };
    let merge = Ask::Merge { id: AskId(1), entries: some_likes(0, 1) };
    let report = Vote::Report {
        id: AskId(300),
        digest,
        likes: 2,
        lengths: vec![CausalLength::LIKED_ONCE, CausalLength::UNTOUCHED],
        entries: Delta::default(),
    };
    vec![
        Message::Ask { list, asks: vec![merge, pull, Ask::Release { subject: subject() }] },
        Message::Vote { list, votes: vec![Vote::Merged { id: AskId(1) }, report] },
        Message::Roll { list, is_active: true, seats: seats(3) },
        Message::Copy { list, term: 2, digests: Box::new([digest; SLOTS]) },
        Message::Copied { list, term: 2, is_active: false },
    ]
}
