//! What a packet of the gossip and a notice on a link say, read by a decoder of its own: what was recorded
//! keeps its meaning, whatever becomes of the product's decoder.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use likewise::cluster::packet::{self, NONCE_BYTES};
use likewise::cluster::secret::Secret;
use likewise_replica::member::NodeId;
use likewise_replica::membership::{Identity, Membership};

use super::version::{Version, compare, lines};

/// Where the nonce of a packet begins: after magic, version and two tags.
const NONCE_AT: usize = 21;

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().expect("a recorded packet is whole");
        self.0 = rest;
        *taken
    }

    fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    fn identity(&mut self) -> Identity {
        let (node, incarnation) =
            (u64::from_le_bytes(self.take()), u64::from_le_bytes(self.take()));
        let ip = match self.byte() {
            4 => IpAddr::from(self.take::<4>()),
            6 => IpAddr::from(self.take::<16>()),
            tag => panic!("{tag} is no sort of address"),
        };
        let address = SocketAddr::new(ip, u16::from_le_bytes(self.take()));
        Identity { node: NodeId(node), incarnation, address }
    }

    fn member(&mut self) -> String {
        let identity = identity(self.identity());
        let refutations = u16::from_le_bytes(self.take());
        let state = ["alive", "suspect", "down"][usize::from(self.byte())];
        format!("{identity} {state} {refutations}")
    }
}

fn identity(Identity { node, incarnation, address }: Identity) -> String {
    format!("{node} incarnation {incarnation} at {address}")
}

/// What the body of a packet says, and to whom.
fn body(bytes: &[u8]) -> (String, Identity) {
    let mut bytes = Bytes(bytes);
    let from = identity(bytes.identity());
    let refutations = u16::from_le_bytes(bytes.take());
    let to = bytes.identity();
    let tag = usize::from(bytes.byte());
    let number = if tag <= 6 { format!(" {}", bytes.byte()) } else { String::new() };
    let other = match tag {
        3..=6 => format!(" about {}", identity(bytes.identity())),
        _ => String::new(),
    };
    let what = [
        "ping",
        "ack",
        "ping-request",
        "indirect ping",
        "indirect ack",
        "forwarded ack",
        "announce",
        "feed",
        "gossip",
        "broadcast",
        "turn undead",
    ][tag - 1];
    let mut said = format!(
        "{what}{number}{other} from {from}, refutations {refutations}, to {}",
        identity(to)
    );
    if !bytes.0.is_empty() {
        let members = u16::from_be_bytes(bytes.take());
        let members: Vec<String> = (0..members).map(|_| bytes.member()).collect();
        said += &format!(", members [{}]", members.join("; "));
    }
    assert!(bytes.0.is_empty(), "nothing follows");
    (said, to)
}

/// What a notice says, without the byte that makes a frame one.
pub(crate) fn notice(bytes: &[u8]) -> String {
    let mut bytes = Bytes(bytes);
    assert_eq!(bytes.byte(), 1, "the version of a notice");
    match bytes.byte() {
        1 => {
            let mut members = Vec::new();
            while !bytes.0.is_empty() {
                let member = bytes.member();
                members.push(format!("{member} left {}", bytes.byte() != 0));
            }
            format!("Notice members [{}]", members.join("; "))
        }
        2 => format!("Notice leaving {}", bytes.member()),
        3 => {
            let (node, incarnation) = (u64::from_le_bytes(bytes.take()), bytes.take());
            let incarnation = u64::from_le_bytes(incarnation);
            format!("Notice forget {} incarnation {incarnation}", NodeId(node))
        }
        kind => panic!("{kind} is no notice"),
    }
}

/// Recorded packets: when each passed, in milliseconds since 1970, and its bytes.
pub(crate) type Packets = Vec<(u64, Vec<u8>)>;

/// The packets as text, opened by today's code at the time at which they passed, and understood by today's
/// membership of whoever they were for.
pub(crate) fn told(packets: &Packets, secret: &Secret) -> String {
    let mut said = String::new();
    for (at, sealed) in packets {
        let now = Duration::from_millis(*at);
        let opened = packet::open(secret, sealed, now).unwrap();
        let (what, to) = body(&opened);
        let to = Identity { node: NodeId(to.node.0.max(1)), ..to };
        Membership::new(to, 1, Duration::ZERO).received(&opened, Duration::ZERO).unwrap();
        said += &format!("{what}\n");
    }
    said
}

pub(crate) fn encode(packets: &Packets) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, packet) in packets {
        bytes.extend(at.to_le_bytes());
        bytes.extend((packet.len() as u32).to_le_bytes());
        bytes.extend(packet);
    }
    bytes
}

fn decode(bytes: &[u8]) -> Packets {
    let (mut bytes, mut packets) = (Bytes(bytes), Vec::new());
    while !bytes.0.is_empty() {
        let at = u64::from_le_bytes(bytes.take());
        let length = u32::from_le_bytes(bytes.take()) as usize;
        let (packet, rest) = bytes.0.split_at(length);
        packets.push((at, packet.to_vec()));
        bytes.0 = rest;
    }
    packets
}

#[test]
fn recorded_packets_open_and_say_what_they_said() {
    for version in Version::all() {
        let packets = decode(&version.read("packets.bin"));
        assert!(packets.len() > 10, "{}: {} packets", version.name, packets.len());
        compare(&version, "packets.txt", &told(&packets, &version.secret()));
    }
}

#[test]
fn a_recorded_packet_is_sealed_again_to_the_same_bytes() {
    let version = Version::written();
    let secret = version.secret();
    for (at, sealed) in decode(&version.read("packets.bin")) {
        let body = packet::open(&secret, &sealed, Duration::from_millis(at)).unwrap();
        let nonce: [u8; NONCE_BYTES] = *sealed[NONCE_AT..].first_chunk().unwrap();
        // When it was sent is sealed with it: within the moment in which it passed.
        let again = (0..=1_000)
            .map(|earlier| Duration::from_millis(at - earlier))
            .any(|sent| packet::seal(&secret, &body, sent, nonce) == sealed);
        assert!(again, "{} bytes", sealed.len());
    }
}

#[test]
fn each_recorded_packet_is_a_line_of_text() {
    for version in Version::all() {
        let said = lines(&version, "packets.txt");
        assert_eq!(said.len(), decode(&version.read("packets.bin")).len());
        for what in ["ping", "ack", "announce", "feed"] {
            assert!(said.iter().any(|line| line.starts_with(what)), "no {what}");
        }
    }
}
