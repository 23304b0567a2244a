//! `likewise demo`: a cluster of real nodes on loopback, to look at and to play with.
//!
//! Each node is a process of this same program with a data folder of its own. The nodes end when this
//! process does, however it ends: each watches its standard input, which is a pipe from here.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::args::DemoArgs;
use crate::client::{Client, ClientError};
use crate::commands::print;
use crate::signals;

/// How long the nodes may take to start, to find one another, to agree, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks at how far they are.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Likes that are sent to the first node.
const LIKES: u64 = 100;

/// Voters, where there are as many nodes.
const VOTERS_MAX: u32 = 5;

/// Set once the process is told to stop: whoever waits for the nodes gives up.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// Runs the cluster until the process is told to stop.
pub(crate) fn run(args: &DemoArgs) -> Result<(), ClientError> {
    let failed = ClientError::file("run the demo");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ClientError::file("run the demo"))?;
    let stop = runtime.block_on(async { signals::shutdown() }).map_err(failed)?;
    let (ended, mut end) = tokio::sync::oneshot::channel();
    let nodes = args.nodes;
    // Whoever is impatient need not wait until the nodes have found one another.
    std::thread::spawn(move || {
        let cluster = Cluster::start(nodes).and_then(|cluster| cluster.show().map(|()| cluster));
        drop(ended.send(cluster));
    });
    runtime.block_on(async {
        tokio::pin!(stop);
        let cluster = tokio::select! {
            () = &mut stop => {
                STOPPING.store(true, Ordering::Relaxed);
                // With what was begun goes what it has made.
                drop(end.await);
                return Ok(());
            }
            cluster = &mut end => {
                cluster.unwrap_or_else(|_| unreachable!("a panic ends the process"))?
            }
        };
        stop.await;
        cluster.stop();
        Ok(())
    })
}

/// The nodes. Dropping it stops those that still run.
struct Cluster {
    nodes: Vec<Node>,
    _folder: TempDir,
}

struct Node {
    name: String,
    child: Child,
    client: Client,
    address: String,
}

impl Cluster {
    fn start(count: u32) -> Result<Self, ClientError> {
        let folder = tempfile::Builder::new().prefix("likewise-demo-").tempdir();
        let folder = folder.map_err(ClientError::file("make a folder for the demo"))?;
        let mut cluster = Self { nodes: Vec::new(), _folder: folder };
        let voters = voters(count);
        for number in 1..=count {
            check_stopping()?;
            let name = format!("node-{number}");
            let join = cluster.nodes.first().map(|node| node.address.clone());
            let data = cluster._folder.path().join(&name);
            cluster.nodes.push(Node::start(name, &data, join, &voters)?);
        }
        Ok(cluster)
    }

    /// Waits until all know all, sends likes to one and shows them at all.
    fn show(&self) -> Result<(), ClientError> {
        let began = Instant::now();
        let all = self.nodes.len();
        wait(|| {
            let mut views = self.nodes.iter().map(|node| node.client.get("/v1/cluster"));
            views.try_fold(true, |formed, view| Ok(formed && linked(&view?) == all))
        })?;
        print(format!("{all} nodes have found one another in {:.1?}\n\n", began.elapsed()))?;
        for node in &self.nodes {
            print(format!("  {}  {}  cluster {}\n", node.name, node.client.url(), node.address))?;
        }
        let first = &self.nodes[0];
        for user in 0..LIKES {
            first.client.put(&format!("/v1/posts/hello/likes/user-{user}"))?;
        }
        let sent = Instant::now();
        print(format!("\n{LIKES} likes of the post hello, all sent to {}:\n\n", first.name))?;
        for node in &self.nodes {
            wait(|| Ok(node.client.get("/v1/posts/hello")?["likes"] == LIKES))?;
            let after = format!("{:.1?} after the last was acknowledged", sent.elapsed());
            print(format!("  {}  {LIKES} likes, {after}\n", node.name))?;
        }
        self.show_votes()?;
        let (url, last) = (first.client.url(), self.nodes[all - 1].client.url());
        print(format!(
            "\nTry it: like at one node, count at another, see who is there.\n\n  \
             curl -X PUT {url}/v1/posts/hello/likes/you\n  curl {last}/v1/posts/hello\n  \
             curl '{last}/v1/posts/hello?consistency=linearizable'\n  \
             likewise members --url {url}\n\nCtrl-C stops all nodes and removes their data.\n"
        ))
    }

    /// Waits until the voters vote, likes once more at the first node and counts at the last, with no wait in
    /// between.
    fn show_votes(&self) -> Result<(), ClientError> {
        let (first, last) = (&self.nodes[0], &self.nodes[self.nodes.len() - 1]);
        wait(|| {
            let mut views = self.nodes.iter().map(|node| node.client.get("/v1/cluster"));
            views.try_fold(true, |vote, view| Ok(vote && all_vote(&view?)))
        })?;
        first.client.put("/v1/posts/hello/likes/one-more?consistency=linearizable")?;
        let asked = Instant::now();
        let count = last.client.get("/v1/posts/hello?consistency=linearizable")?;
        print(format!(
            "\nOne more at {}, by a majority of the voters {}; at once, a linearizable count at {}:\n\n  \
             {} likes, after {:.1?}\n",
            first.name,
            voters(self.nodes.len() as u32),
            last.name,
            count["likes"],
            asked.elapsed()
        ))
    }

    fn stop(mut self) {
        for node in &mut self.nodes {
            drop(node.child.stdin.take());
        }
        let deadline = Instant::now() + PATIENCE;
        let is_running = |node: &mut Node| matches!(node.child.try_wait(), Ok(None));
        while self.nodes.iter_mut().any(is_running) && Instant::now() < deadline {
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // Where it has ended already there is nothing to do.
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
    }
}

impl Node {
    fn start(
        name: String,
        data: &std::path::Path,
        join: Option<String>,
        voters: &str,
    ) -> Result<Self, ClientError> {
        let failed = || ClientError::file(format!("start {name}"));
        let program = std::env::current_exe().map_err(failed())?;
        let mut command = Command::new(program);
        for (variable, _) in std::env::vars_os() {
            // The settings of the demo are its own.
            if variable.to_string_lossy().starts_with("LIKEWISE_") {
                command.env_remove(variable);
            }
        }
        command.args(["serve", "--until-stdin-ends", "--log-format", "json", "--name", &name]);
        command.args(["--http", "127.0.0.1:0", "--cluster", "127.0.0.1:0", "--data"]).arg(data);
        command.args(["--voters", voters]);
        command.args(join.iter().flat_map(|join| ["--join", join]));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed())?;
        let log = child.stderr.take().expect("it is piped");
        let (ready, serves) = mpsc::channel();
        let of = name.clone();
        std::thread::spawn(move || follow(&of, log, &ready));
        let Ok((url, address)) = serves.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed()(io::Error::other("it did not get ready")));
        };
        Ok(Self { name, child, client: Client::new(&url)?, address })
    }
}

/// Reads a node's log: tells where it serves, and passes on what is worth a look.
fn follow(name: &str, log: impl io::Read, ready: &mpsc::Sender<(String, String)>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        match (event["message"].as_str(), event["level"].as_str()) {
            (Some("ready"), _) => {
                let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
                let _ = ready.send((text("url"), text("cluster")));
            }
            (Some(message), Some("WARN" | "ERROR")) => {
                // Nobody is left to be told if standard error is gone.
                let _ = writeln!(io::stderr(), "{name}: {message}");
            }
            // A line that is no event is a last word.
            (None, _) => drop(writeln!(io::stderr(), "{name}: {line}")),
            _ => {}
        }
    }
}

/// The voters among so many nodes: an odd number of the first.
fn voters(nodes: u32) -> String {
    let count = nodes.min(VOTERS_MAX);
    let count = if count.is_multiple_of(2) { count - 1 } else { count };
    let names: Vec<String> = (1..=count).map(|number| format!("node-{number}")).collect();
    names.join(",")
}

/// Whether a node could ask each of the voters now.
fn all_vote(view: &Value) -> bool {
    let voters = view["voters"].as_array().map(Vec::as_slice).unwrap_or_default();
    !voters.is_empty() && voters.iter().all(|voter| voter["state"] == "active")
}

/// How many members a node has links with, itself included.
fn linked(view: &Value) -> usize {
    let members = view["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_linked = |member: &&Value| member["state"] == "alive" && member["linked"] == true;
    members.iter().filter(is_linked).count()
}

/// Fails once the process is told to stop.
fn check_stopping() -> Result<(), ClientError> {
    match STOPPING.load(Ordering::Relaxed) {
        true => Err(ClientError::file("run the demo")(io::ErrorKind::Interrupted.into())),
        false => Ok(()),
    }
}

fn wait(mut done: impl FnMut() -> Result<bool, ClientError>) -> Result<(), ClientError> {
    let deadline = Instant::now() + PATIENCE;
    while !done()? {
        check_stopping()?;
        if Instant::now() > deadline {
            let late = io::Error::other(format!("the nodes did not agree within {PATIENCE:?}"));
            return Err(ClientError::file("run the demo")(late));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    Ok(())
}
