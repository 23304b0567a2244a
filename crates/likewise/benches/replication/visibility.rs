//! From the acknowledgement of a like on one node until all others answer that they know it.
//!
//! While a load goes into one of three nodes, a like at a time is given to the same node. As soon as its
//! answer is there two threads ask the two others for it, again and again. An answer takes some 0.1 ms on an
//! idle machine and there are 0.2 ms between an answer and the next question, so that the questions take
//! little of the machine from the nodes: a time is up to 0.3 ms too long, and more where the questions wait
//! for a core.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::cluster::{self, Node};
use crate::connection::Connection;
use crate::load::Load;
use crate::process::PATIENCE;
use crate::{Scale, quantile};

/// Time between two questions.
const REST: Duration = Duration::from_micros(200);

/// Time from the start of a load to the first sample.
const WARM_UP: Duration = Duration::from_millis(500);

/// Asks one node when likes are visible.
struct Watch {
    likes: Sender<String>,
    visible: Receiver<Instant>,
}

impl Watch {
    fn start(address: SocketAddr) -> Self {
        let (likes, asked) = channel::<String>();
        let (answers, visible) = channel();
        std::thread::spawn(move || {
            let mut connection = Connection::open(address);
            for path in asked {
                let started = Instant::now();
                while !connection.get(&path).contains("\"liked\":true") {
                    assert!(started.elapsed() < PATIENCE, "{path} is not visible");
                    std::thread::sleep(REST);
                }
                // Nobody waits any more when the measurement is over.
                let _ = answers.send(Instant::now());
            }
        });
        Self { likes, visible }
    }
}

pub(crate) fn run(folder: &Path, scale: Scale) {
    println!("### From acknowledged on one node to visible on both others, every like durable\n");
    println!(
        "| likes a second | reached | samples | acknowledged in p50 | p99 | visible after p50 | p99 | most |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let nodes = cluster::start(folder, 3);
    let mut first = 0;
    for &rate in scale.rates {
        let load = Load::start(&nodes[0], rate, first);
        std::thread::sleep(WARM_UP);
        let (acknowledged, visible) = sample(&nodes, rate, scale.samples);
        first += load.done() + u64::from(rate);
        let reached = load.stop();
        println!(
            "| {rate} | {reached:.0} | {} | {} | {} | {} | {} | {} |",
            visible.len(),
            quantile(&acknowledged, 0.5),
            quantile(&acknowledged, 0.99),
            quantile(&visible, 0.5),
            quantile(&visible, 0.99),
            quantile(&visible, 1.0),
        );
        cluster::until_equal(&nodes);
    }
    println!();
}

/// The times until likes were acknowledged, and from then on until they were visible; both sorted.
fn sample(nodes: &[Node], rate: u32, samples: usize) -> (Vec<Duration>, Vec<Duration>) {
    let watches: Vec<Watch> = nodes[1..].iter().map(|node| Watch::start(node.http)).collect();
    let mut connection = nodes[0].connection();
    let (mut acknowledged, mut visible) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let path = format!("/v1/posts/sample-{rate}-{sample}/likes/visitor");
        let asked = Instant::now();
        let answer = connection.ask("PUT", &path, b"");
        let answered = Instant::now();
        assert!(answer.status < 300, "a like is answered {}: {}", answer.status, answer.body);
        for watch in &watches {
            watch.likes.send(path.clone()).expect("the watch goes on");
        }
        let everywhere = watches.iter().map(|watch| watch.visible.recv().expect("it goes on"));
        let last = everywhere.max().expect("there are other nodes");
        acknowledged.push(answered - asked);
        visible.push(last.saturating_duration_since(answered));
        // At another moment of the ticks of nodes and load each time.
        std::thread::sleep(Duration::from_micros(sample as u64 * 7_919 % 15_000));
    }
    acknowledged.sort_unstable();
    visible.sort_unstable();
    (acknowledged, visible)
}
