//! Packets and streams of real nodes, recorded on their way and sent again: at once, after the node that
//! they are about has begun another life, and when they are too old.

use std::time::{Duration, Instant};

use super::Drill;
use super::ask::{PATIENCE, check, metric, until};
use super::guarded::{Guarded, Strangers};
use super::load::Load;
use super::nodes::{Node, until_together};
use super::record::Record;
use super::tally::Tally;

pub(crate) const REPLAYED: Drill = Drill {
    name: "replay",
    tried: "all packets and streams on the way to one of two nodes recorded and sent again from elsewhere, to both: at once, after a `kill -9` and restart, and after more than a minute",
    waits: true,
    run: replay,
};

/// How old a packet may be, and a little more.
const WINDOW: Duration = Duration::from_secs(61);

const SOME: usize = 300;

/// Packets that are sent again at once: what fits the buffer of a socket.
const BURST: usize = 50;
const BREATH: Duration = Duration::from_millis(10);

const STALE: &str = "likewise_gossip_refused_total{reason=\"stale\"}";
const FORGED: &str = "likewise_link_refused_total{reason=\"forged\"}";

/// What was recorded, and when the last of it.
struct Recording {
    packets: Vec<Vec<u8>>,
    streams: Vec<Vec<u8>>,
    ended: Instant,
}

impl Recording {
    fn take(cluster: &Guarded) -> Self {
        let (packets, streams) = {
            let heard = cluster.relay.heard();
            (heard.packets.clone(), heard.streams.clone())
        };
        assert!(packets.len() > 5 && !streams.is_empty(), "hardly anything was said");
        Self { packets, streams, ended: Instant::now() }
    }

    /// Sends it all again, to both nodes.
    fn replay(&self, cluster: &Guarded, strangers: &Strangers) {
        for target in [cluster.a.address.parse().unwrap(), cluster.b_address] {
            for (number, packet) in self.packets.iter().enumerate() {
                strangers.socket.send_to(packet, target).unwrap();
                if number % BURST == 0 {
                    // So that none is lost: the drill counts them.
                    std::thread::sleep(BREATH);
                }
            }
            for stream in &self.streams {
                strangers.say(target, stream);
            }
        }
    }
}

fn counted(node: &Node, name: &str) -> usize {
    metric(&node.url, name).unwrap_or(0.0) as usize
}

fn replay(tally: &mut Tally) -> Result<(), String> {
    let mut cluster = Guarded::start();
    let strangers = Strangers::new();
    let mut record = Record::default();
    // A round takes more than a minute.
    for round in 0..tally.asked.div_ceil(10) {
        let targets = vec![cluster.a.url.clone(), cluster.b.url.clone()];
        let load = Load::start(targets, round * 100_000);
        load.until_more(SOME);
        until("there are packets to record", PATIENCE, || {
            let heard = cluster.relay.heard().packets.len();
            check(heard > 20, || format!("{heard} packets"))
        });
        let recording = Recording::take(&cluster);
        let members = cluster.members(&cluster.a).unwrap();
        let links = [&cluster.a, &cluster.b].map(|node| counted(node, FORGED));
        recording.replay(&cluster, &strangers);
        for (node, before) in [&cluster.a, &cluster.b].into_iter().zip(links) {
            until("replayed streams are refused", PATIENCE, || {
                let refused = counted(node, FORGED) - before;
                check(refused >= recording.streams.len(), || format!("{refused} streams refused"))
            });
        }
        load.until_more(SOME);
        until_together(&[&cluster.a, &cluster.b]);
        for node in [&cluster.a, &cluster.b] {
            let now = cluster.members(node).unwrap();
            assert_eq!(now, members, "a replay has changed what {} knows", node.setup.name);
        }

        cluster.restart_b();
        until_together(&[&cluster.a, &cluster.b]);
        let members = cluster.members(&cluster.a).unwrap();
        recording.replay(&cluster, &strangers);
        load.until_more(SOME);
        until_together(&[&cluster.a, &cluster.b]);
        let now = cluster.members(&cluster.a).unwrap();
        assert_eq!(now, members, "packets of an earlier life have changed what a knows");

        until("what was recorded is too old", WINDOW * 2, || {
            let age = recording.ended.elapsed();
            check(age > WINDOW, || format!("{age:?}"))
        });
        let stale = [&cluster.a, &cluster.b].map(|node| counted(node, STALE));
        recording.replay(&cluster, &strangers);
        for (node, before) in [&cluster.a, &cluster.b].into_iter().zip(stale) {
            until("old packets are refused and counted", PATIENCE, || {
                let refused = counted(node, STALE) - before;
                check(refused >= recording.packets.len(), || format!("{refused} packets refused"))
            });
        }
        tally.count("old packets refused and counted", 2 * recording.packets.len());
        tally.count("streams refused", 6 * recording.streams.len());
        until_together(&[&cluster.a, &cluster.b]);
        assert_eq!(cluster.members(&cluster.a).unwrap(), members, "old packets have changed them");
        record.merge(&tally.stop(load));
        tally.audit_all(&[&cluster.a, &cluster.b], &record);
        tally.rounds += 3;
    }
    Ok(())
}
