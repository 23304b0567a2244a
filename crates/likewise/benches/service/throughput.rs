//! How much a second, with every like durable before it is acknowledged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::likes::{Like, Random, zipf};
use crate::redis::Redis;
use crate::service::{Keeping, Node, Service, measure, write_all};
use crate::{Scale, grouped};

/// Clients that each wait for their answer.
const CONNECTIONS: usize = 64;

/// Posts that likes, counts and feeds go to.
const POSTS: u32 = 200_000;

/// Users of the likes in bulk, new with the first run and known from then on.
const BULK_USERS: u32 = 300_000;

/// Likes in bulk that one post gets in a row.
const LIKES_A_POST: u64 = 20;

/// Posts of one feed.
const FEED_POSTS: usize = 50;

/// One run of one kind of request.
#[derive(Clone, Copy)]
struct Run {
    a_second: f64,
    /// For each second of the server's processor time.
    a_cpu_second: f64,
    /// Absent for bulk, where the time of a request says little.
    p50: Option<Duration>,
    p99: Option<Duration>,
}

#[derive(Clone, Copy)]
enum Work {
    Bulk,
    Likes,
    Counts,
    Feeds,
}

const WORKS: [(&str, Work); 4] = [
    ("durable single likes", Work::Likes),
    ("counts", Work::Counts),
    ("feed queries of 50 posts", Work::Feeds),
    ("durable likes in bulk", Work::Bulk),
];

pub(crate) fn run(folder: &Path, scale: Scale, with_redis: bool) {
    println!(
        "### Throughput: {CONNECTIONS} connections, {} s, median of {} runs\n",
        scale.seconds, scale.runs
    );
    println!(
        "| | a second | p50 | p99 | a CPU second | Redis | p50 | p99 | a CPU second | ratio |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let node = Node::start(folder, Keeping::Always);
    let redis = with_redis.then(|| Redis::start(folder, Keeping::Always));
    let loaded = Arc::new(zipf(scale.likes, POSTS));
    load(&node, &loaded);
    redis.iter().for_each(|redis| load(redis, &loaded));
    for (name, work) in WORKS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for number in 0..scale.runs {
            ours.push(once(&node, work, number as u32, scale));
            theirs.extend(redis.as_ref().map(|redis| once(redis, work, number as u32, scale)));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let ratio = ours.zip(theirs).map(|(ours, theirs)| ours.a_second / theirs.a_second);
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("| {name} | {} | {} | {ratio} |", cells(ours), cells(theirs));
    }
    println!();
}

/// Gives a service something to count.
fn load<S: Service>(service: &S, likes: &Arc<Vec<Like>>) {
    let likes = likes.clone();
    write_all(service, likes.len(), false, move |number| likes[number]);
}

fn once<S: Service>(service: &S, work: Work, run: u32, scale: Scale) -> Run {
    let cpu = service.process().cpu_seconds();
    let time = Duration::from_secs_f64(scale.seconds);
    // Users that nobody else is: each like is a new one.
    let user = move |number: u64| 1_000_000 * (run + 1) + (number % 1_000_000) as u32;
    let mut all = scale.likes.into();
    let measured = match work {
        Work::Bulk => {
            let like = move |number: usize| {
                let group = (u64::from(run) << 32) | (number as u64 / LIKES_A_POST);
                let user = 10_000_000 + (number as u32).wrapping_mul(7919) % BULK_USERS;
                Like { post: Random::new(group).below(POSTS), user }
            };
            let time = write_all(service, scale.likes as usize, true, like);
            return finish(service, cpu, all, time, None);
        }
        Work::Likes => measure(service, CONNECTIONS, time, move |number, to| {
            S::like(to, Like { post: Random::new(number).below(POSTS), user: user(number) })
        }),
        Work::Counts => measure(service, CONNECTIONS, time, move |number, to| {
            S::count(to, Random::new(number).below(POSTS))
        }),
        Work::Feeds => measure(service, CONNECTIONS, time, move |number, to| {
            let mut random = Random::new(number);
            let posts: [u32; FEED_POSTS] = std::array::from_fn(|_| random.below(POSTS));
            S::feed(to, &posts, random.below(300_000))
        }),
    };
    all = measured.requests as f64;
    let quantiles = (measured.quantile(0.5), measured.quantile(0.99));
    finish(service, cpu, all, measured.elapsed, Some(quantiles))
}

fn finish<S: Service>(
    service: &S,
    cpu_before: f64,
    all: f64,
    time: Duration,
    quantiles: Option<(Duration, Duration)>,
) -> Run {
    // A tick at least, where a quick run was too short to be told.
    let cpu = (service.process().cpu_seconds() - cpu_before).max(0.01);
    let (p50, p99) = quantiles.unzip();
    Run { a_second: all / time.as_secs_f64(), a_cpu_second: all / cpu, p50, p99 }
}

fn median(mut runs: Vec<Run>) -> Option<Run> {
    runs.sort_by(|a, b| a.a_second.total_cmp(&b.a_second));
    runs.get(runs.len() / 2).copied()
}

fn cells(run: Option<Run>) -> String {
    let Some(run) = run else { return "- | - | - | -".to_owned() };
    let milliseconds = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.2} ms", time.as_secs_f64() * 1e3))
    };
    let (p50, p99) = (milliseconds(run.p50), milliseconds(run.p99));
    format!("{} | {p50} | {p99} | {}", grouped(run.a_second), grouped(run.a_cpu_second))
}
