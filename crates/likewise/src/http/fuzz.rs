//! Doors for the fuzz targets: see [`crate::fuzz`].

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Uri};
use likewise_journal::disk::memory::MemoryDisk;
use likewise_replica::member::{NodeId, Peer};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::voters::Voters;
use likewise_state::state::{Keys, State};
use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::config::edge::network;
use crate::consistency::Consistency;
use crate::http::client_address::TrustedProxies;
use crate::http::connections::Arrival;
use crate::http::limits::{LINE_BYTES_MAX, ServeLimits};
use crate::http::lines::{Lines, WriteLine};
use crate::http::parameters::{self, Parameters};
use crate::http::tls::certificates_of;
use crate::http::{Api, build, connections, router};
use crate::node::{Node, NodeThread};

/// A node that keeps nothing, and serves one connection at a time.
pub struct Service {
    api: Api,
    router: axum::Router,
    thread: NodeThread,
}

impl Service {
    /// A node without a like.
    #[must_use]
    pub fn new() -> Self {
        let name = "fuzz".to_owned();
        let state = Arc::new(State::new(Keys::for_tests()));
        // It is the only voter: whatever is asked of voters is answered.
        let voters = Voters::new([name.clone()]).expect("one name is a list");
        let voting = Some(Voting { voters, name: name.clone(), boot: 1, kept: None });
        let (node, thread) =
            Node::start::<MemoryDisk>(NodeId(1), name.clone(), state, None, voting);
        let me = Peer {
            node: NodeId(1),
            name,
            http: String::new(),
            incarnation: 1,
            takes_contexts: false,
        };
        let cluster = Cluster::solitary("fuzz".to_owned(), me, node);
        let api = Api::new(router(cluster, Consistency::Local), ServeLimits::default());
        let router = build(&api);
        Self { api, router, thread }
    }

    /// Everything that is answered to a client that sends these bytes and then ends its side.
    pub async fn answer(&self, requests: &[u8]) -> Vec<u8> {
        let mut stream = tokio::io::join(requests, Vec::new());
        let (_stop, stopped) = watch::channel(());
        let arrival = Arrival { address: Ipv4Addr::LOCALHOST.into(), number: 0 };
        connections::speak(&mut stream, arrival, self.router.clone(), self.api.clone(), stopped)
            .await;
        stream.into_inner().1
    }

    /// Ends the node.
    ///
    /// # Panics
    /// Where its thread has panicked.
    pub fn stop(self) {
        self.thread.stop().expect("a node without a journal has nothing to lose");
    }
}

impl Default for Service {
    fn default() -> Self {
        Self::new()
    }
}

/// What one line of a bulk write comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct BulkWrite {
    /// Post, kind and user.
    pub like: [String; 3],
    /// Whether it likes.
    pub liked: bool,
    /// The version that its writer has seen.
    pub seen: Option<u32>,
}

/// Reads one line of a bulk write.
///
/// # Errors
/// What is wrong with it.
pub fn bulk_line(line: &[u8]) -> Result<BulkWrite, String> {
    let line = WriteLine::parse(line)?;
    let like = line.like()?;
    Ok(BulkWrite {
        like: [like.post.as_str(), like.kind.as_str(), like.user.as_str()].map(str::to_owned),
        liked: line.action() == likewise_state::length::Action::Like,
        seen: line.seen().map(|seen| seen.value()),
    })
}

/// The lines of a stream that arrives in these pieces, without those that are too long.
///
/// # Panics
/// Where a line is handed out that is longer than any may be.
#[must_use]
pub fn bulk_lines<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<(u64, Option<Vec<u8>>)> {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    for mut piece in pieces {
        while let Some(line) = lines.next(&mut piece) {
            assert!(line.bytes.is_none_or(|bytes| bytes.len() <= LINE_BYTES_MAX));
            found.push((line.number, line.bytes.map(<[u8]>::to_vec)));
        }
    }
    found.extend(lines.last().map(|line| (line.number, line.bytes.map(<[u8]>::to_vec))));
    found
}

/// Where a request comes from, whose connection is from `peer`, where these networks are trusted and these lists
/// are its headers X-Forwarded-For. A network that is none is left out.
#[must_use]
pub fn client_address(peer: IpAddr, networks: &[&str], lists: &[&[u8]]) -> IpAddr {
    let trusted = networks.iter().filter_map(|text| network(text)).collect();
    let mut headers = HeaderMap::new();
    for list in lists {
        if let Ok(value) = HeaderValue::from_bytes(list) {
            headers.append("x-forwarded-for", value);
        }
    }
    TrustedProxies(trusted).client(peer, &headers).0
}

/// Whether a network, as settings name it, holds an address; `None` where it is no network.
#[must_use]
pub fn network_holds(text: &str, address: IpAddr) -> Option<bool> {
    network(text).map(|network| network.contains(&address))
}

/// How many certificates a text has.
///
/// # Errors
/// What is wrong with it.
pub fn certificates(text: &[u8]) -> Result<usize, String> {
    let found: Result<Vec<_>, _> = certificates_of(text).collect();
    found.map(|found| found.len()).map_err(|error| error.to_string())
}

/// What a path and a query say.
#[derive(Debug, PartialEq, Eq)]
pub enum Parameter {
    /// An id of the path.
    Segment(String),
    /// The kind.
    Kind(String),
    /// The version seen.
    Seen(Option<u32>),
    /// The length of a page.
    Limit(usize),
    /// The user before the page.
    After(Option<String>),
    /// How long voters may take, where they are asked.
    Vote(Option<Duration>),
}

const KNOWN: &[&str; 6] = &["kind", "seen", "limit", "cursor", "consistency", "timeout"];

/// Reads the path and the query of a request as the routes do.
///
/// # Errors
/// What the client is told.
pub fn parameters(uri: &Uri) -> Result<Vec<Parameter>, String> {
    let read = || {
        let parameters = Parameters::parse(uri, KNOWN)?;
        let cursor = parameters.text("cursor").map(parameters::user_of_cursor);
        Ok(vec![
            Parameter::Segment(parameters::segment(uri, 2, "post")?.into_owned()),
            Parameter::Segment(parameters::segment(uri, 4, "user")?.into_owned()),
            Parameter::Kind(parameters.kind()?.as_str().to_owned()),
            Parameter::Seen(parameters.seen()?.map(|seen| seen.value())),
            Parameter::Limit(parameters.limit(1)?),
            Parameter::After(cursor.transpose()?),
            Parameter::Vote(parameters.vote(Consistency::Local)?.map(|vote| vote.timeout)),
        ])
    };
    read().map_err(|error: crate::http::error::ApiError| error.to_string())
}

/// The text that asks for the page after `user`.
#[must_use]
pub fn cursor_after(user: &str) -> String {
    parameters::cursor_after(user)
}

/// The user whose page end `cursor` marks.
///
/// # Errors
/// What the client is told.
pub fn user_of_cursor(cursor: &str) -> Result<String, String> {
    parameters::user_of_cursor(cursor).map_err(|error| error.to_string())
}
