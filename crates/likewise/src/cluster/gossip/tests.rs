//! What a packet costs, and who may change anything.

use likewise_journal::disk::file::FileDisk;
use likewise_state::state::{Keys, State, TableKey};

use super::*;
use crate::node::Node;

/// A gossip task that does not run.
async fn gossip(secret: &Arc<Secret>, node: u64) -> Gossip {
    let me = Peer {
        node: NodeId(node),
        name: format!("node-{node}"),
        http: String::new(),
        incarnation: 1,
        takes_contexts: false,
    };
    let keys = Keys { digest: secret.digest_key(), table: TableKey::new([0; 16]) };
    let state = Arc::new(State::new(keys));
    // Its thread ends with the process.
    let (handle, _) = Node::start::<FileDisk>(me.node, me.name.clone(), state, None, None);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let identity = Identity { node: me.node, incarnation: me.incarnation, address };
    let shared = Arc::new(Shared::new("c".to_owned(), me, Some(address), handle, None));
    let seeds = Seeds::new(Vec::new(), None);
    Gossip::new(identity, node, socket, secret.clone(), shared, seeds)
}

/// The first packet that a node sends to whoever it wants to join.
fn greeting(of: &mut Gossip, to: SocketAddr) -> Vec<u8> {
    of.membership.announce([to], Duration::ZERO);
    loop {
        if let Output::Packet { packet, .. } = of.membership.poll_output().unwrap() {
            return packet::seal(&of.secret, &packet, unix_now(), [7; NONCE_BYTES]);
        }
    }
}

#[tokio::test]
async fn only_packets_of_those_who_know_the_secret_may_matter() {
    let secret = Arc::new(Secret::open("c"));
    let mut here = gossip(&secret, 1).await;
    let mut there = gossip(&secret, 2).await;
    let mut elsewhere = gossip(&Arc::new(Secret::open("d")), 3).await;
    let (to, from) = (here.membership.me().address, there.membership.me().address);

    assert!(!here.received(b"nonsense", from));
    let strange = greeting(&mut elsewhere, to);
    assert!(!here.received(&strange, from));
    assert_eq!(here.shared.figures.packets_refused.all().values().sum::<u64>(), 2);

    let known = greeting(&mut there, to);
    assert!(here.received(&known, from));
    assert_eq!(here.shared.figures.packets_refused.all().values().sum::<u64>(), 2);
    here.settle(&mpsc::channel(1).0);
    assert_eq!(here.shared.members.lock().unwrap()[0].identity.node, NodeId(2));
}
