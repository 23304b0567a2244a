//! What both services are asked, and Likewise's way of being asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use likewise::load::http::{Http, request};
use likewise::load::{self, Measured, Talk};

use crate::likes::Like;
use crate::process::{PATIENCE, Process, wait_for};

/// Connections that send likes in bulk.
const BULK_CONNECTIONS: usize = 4;

/// Appends request number N and says how many answers it has: 0 ends the connection.
pub(crate) type Ask = Box<dyn FnMut(&mut Vec<u8>) -> usize + Send>;

/// What becomes of an acknowledged like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It outlives a power cut.
    Always,
    /// It outlives a crash of the process.
    Never,
    /// It does not outlive the process.
    InMemory,
}

/// A service that counts likes.
pub(crate) trait Service: Sized {
    /// A connection to it.
    type Talk: Talk;

    /// Likes in one bulk request.
    const BULK_LIKES: usize;

    /// Starts it over `folder` and waits until it answers.
    fn start(folder: &Path, keeping: Keeping) -> Self;
    fn address(&self) -> SocketAddr;
    fn process(&self) -> &Process;
    /// Bytes that the likes take, with what the service takes without any.
    fn memory_bytes(&self) -> f64;
    fn talk(ask: Ask) -> Self::Talk;

    fn like(to: &mut Vec<u8>, like: Like) -> usize;
    fn count(to: &mut Vec<u8>, post: u32) -> usize;
    fn feed(to: &mut Vec<u8>, posts: &[u32], user: u32) -> usize;
    fn bulk(to: &mut Vec<u8>, likes: &[Like]) -> usize;
}

/// Asks a service from `connections` at once; `ask` makes request number N.
pub(crate) fn measure<S: Service>(
    service: &S,
    connections: usize,
    time: Duration,
    ask: impl Fn(u64, &mut Vec<u8>) -> usize + Send + Sync + 'static,
) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system starts a runtime");
    let shared = Arc::new((AtomicU64::new(0), ask));
    let talk = |_| {
        let shared = shared.clone();
        S::talk(Box::new(move |to| shared.1(shared.0.fetch_add(1, Ordering::Relaxed), to)))
    };
    let talks = (0..connections).map(talk).collect();
    runtime.block_on(load::run(service.address(), talks, time)).expect("the service serves")
}

/// Writes `total` likes in bulk, of which `like` gives number N, and answers how long it took. The
/// requests are made before the clock starts where `prepared`, else on the way to save memory.
pub(crate) fn write_all<S: Service>(
    service: &S,
    total: usize,
    prepared: bool,
    like: impl Fn(usize) -> Like + Send + Sync + 'static,
) -> Duration {
    let make = move |number: usize, to: &mut Vec<u8>| {
        let first = number * S::BULK_LIKES;
        let likes: Vec<Like> = (first..total.min(first + S::BULK_LIKES)).map(&like).collect();
        if likes.is_empty() { 0 } else { S::bulk(to, &likes) }
    };
    let requests = total.div_ceil(S::BULK_LIKES);
    let measured = if prepared {
        let prepare = |number| {
            let mut request = Vec::new();
            let answers = make(number, &mut request);
            (request, answers)
        };
        let prepared: Vec<(Vec<u8>, usize)> = (0..requests).map(prepare).collect();
        measure(service, BULK_CONNECTIONS, PATIENCE, move |number, to| {
            let Some((request, answers)) = prepared.get(number as usize) else { return 0 };
            to.extend_from_slice(request);
            *answers
        })
    } else {
        measure(service, BULK_CONNECTIONS, PATIENCE, move |number, to| make(number as usize, to))
    };
    assert_eq!(measured.requests, requests as u64, "not all was written in {PATIENCE:?}");
    measured.elapsed
}

/// Likewise.
pub(crate) struct Node {
    process: Process,
    address: SocketAddr,
}

impl Service for Node {
    type Talk = Http<Box<dyn FnMut(&mut Vec<u8>) -> bool + Send>>;

    const BULK_LIKES: usize = 50_000;

    fn start(folder: &Path, keeping: Keeping) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
        command.args(["serve", "--http", "127.0.0.1:0", "--log", "warn", "--name", "bench"]);
        command.arg("--data").arg(folder.join("likewise"));
        command.args(match keeping {
            Keeping::Always => ["--durability", "always"].as_slice(),
            Keeping::Never => &["--durability", "never"],
            Keeping::InMemory => &["--in-memory"],
        });
        let log: PathBuf = folder.join("likewise.log");
        let process = Process::start(&mut command, &log);
        let address = wait_for("banner of the node", || {
            let log = std::fs::read_to_string(&log).ok()?;
            assert!(!log.contains("error:"), "{log}");
            // The line after the address shows that the address was written whole.
            let (before, _) = log.split_once("ready in")?;
            before.split_once("http://")?.1.lines().next()?.trim().parse().ok()
        });
        wait_for("answer of /readyz", || ready(address));
        Self { process, address }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn memory_bytes(&self) -> f64 {
        self.process.resident_bytes()
    }

    fn talk(mut ask: Ask) -> Self::Talk {
        Http::new(Box::new(move |to| ask(to) > 0))
    }

    fn like(to: &mut Vec<u8>, Like { post, user }: Like) -> usize {
        request(to, "PUT", &format!("/v1/posts/post-{post:06}/likes/user-{user:06}"), b"");
        1
    }

    fn count(to: &mut Vec<u8>, post: u32) -> usize {
        request(to, "GET", &format!("/v1/posts/post-{post:06}"), b"");
        1
    }

    fn feed(to: &mut Vec<u8>, posts: &[u32], user: u32) -> usize {
        let posts: Vec<String> = posts.iter().map(|post| format!("\"post-{post:06}\"")).collect();
        let posts = posts.join(",");
        let body = format!("{{\"posts\":[{posts}],\"user\":\"user-{user:06}\"}}");
        request(to, "POST", "/v1/query", body.as_bytes());
        1
    }

    fn bulk(to: &mut Vec<u8>, likes: &[Like]) -> usize {
        let mut body = Vec::with_capacity(likes.len() * 48);
        for Like { post, user } in likes {
            let line =
                writeln!(body, "{{\"post\":\"post-{post:06}\",\"user\":\"user-{user:06}\"}}");
            line.expect("memory takes all that is written");
        }
        request(to, "POST", "/v1/likes", &body);
        1
    }
}

/// Whether the node says that it is ready.
fn ready(address: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(())
}

/// How long a service takes from its start to its first answer.
pub(crate) fn start_time<S: Service>(folder: &Path, keeping: Keeping) -> Duration {
    let started = Instant::now();
    drop(S::start(folder, keeping));
    started.elapsed()
}
