//! What it costs to have a majority stand behind an answer: likes and counts at each level, on many posts and on
//! one that everybody is at.
//!
//! All nodes, the load and the disk share one machine: a round trip here is mostly the work of all the others.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use likewise::load::http::request;
use likewise::load::{self, Measured, Talk};

use crate::cluster::{self, Node};
use crate::load::{Load, scattered};
use crate::process::wait_for;
use crate::{Scale, quantile_of};

/// Clients that each wait for their answer.
const CONNECTIONS: usize = 32;

/// Posts, where there are many.
const POSTS: u64 = 100_000;

/// Likes a second that others write to the hot post while it is counted.
const WRITTEN: u32 = 500;

/// As old as the figures of a node may be, and a little more.
const FIGURES_TIME: Duration = Duration::from_millis(300);

/// Runs of each, of which the median is shown.
const RUNS: usize = 3;

const LEVELS: [&str; 3] = ["local", "quorum", "linearizable"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Likes,
    LikesWithoutSeen,
    Counts,
    CountsOfWritten,
}

const WORKS: [(&str, Work); 4] = [
    ("likes with `seen`", Work::Likes),
    ("likes without", Work::LikesWithoutSeen),
    ("counts", Work::Counts),
    ("counts, others write", Work::CountsOfWritten),
];

pub(crate) fn run(folder: &Path, scale: Scale) {
    println!(
        "### Levels: {CONNECTIONS} clients at one node, median of {RUNS} runs of {:?}\n",
        scale.rate_time
    );
    println!("| nodes | requests | posts | level | a second | p50 | p99 | one round | refused |");
    println!("|---:|---|---|---|---:|---:|---:|---:|---:|");
    for size in [3, 5] {
        let folder = folder.join(size.to_string());
        let nodes = cluster::start_voting(&folder, size);
        for node in &nodes {
            wait_for("votes", || node.view().is_voting().then_some(()));
        }
        for (name, work) in WORKS {
            for is_hot in [false, true] {
                if work == Work::CountsOfWritten && !is_hot {
                    continue;
                }
                for level in LEVELS {
                    if !(level == "quorum" && matches!(work, Work::Counts | Work::CountsOfWritten))
                    {
                        row(&nodes, name, work, is_hot, level, scale);
                    }
                }
            }
        }
    }
    println!();
}

fn row(nodes: &[Node], name: &str, work: Work, is_hot: bool, level: &'static str, scale: Scale) {
    let agreements = || {
        // A node looks at its own figures four times a second.
        std::thread::sleep(FIGURES_TIME);
        let rounds = |label| nodes[0].counter("likewise_votes_agreements_total", label);
        (rounds("rounds=\"1\""), rounds(""))
    };
    let (first_before, all_before) = agreements();
    let writer = (work == Work::CountsOfWritten).then(|| Load::at_hot_post(&nodes[1], WRITTEN));
    let refused = Arc::new(AtomicU64::new(0));
    let mut runs: Vec<Measured> = (0..RUNS)
        .map(|_| measure(&nodes[0], work, is_hot, level, scale.rate_time, &refused))
        .collect();
    let _ = writer.map(Load::stop);
    runs.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    let run = &runs[RUNS / 2];
    let (first, all) = agreements();
    let in_one = match all > all_before {
        true => format!("{:.1} %", 100.0 * (first - first_before) / (all - all_before)),
        false => "-".to_owned(),
    };
    let posts = if is_hot { "one" } else { "many" };
    let (rate, refused) = (run.rate(), refused.load(Ordering::Relaxed));
    let (p50, p99) = (quantile_of(run, 0.5), quantile_of(run, 0.99));
    let size = nodes.len();
    println!(
        "| {size} | {name} | {posts} | {level} | {rate:.0} | {p50} | {p99} | {in_one} | {refused} |"
    );
}

/// Numbers of requests, over all runs: each like is a new one.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn measure(
    node: &Node,
    work: Work,
    is_hot: bool,
    level: &'static str,
    time: Duration,
    refused: &Arc<AtomicU64>,
) -> Measured {
    let ask = move |to: &mut Vec<u8>| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let post = if is_hot { POSTS } else { scattered(number) % POSTS };
        let seen = if work == Work::LikesWithoutSeen { "" } else { "&seen=0" };
        match work {
            Work::Likes | Work::LikesWithoutSeen => {
                let like = format!("/v1/posts/post-{post:06}/likes/voter-{number}");
                request(to, "PUT", &format!("{like}?consistency={level}{seen}"), b"");
            }
            Work::Counts | Work::CountsOfWritten => {
                request(to, "GET", &format!("/v1/posts/post-{post:06}?consistency={level}"), b"");
            }
        }
    };
    let talks = (0..CONNECTIONS).map(|_| Asking { ask, refused: refused.clone() }).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system starts a runtime");
    runtime.block_on(load::run(node.http, talks, time)).expect("the node serves")
}

/// A client for whom 503 is an answer too: a hot post may be too hot.
struct Asking<F> {
    ask: F,
    refused: Arc<AtomicU64>,
}

impl<F: FnMut(&mut Vec<u8>) + Send + 'static> Talk for Asking<F> {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        (self.ask)(request);
        true
    }

    fn answer(&mut self, received: &[u8]) -> Result<Option<usize>, String> {
        let Some((bytes, status)) = crate::connection::whole(received) else { return Ok(None) };
        match status {
            200 => {}
            503 => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            _ => return Err(String::from_utf8_lossy(&received[..bytes]).into_owned()),
        }
        Ok(Some(bytes))
    }
}
