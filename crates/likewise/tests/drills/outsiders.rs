//! Strangers at the cluster port: nonsense at a high rate, and nodes without the right secret.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Drill;
use super::ask::{DETECTION, agent, check, metric, until};
use super::guarded::{Guarded, Strangers, refused};
use super::load::{Load, Random};
use super::nodes::{Setup, keygen, until_together};
use super::reader::Reader;
use super::record::Record;
use super::tally::Tally;

pub(crate) const MALFORMED: Drill = Drill {
    name: "malformed",
    tried: "random, truncated and flipped packets and streams, huge lengths, junk after a valid preamble and after a valid first message, thrown at the cluster port of one of two nodes",
    waits: false,
    run: malformed,
};

pub(crate) const WRONG_KEY: Drill = Drill {
    name: "wrong-key",
    tried: "a node with another secret and one without any try to join two that have one",
    waits: false,
    run: wrong_key,
};

/// Datagrams and streams of a round.
const PACKETS: usize = 20_000;
const STREAMS: usize = 200;

/// Datagrams before strangers rest, and for how long: the pace of the flood.
const BURST: usize = 100;
const BREATH: Duration = Duration::from_millis(5);

/// Bytes of a preamble, and of it with the first message of the handshake.
const PREAMBLE: usize = 22;
const FIRST_MESSAGE: usize = PREAMBLE + 48;

const SOME: usize = 200;

/// The first user of the strangers' own clients: whom nobody else likes anything for.
const STRANGER_USERS: usize = 5_000_000;

fn junk(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.next().to_le_bytes()[3]).collect()
}

/// A packet that no node has sent.
fn bad_packet(random: &mut Random, real: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = real[random.below(real.len())].clone();
    match random.below(4) {
        0 => {
            return {
                let length = random.below(1_500);
                junk(random, length)
            };
        }
        1 => packet.truncate(random.below(packet.len())),
        2 => {
            let at = random.below(packet.len());
            packet[at] ^= 1 + random.below(255) as u8;
        }
        _ => packet.extend(junk(random, 100)),
    }
    packet
}

/// A stream that no node begins.
fn bad_stream(random: &mut Random, real: &[u8]) -> Vec<u8> {
    let kept = match random.below(5) {
        0 => 0,
        1 => random.below(FIRST_MESSAGE),
        2 => PREAMBLE,
        _ => FIRST_MESSAGE,
    };
    let mut stream = real[..kept].to_vec();
    // The length of the next message, as long as it may be, and far less than that.
    stream.extend([0xff, 0xff]);
    let length = random.below(20_000);
    stream.extend(junk(random, length));
    stream
}

fn malformed(tally: &mut Tally) -> Result<(), String> {
    let cluster = Guarded::start();
    let (a, b) = (&cluster.a, &cluster.b);
    let members = cluster.members(a).unwrap();
    let strangers = Strangers::new();
    let target: SocketAddr = cluster.b_address;
    let (mut record, mut flood) = (Record::default(), Duration::ZERO);
    for round in 0..tally.asked {
        let load = Load::start(vec![a.url.clone(), b.url.clone()], round * 100_000);
        load.until_more(SOME);
        let (packets, stream) = {
            let heard = cluster.relay.heard();
            (heard.packets.clone(), heard.streams[0].clone())
        };
        let before =
            ["gossip", "link"].map(|it| refused(&[b], &format!("likewise_{it}_refused_total")));
        let reader = Reader::start(&b.url);
        let began = Instant::now();
        for number in 0..PACKETS {
            let packet = bad_packet(&mut tally.random, &packets);
            // A full buffer on the way is no matter.
            let _ = strangers.socket.send_to(&packet, target);
            if number % BURST == 0 {
                // The rate of the flood, not a wait for anything.
                std::thread::sleep(BREATH);
            }
            if number % (PACKETS / STREAMS) == 0 {
                strangers.say(target, &bad_stream(&mut tally.random, &stream));
            }
        }
        flood += began.elapsed();
        tally.worst("p99 of reads meanwhile", reader.stop().p99);
        let after =
            ["gossip", "link"].map(|it| refused(&[b], &format!("likewise_{it}_refused_total")));
        let [more_packets, more_links] = [0, 1].map(|it: usize| after[it] - before[it]);
        // Some datagrams are lost where nobody is fast enough to take them.
        assert!(more_packets > PACKETS / 10, "{more_packets} packets were counted as refused");
        assert!(more_links > STREAMS / 2, "{more_links} links were counted as refused");
        tally.count("packets refused and counted", more_packets);
        tally.count("links refused and counted", more_links);
        load.until_more(SOME);
        record.merge(&tally.stop(load));
        until_together(&[a, b]);
        for node in [a, b] {
            let now = cluster.members(node).unwrap();
            assert_eq!(now, members, "strangers have changed what {} knows", node.setup.name);
        }
        tally.audit_all(&[a, b], &record);
        tally.rounds += 1;
    }
    let rate = (PACKETS * tally.rounds) as f64 / flood.as_secs_f64();
    tally.note(format!("{:.0} 000 packets a second", rate / 1e3));
    tally.note("no member was suspected long enough to change its incarnation".to_owned());
    Ok(())
}

fn wrong_key(tally: &mut Tally) -> Result<(), String> {
    let cluster = Guarded::start();
    let (a, b) = (&cluster.a, &cluster.b);
    let members = cluster.members(a).unwrap();
    let mut record = Record::default();
    for round in 0..tally.asked {
        let load = Load::start(vec![a.url.clone(), b.url.clone()], round * 100_000);
        let secret = "likewise_gossip_refused_total{reason=\"secret\"}";
        let before = metric(&a.url, secret).unwrap_or(0.0);
        let theirs = keygen(cluster.folder.path(), &format!("other-{round}"));
        let join = |name: &str| Setup::new(&format!("{name}{round}"), cluster.folder.path());
        let join = |name: &str| join(name).join(&a.address).join(&b.address);
        let other = join("x").with(&["--cluster-key-file", &theirs]).start();
        let open = join("y").start();
        for stranger in [&other, &open] {
            // A like that must not get into the cluster: the audit takes it for made up.
            let user = STRANGER_USERS + round;
            let post = super::record::post_of(user);
            let url = format!("{}/v1/posts/post-{post}/likes/user-{user}", stranger.url);
            let answer = agent(DETECTION).put(&url).send_empty().unwrap();
            assert_eq!(answer.status(), 200);
        }
        until("their tries are refused and counted", DETECTION, || {
            let refused = metric(&a.url, secret)? - before;
            check(refused >= 4.0, || format!("{refused} refused"))
        });
        tally.count(
            "packets refused and counted",
            (metric(&a.url, secret).unwrap() - before) as usize,
        );
        load.until_more(SOME);
        for stranger in [&other, &open] {
            let view = stranger.view().unwrap();
            assert_eq!(view.alive().len(), 1, "{} has got in: {view:?}", stranger.setup.name);
        }
        for node in [a, b] {
            assert_eq!(cluster.members(node).unwrap(), members, "at {}", node.setup.name);
            let told = node.line(|line| line.contains("same --cluster-key-file"));
            assert!(told.is_some(), "the log of {} does not say what to do", node.setup.name);
        }
        record.merge(&tally.stop(load));
        tally.audit_all(&[a, b], &record);
        tally.rounds += 2;
    }
    Ok(())
}
