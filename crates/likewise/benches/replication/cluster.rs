//! Nodes of one cluster as child processes, and what they say of themselves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::connection::Connection;
use crate::process::{Process, wait_for};

/// Names for the nodes of the largest cluster.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Every like is on disk before it is acknowledged.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) http: SocketAddr,
    pub(crate) cluster: SocketAddr,
}

impl Node {
    /// Starts node number `number` in a folder of its own and waits until it says where it listens.
    pub(crate) fn start(
        folder: &Path,
        number: usize,
        join: Option<SocketAddr>,
        more: &[&str],
    ) -> Self {
        let name = NAMES[number];
        let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
        command.args(["serve", "--name", name, "--log", "warn", "--durability", "always"]);
        command.args(["--http", "127.0.0.1:0", "--cluster", "127.0.0.1:0"]);
        command.arg("--data").arg(folder.join(name)).args(more);
        if let Some(address) = join {
            command.args(["--join", &address.to_string()]);
        }
        let log: PathBuf = folder.join(format!("{name}.log"));
        let process = Process::start(&mut command, &log);
        let (http, cluster) = wait_for("banner of the node", || {
            let log = std::fs::read_to_string(&log).ok()?;
            assert!(!log.contains("error:"), "{log}");
            // The last line shows that those before it were written whole.
            let (banner, _) = log.split_once("ready in")?;
            let word = |after: &str| banner.split_once(after)?.1.split_whitespace().next();
            Some((word("  serving  http://")?.parse().ok()?, word("  cluster  ")?.parse().ok()?))
        });
        Self { process, http, cluster }
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.http)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.connection().ask("GET", "/readyz", b"").status == 200
    }

    /// What `GET /v1/cluster` says.
    pub(crate) fn view(&self) -> View {
        View::ask(&mut self.connection())
    }

    /// The sum of all counters of this name, of those with the label where there is one.
    pub(crate) fn counter(&self, name: &str, label: &str) -> f64 {
        let metrics = self.connection().get("/metrics");
        let lines = metrics.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && line.contains(label)
        });
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        lines.map(|line| value(line).expect("a counter is a number")).sum()
    }
}

/// The cluster as one node sees it.
pub(crate) struct View(Value);

impl View {
    pub(crate) fn ask(connection: &mut Connection) -> Self {
        let body = connection.get("/v1/cluster");
        Self(serde_json::from_str(&body).expect("the node answers in JSON"))
    }

    pub(crate) fn digest(&self) -> String {
        self.0["digest"].as_str().expect("a view has a digest").to_owned()
    }

    /// How long the oldest like has been waiting that a peer has not acknowledged.
    pub(crate) fn lag(&self) -> Duration {
        let lags = self.peers().map(|peer| peer["lag_ms"].as_f64().expect("a peer has a lag"));
        Duration::from_secs_f64(lags.fold(0.0, f64::max) / 1e3)
    }

    /// Whether the node has its vote.
    pub(crate) fn is_voting(&self) -> bool {
        self.0["standing"] == "active"
    }

    /// Whether so many peers are alive and have links with this node.
    fn has_linked(&self, peers: usize) -> bool {
        self.peers().filter(|peer| peer["state"] == "alive" && peer["linked"] == true).count()
            == peers
    }

    fn peers(&self) -> impl Iterator<Item = &Value> {
        let members = self.0["members"].as_array().expect("a view has members");
        members.iter().filter(|member| member["self"] != true)
    }
}

/// Starts a cluster and waits until every node is linked with all others and ready.
pub(crate) fn start(folder: &Path, size: usize) -> Vec<Node> {
    start_with(folder, size, &[])
}

/// The same, of which all nodes are voters.
pub(crate) fn start_voting(folder: &Path, size: usize) -> Vec<Node> {
    start_with(folder, size, &["--voters", &NAMES[..size].join(",")])
}

fn start_with(folder: &Path, size: usize, more: &[&str]) -> Vec<Node> {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let mut nodes = vec![Node::start(folder, 0, None, more)];
    let first = nodes[0].cluster;
    nodes.extend((1..size).map(|number| Node::start(folder, number, Some(first), more)));
    for node in &nodes {
        wait_for("cluster", || (node.is_ready() && node.view().has_linked(size - 1)).then_some(()));
    }
    nodes
}

/// How long it takes until all nodes have the same digest.
pub(crate) fn until_equal(nodes: &[Node]) -> Duration {
    let started = Instant::now();
    let mut connections: Vec<Connection> = nodes.iter().map(Node::connection).collect();
    wait_for("equal digests", || {
        let mut digests = connections.iter_mut().map(|connection| View::ask(connection).digest());
        let first = digests.next();
        digests.all(|digest| Some(digest) == first).then_some(())
    });
    started.elapsed()
}
