//! `likewise bench`: what a node gives to many clients at once, in a table.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::http::{Http, request_with};
use super::{Measured, run as run_load, run_under_tls};
use crate::args::BenchArgs;
use crate::client::trust::{Trust, host};
use crate::client::{Client, ClientError};
use crate::commands::print;

/// Posts that the likes of one run go to.
const POSTS: u64 = 1_000;

/// Posts that one feed query names.
const FEED_POSTS: u64 = 50;

/// Likes in one bulk request.
const BULK_LIKES: u64 = 10_000;

/// Connections that send bulk requests; a node takes few of them at once.
const BULK_CONNECTIONS: u32 = 4;

/// A kind of request.
#[derive(Clone, Copy)]
enum Work {
    Like,
    Count,
    Feed,
    Bulk,
}

/// Runs `likewise bench`.
///
/// # Errors
/// Where the node can't be reached or refuses.
pub fn run(args: &BenchArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    client.once("/livez")?;
    let node = Node { address: resolve(&client)?, tls: secured(&client, &Trust::of(&args.node))? };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ClientError::file("start the load"))?;
    let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let post = format!("bench-{milliseconds}");
    // A node that refuses says so best where it is asked as any client asks it.
    client.put(&format!("/v1/posts/{post}-0/likes/user-0"))?;
    let run = Run { post: post.clone(), lines: client.header_lines() };
    print(format!(
        "{}: {} connections, {} s each; this writes likes of posts that begin with {post}\n\n\
         | requests | a second | p50 | p99 |\n|---|---:|---:|---:|\n",
        client.url(),
        args.connections,
        args.seconds
    ))?;
    for (name, work, each) in [
        ("single likes", Work::Like, 1),
        ("counts", Work::Count, 1),
        ("feed queries of 50 posts", Work::Feed, 1),
        ("bulk likes, 10,000 a request", Work::Bulk, BULK_LIKES),
    ] {
        let connections = match work {
            Work::Bulk => args.connections.min(BULK_CONNECTIONS),
            _ => args.connections,
        };
        let measured = runtime
            .block_on(measure(&node, &run, work, connections, args.seconds))
            .map_err(ClientError::file(format!("measure {name}")))?;
        print(row(name, &measured, each))?;
    }
    Ok(())
}

fn row(name: &str, measured: &Measured, each: u64) -> String {
    let milliseconds =
        |share| format!("{:.2} ms", measured.quantile(share).as_secs_f64() * 1_000.0);
    let rate = measured.rate() * each as f64;
    format!("| {name} | {rate:.0} | {} | {} |\n", milliseconds(0.5), milliseconds(0.99))
}

/// The node that is measured.
struct Node {
    address: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What all requests of a run share.
#[derive(Clone)]
struct Run {
    /// What the posts begin with.
    post: String,
    /// More lines of the head of each request.
    lines: String,
}

async fn measure(
    node: &Node,
    run: &Run,
    work: Work,
    connections: u32,
    seconds: u32,
) -> io::Result<Measured> {
    let next = Arc::new(AtomicU64::new(0));
    let talk = |_| {
        let (next, run) = (next.clone(), run.clone());
        Http::new(move |to: &mut Vec<u8>| {
            work.ask(&run, next.fetch_add(1, Ordering::Relaxed), to);
            true
        })
    };
    let talks = (0..connections).map(talk).collect();
    let time = Duration::from_secs(seconds.into());
    match &node.tls {
        None => run_load(node.address, talks, time).await,
        Some((tls, name)) => run_under_tls(node.address, tls, name, talks, time).await,
    }
}

/// What it takes to speak TLS, where the URL says so.
fn secured(
    client: &Client,
    trust: &Trust,
) -> Result<Option<(TlsConnector, ServerName<'static>)>, ClientError> {
    if !client.url().starts_with("https://") {
        return Ok(None);
    }
    let remedy = "use a host name or an IP address that a certificate can have";
    let name = ServerName::try_from(host(client.url()).to_owned())
        .map_err(|_| ClientError::Url { url: client.url().to_owned(), remedy })?;
    Ok(Some((TlsConnector::from(Arc::new(trust.client_config()?)), name)))
}

impl Work {
    /// Appends request `number` of a run.
    fn ask(self, run: &Run, number: u64, to: &mut Vec<u8>) {
        let Run { post, lines, .. } = run;
        match self {
            Self::Like => {
                let path = format!("/v1/posts/{post}-{}/likes/user-{number}", number % POSTS);
                request_with(lines, to, "PUT", &path, b"");
            }
            Self::Count => {
                request_with(
                    lines,
                    to,
                    "GET",
                    &format!("/v1/posts/{post}-{}", number % POSTS),
                    b"",
                );
            }
            Self::Feed => {
                let posts = (number..number + FEED_POSTS)
                    .map(|number| format!("\"{post}-{}\"", number % POSTS))
                    .collect::<Vec<_>>()
                    .join(",");
                let body = format!("{{\"posts\":[{posts}],\"user\":\"user-{number}\"}}");
                request_with(lines, to, "POST", "/v1/query", body.as_bytes());
            }
            Self::Bulk => {
                let like = |like: u64| {
                    let (post_number, user) = (like % POSTS, like / 100);
                    format!("{{\"post\":\"{post}-bulk-{post_number}\",\"user\":\"user-{user}\"}}\n")
                };
                let first = number * BULK_LIKES;
                let body: String = (first..first + BULK_LIKES).map(like).collect();
                request_with(lines, to, "POST", "/v1/likes", body.as_bytes());
            }
        }
    }
}

/// The address behind the client's URL.
fn resolve(client: &Client) -> Result<SocketAddr, ClientError> {
    let (scheme, authority) =
        client.url().split_once("://").unwrap_or_else(|| ("http", client.url()));
    let authority = authority.split('/').next().unwrap_or_default();
    let usual = if scheme == "https" { 443 } else { 80 };
    let with_port = match authority.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
        _ => format!("{authority}:{usual}"),
    };
    let found = with_port
        .to_socket_addrs()
        .and_then(|mut addresses| addresses.next().ok_or_else(|| io::ErrorKind::NotFound.into()));
    found.map_err(ClientError::file(format!("find {with_port}")))
}
