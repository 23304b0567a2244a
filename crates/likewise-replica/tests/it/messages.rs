//! The bytes of each message, and peers that send nonsense.

use std::path::Path;

use likewise_replica::member::{Direction, LinkId, Peer};
use likewise_replica::message::{GROUP_SLOTS, GROUPS, Message};
use likewise_state::digest::Digest;
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

/// Nodes of different releases talk to each other: the bytes are kept. `LIKEWISE_BLESS=1` writes the file
/// of a new version; an existing one is never changed.
#[test]
fn version_1_of_each_message_is_as_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/messages-1.bin");
    let mut bytes = Vec::new();
    for message in every_message() {
        let encoded = message.encode();
        assert_eq!(Message::decode(&encoded).as_ref(), Ok(&message));
        bytes.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&encoded);
    }
    if std::env::var_os("LIKEWISE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(bytes == std::fs::read(&path).unwrap());
    assert_eq!(GROUPS * GROUP_SLOTS, likewise_state::slot::SLOTS);
}

fn replica_with_links() -> Replica {
    let mut replica = Replica::new(NodeId(0), Arc::new(State::new(Keys::for_tests())));
    for (link, direction) in [(1, Direction::Outgoing), (2, Direction::Incoming)] {
        let peer =
            Peer { node: NodeId(9), name: "p".to_owned(), http: String::new(), incarnation: 1 };
        replica.handle(
            Input::LinkOpened { link: LinkId(link), peer, direction },
            Duration::from_secs(1),
        );
    }
    while replica.poll_output().is_some() {}
    replica
}

#[test]
fn a_message_out_of_turn_closes_its_link_and_nothing_else() {
    for message in every_message() {
        for link in [1, 2] {
            let mut replica = replica_with_links();
            let link = LinkId(link);
            let received = Input::Received { link, message: message.encode() };
            replica.handle(received, Duration::from_secs(1));
            while let Some(output) = replica.poll_output() {
                match output {
                    Output::Close { link: closed, .. } => assert_eq!(closed, link),
                    Output::Answer { .. } => panic!("nobody asked"),
                    Output::Send { .. } | Output::Persist { .. } => {}
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn nonsense_neither_panics_nor_changes_anything(
        tag in 0..15u8, bytes in prop::collection::vec(any::<u8>(), 0..200), link in 1..3u64
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
