//! The bytes of each message, and peers that send nonsense.

use std::path::Path;

use likewise_replica::limits::{BALLOTS_MAX, CONTEXTS_MAX};
use likewise_replica::member::{Direction, LinkId, Peer};
use likewise_replica::message::{GROUP_SLOTS, GROUPS, Message};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::ballot::{Ask, AskId, Vote};
use likewise_replica::quorum::request::Subject;
use likewise_replica::quorum::seats::{Seat, Seats};
use likewise_replica::quorum::voters::Voters;
use likewise_replica::trace::TraceContext;
use likewise_state::digest::Digest;
use likewise_state::id::Kind;
use likewise_state::slot::SLOTS;
use proptest::prelude::*;

use super::*;

fn every_message() -> Vec<Message> {
    let root = Digest::from_bytes(std::array::from_fn(|at| at as u8));
    let mut delta = Delta::default();
    delta.push(like("ann"), CausalLength::LIKED_ONCE);
    vec![
        Message::Delta { frame: 300, delta },
        Message::Chunk { frame: 1, first: true, chunk: vec![1, 0] },
        Message::Ack { frame: 127 },
        Message::Status { root },
        Message::Compare { salt: 7, root, marks: Box::new(std::array::from_fn(|at| at as u8)) },
        Message::Same { settled: true },
        Message::Busy,
        Message::Slots {
            settled: false,
            groups: [3, 127].map(|number| (number, std::array::from_fn(|at| at as u8))).to_vec(),
        },
        Message::Gather { salt: 7, slots: vec![0, 1, 700, 1_023], entries: 300 },
        Message::Sketch { first: 4, symbols: vec![0, 1, u64::MAX] },
        Message::More { until: 12 },
        Message::Want { words: vec![1, u32::MAX], lacking: 5 },
        Message::Whole { lacking: 10_000 },
    ]
}

/// Those that voters exchange, which came later.
fn every_ballot() -> Vec<Message> {
    let (list, id) = (0x0102_0304_0506_0708, AskId(300));
    let digest = Digest::from_bytes(std::array::from_fn(|at| at as u8));
    let subject = Subject::new(like("ann").post, Kind::new("heart").unwrap());
    let mut entries = Delta::default();
    entries.push(like("ann"), CausalLength::LIKED_ONCE);
    let pull = Ask::Pull {
        id,
        subject: subject.clone(),
        digest,
        holds: true,
        entries_max: 128,
        users: vec!["ann".to_owned(), "bob".to_owned()],
        entries: entries.clone(),
    };
    let lengths = [0, 7].map(|length| CausalLength::new(length).unwrap()).to_vec();
    let mut seats = Seats::empty(3);
    let _ = seats.raise(1, Seat { term: 2, node: NodeId(9), boot: 300 });
    let merge = Ask::Merge { id, entries: entries.clone() };
    let report = Vote::Report { id, digest, likes: 1_000, lengths, entries };
    vec![
        Message::Ask { list, asks: vec![merge, pull, Ask::Release { subject }] },
        Message::Vote { list, votes: vec![Vote::Merged { id }, report] },
        Message::Roll { list, is_active: true, seats },
        Message::Copy { list, term: 2, digests: Box::new([digest; SLOTS]) },
        Message::Copied { list, term: 2, is_active: false },
    ]
}

/// The one that only goes to nodes that ask for it, which came later still.
fn contexts(count: usize) -> Message {
    let context = |number| TraceContext {
        trace: std::array::from_fn(|at| at as u8),
        span: [number as u8; 8],
        flags: 1,
    };
    Message::Contexts { frame: 300, contexts: (0..count).map(context).collect() }
}

fn all_messages() -> impl Iterator<Item = Message> {
    every_message().into_iter().chain(every_ballot()).chain([contexts(2)])
}

#[test]
fn version_1_of_each_message_is_as_it_was() {
    compare_with_golden("messages-1.bin", &every_message());
    compare_with_golden("ballots-1.bin", &every_ballot());
    compare_with_golden("contexts-1.bin", &[contexts(2)]);
}

/// Nodes of different releases talk to each other: the bytes are kept. `LIKEWISE_BLESS=1` writes the file
/// of a new version; an existing one is never changed.
fn compare_with_golden(name: &str, messages: &[Message]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    let mut bytes = Vec::new();
    for message in messages {
        let encoded = message.encode();
        assert_eq!(Message::decode(&encoded).as_ref(), Ok(message));
        bytes.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&encoded);
    }
    if std::env::var_os("LIKEWISE_BLESS").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(bytes == std::fs::read(&path).unwrap());
    assert_eq!(GROUPS * GROUP_SLOTS, SLOTS);
}

/// A voter, with links to and from another one.
fn replica_with_links() -> Replica {
    let voters = Voters::new(["me", "p", "q"].map(str::to_owned)).unwrap();
    let voting = Voting { voters, name: "me".to_owned(), boot: 1, kept: None };
    let replica = Replica::new(NodeId(0), Arc::new(State::new(Keys::for_tests())));
    let mut replica = replica.with_voters(NodeId(0), voting);
    for (link, direction) in [(1, Direction::Outgoing), (2, Direction::Incoming)] {
        let peer = Peer {
            node: NodeId(9),
            name: "p".to_owned(),
            http: String::new(),
            incarnation: 1,
            takes_contexts: true,
        };
        replica.handle(
            Input::LinkOpened { link: LinkId(link), peer, direction },
            Duration::from_secs(1),
        );
    }
    while replica.poll_output().is_some() {}
    replica
}

#[test]
fn a_message_with_too_many_ballots_or_contexts_is_refused() {
    let votes =
        |count| Message::Vote { list: 1, votes: vec![Vote::Merged { id: AskId(1) }; count] };
    assert!(Message::decode(&votes(BALLOTS_MAX).encode()).is_ok());
    assert!(Message::decode(&votes(BALLOTS_MAX + 1).encode()).is_err());
    assert!(Message::decode(&contexts(CONTEXTS_MAX).encode()).is_ok());
    assert!(Message::decode(&contexts(CONTEXTS_MAX + 1).encode()).is_err());
}

#[test]
fn a_message_out_of_turn_closes_its_link_and_nothing_else() {
    for message in all_messages() {
        for link in [1, 2] {
            let mut replica = replica_with_links();
            let link = LinkId(link);
            let received = Input::Received { link, message: message.encode() };
            replica.handle(received, Duration::from_secs(1));
            while let Some(output) = replica.poll_output() {
                match output {
                    Output::Close { link: closed, .. } => assert_eq!(closed, link),
                    Output::Answer { .. } => panic!("nobody asked"),
                    Output::Send { .. } | Output::Persist { .. } | Output::Applied { .. } => {}
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn the_bytes_of_a_context_are_the_context(bytes in any::<[u8; TraceContext::BYTES]>()) {
        let context = TraceContext::from_bytes(bytes);
        prop_assert_eq!(context.to_bytes(), bytes);
        prop_assert_eq!((&context.trace[..], &context.span[..]), (&bytes[..16], &bytes[16..24]));
        prop_assert_eq!(context.flags, bytes[24]);
    }

    #[test]
    fn nonsense_neither_panics_nor_changes_anything(
        tag in 0..20u8, bytes in prop::collection::vec(any::<u8>(), 0..200), link in 1..3u64
    ) {
        let message = [vec![tag], bytes].concat();
        if let Ok(decoded) = Message::decode(&message) {
            prop_assert_eq!(Message::decode(&decoded.encode()), Ok(decoded));
        }
        let mut replica = replica_with_links();
        replica.handle(Input::Received { link: LinkId(link), message }, Duration::from_secs(1));
        while replica.poll_output().is_some() {}
    }
}
