//! What comes by UDP, and the views of the cluster that come over links.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use likewise::cluster::packet::{self, BODY_BYTES_MAX, ENVELOPE_BYTES, WINDOW};
use likewise::cluster::secret::Secret;
use likewise_replica::limits::GOSSIP_BYTES_MAX;
use likewise_replica::member::NodeId;
use likewise_replica::membership::{GossipError, Identity, Member, Membership, Output};

use crate::script::{Script, pieces};
use crate::{Bound, Target, assert_says_something};

/// [`gossip_packet`]
pub const GOSSIP_PACKET: Target = Target {
    name: "gossip_packet",
    run: gossip_packet,
    seeds: packet_seeds,
    // A body is copied once to be opened and here once to be sealed; nothing else depends on it.
    bound: Bound { constant: 4 << 10, factor: 8 },
    slowness: 2,
};

/// [`gossip_body`]
pub const GOSSIP_BODY: Target = Target {
    name: "gossip_body",
    run: gossip_body,
    seeds: body_seeds,
    bound: MEMBERS_BOUND,
    slowness: 10,
};

/// [`gossip_notice`]
pub const GOSSIP_NOTICE: Target = Target {
    name: "gossip_notice",
    run: gossip_notice,
    seeds: notice_seeds,
    bound: MEMBERS_BOUND,
    slowness: 10,
};

/// A member has 27 bytes in a packet. Here it has 1 KiB at most: as itself, in the roster, among the news to
/// be passed on, in an event, in a timer, and in the view that is compared before and after.
const MEMBERS_BOUND: Bound = Bound { constant: 32 << 10, factor: 64 };

/// Outputs that one packet or notice may make for each of its bytes: a member of 27 makes an event, and the
/// packets that answer.
const OUTPUTS_MAX: usize = 64;

static SECRET: LazyLock<Secret> = LazyLock::new(|| {
    let text =
        format!("key {}\nkey {}\ndigests {}\n", "1".repeat(64), "2".repeat(64), "d".repeat(64));
    likewise::fuzz::key_file(text.as_bytes()).expect("it is a key file")
});

const NOW: Duration = Duration::from_secs(1_700_000_000);

/// A packet as it arrives, and the same bytes as the body of one that is sealed.
pub fn gossip_packet(data: &[u8]) {
    match packet::open(&SECRET, data, NOW) {
        Ok(body) => assert_eq!(body.len() + ENVELOPE_BYTES, data.len()),
        Err(refused) => {
            assert_says_something(&refused);
            assert_says_something(&refused.reason());
        }
    }
    let mut script = Script(data);
    let away = Duration::from_millis(script.u64() % 200_000);
    let body = &data[..data.len().min(BODY_BYTES_MAX)];
    let sealed = packet::seal(&SECRET, body, NOW + away, [7; 24]);
    match packet::open(&SECRET, &sealed, NOW) {
        Ok(opened) => assert!(opened == body && away <= WINDOW),
        Err(packet::Refused::Stale { by }) => assert!(by == away && away > WINDOW),
        Err(refused) => panic!("our own packet is refused: {refused}"),
    }
}

fn packet_seeds() -> Vec<Vec<u8>> {
    let bodies = BODIES.iter().map(Vec::as_slice).chain([&[][..], &[9; BODY_BYTES_MAX]]);
    let sealed = bodies.map(|body| packet::seal(&SECRET, body, NOW, [7; 24]));
    let open = Secret::open("fuzz");
    let others = [&open, &Secret::open("other")].map(|of| packet::seal(of, b"body", NOW, [7; 24]));
    let stale = packet::seal(&SECRET, b"body", NOW - 2 * WINDOW, [7; 24]);
    sealed.chain(others).chain([stale]).collect()
}

fn identity(number: u64) -> Identity {
    let address = SocketAddr::from(([10, 0, 0, number as u8], 9_293));
    Identity { node: NodeId(number), incarnation: 1, address }
}

/// A node that knows two others.
fn membership() -> Membership {
    let mut membership = Membership::new(identity(1), 7, Duration::ZERO);
    membership.told(&VIEW, Duration::ZERO).expect("it is a view");
    while membership.poll_output().is_some() {}
    membership
}

/// Bodies of packets that three nodes send to the first of them: joining, probing, missing one and leaving.
static BODIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut nodes: Vec<Membership> =
        (1..=3).map(|n| Membership::new(identity(n), n, Duration::ZERO)).collect();
    let mut bodies = Vec::new();
    let mut now = Duration::ZERO;
    let mut wire: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
    nodes[1].announce([identity(1).address], now);
    nodes[2].announce([identity(1).address], now);
    for step in 0..80 {
        now += Duration::from_millis(100);
        if step == 60 {
            nodes[1].leave(now);
        }
        for node in &mut nodes {
            node.tick(now);
            while let Some(output) = node.poll_output() {
                if let Output::Packet { to, packet } = output {
                    wire.push((to, packet));
                }
            }
        }
        for (to, packet) in std::mem::take(&mut wire) {
            // The third one is heard for the first two seconds only.
            let is_cut = to == identity(3).address && step > 20;
            let number = (1..=3).find(|&number| identity(number).address == to).filter(|_| !is_cut);
            let Some(number) = number else { continue };
            nodes[number as usize - 1].received(&packet, now).expect("nodes make sense");
            if number == 1 {
                bodies.push(packet);
            }
        }
    }
    // One of each sort, as far as their length tells.
    bodies.sort_by_key(|body| (body.len(), body.get(44).copied()));
    bodies.dedup_by_key(|body| (body.len(), body.get(44).copied()));
    bodies
});

static VIEW: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut other = Membership::new(identity(2), 7, Duration::ZERO);
    other.announce([identity(3).address], Duration::ZERO);
    let third = Membership::new(identity(3), 7, Duration::ZERO).view();
    other.told(&third, Duration::ZERO).expect("it is a view");
    other.view()
});

fn body_seeds() -> Vec<Vec<u8>> {
    let each = BODIES.iter().map(|body| pieces([body.as_slice()]));
    each.chain([pieces(BODIES.iter().map(Vec::as_slice))]).collect()
}

fn notice_seeds() -> Vec<Vec<u8>> {
    let mut leaving = Membership::new(identity(2), 7, Duration::ZERO);
    leaving.leave(Duration::ZERO);
    let mut told: Vec<Vec<u8>> = std::iter::from_fn(|| leaving.poll_output())
        .filter_map(|output| if let Output::Tell { notice } = output { Some(notice) } else { None })
        .collect();
    let forget = [&[1, 3][..], &3u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
    told.extend([forget, VIEW.clone()]);
    let each = told.iter().map(|notice| pieces([notice.as_slice()]));
    each.chain([pieces(told.iter().map(Vec::as_slice))]).collect()
}

/// Packets that were opened, one after the other.
pub fn gossip_body(data: &[u8]) {
    hear(data, Membership::received);
}

/// Views that came over links, one after the other.
pub fn gossip_notice(data: &[u8]) {
    hear(data, Membership::told);
}

fn hear(data: &[u8], hear: fn(&mut Membership, &[u8], Duration) -> Result<(), GossipError>) {
    let mut membership = membership();
    let mut now = Duration::ZERO;
    let mut script = Script(data);
    while let Some(bytes) = script.piece() {
        let members: Vec<Member> = membership.members().cloned().collect();
        let view = membership.view();
        if let Err(error) = hear(&mut membership, bytes, now) {
            assert_says_something(&error);
            assert!(membership.poll_output().is_none(), "what makes no sense is acted upon");
            assert!(membership.members().eq(&members) && membership.view() == view);
        }
        drain(&mut membership, bytes.len());
        // Whatever was said, the node goes on with its own work.
        now += Duration::from_millis(300);
        membership.tick(now);
        drain(&mut membership, data.len());
    }
    for _ in 0..10 {
        now += Duration::from_secs(1);
        membership.tick(now);
        drain(&mut membership, data.len());
    }
    let mut other = Membership::new(identity(4), 7, now);
    other.told(&membership.view(), now).expect("our own view makes sense");
}

fn drain(membership: &mut Membership, len: usize) {
    let mut outputs = 0;
    while let Some(output) = membership.poll_output() {
        outputs += 1;
        assert!(outputs <= OUTPUTS_MAX + OUTPUTS_MAX * len, "outputs without end");
        if let Output::Packet { packet, .. } = output {
            assert!(packet.len() <= GOSSIP_BYTES_MAX, "a packet of {} bytes", packet.len());
        }
    }
}
