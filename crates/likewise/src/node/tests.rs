//! What a node says of itself.

use std::time::Instant;

use likewise_journal::disk::file::FileDisk;
use likewise_state::digest::DigestKey;
use likewise_state::state::{Keys, TableKey};

use super::*;

/// How long the node's thread may take to notice anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn until_status(node: &Node, detail: &str) {
    let end = Instant::now() + PATIENCE;
    while node.status().detail != detail {
        assert!(Instant::now() < end, "{detail:?} is not {:?}", node.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_node_that_catches_up_says_what_it_waits_for() {
    let keys = Keys { digest: DigestKey::of_cluster("c"), table: TableKey::new([0; 16]) };
    let state = Arc::new(State::new(keys));
    let (node, thread) = Node::start::<FileDisk>(NodeId(1), "a".to_owned(), state, None, None);
    until_status(&node, "catching up with the cluster: no link to any member yet");
    let mut links = Vec::new();
    for (other, linked) in [(2, "1 member linked"), (3, "2 members linked")] {
        let (name, http) = (format!("node-{other}"), String::new());
        let peer = Peer { node: NodeId(other), name, http, incarnation: 1, takes_contexts: false };
        let (outgoing, messages) = mpsc::channel(1_024);
        links.push((node.link_opened(peer, Direction::Outgoing, outgoing), messages));
        until_status(&node, &format!("catching up with the cluster: {linked}"));
    }
    node.alone();
    until_status(&node, "recovered and writable");
    assert!(node.status().ready);
    thread.stop().unwrap();
}
