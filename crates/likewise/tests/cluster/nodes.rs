//! Nodes as child processes, alone and as a cluster: started, killed, paused, wiped, asked to leave.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tempfile::TempDir;

use super::ask::{self, DETECTION, PATIENCE, View, check, until};

/// Lines of a node's log that a failed test shows.
const LINES_SHOWN: usize = 60;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_likewise");

/// An address on which the system chooses the port.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// How a node is started, as often as it is.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// What it runs: the binary under test, unless it is to be of another version.
    pub(crate) binary: PathBuf,
    pub(crate) name: String,
    pub(crate) data: PathBuf,
    pub(crate) http: String,
    pub(crate) cluster: String,
    pub(crate) joins: Vec<String>,
    pub(crate) more: Vec<String>,
    /// The network namespace that it lives in, where that is not the test's own.
    pub(crate) namespace: Option<String>,
    /// A command that runs the binary and becomes it, such as a tracer beside it.
    pub(crate) under: Vec<String>,
}

impl Setup {
    /// A node on loopback that joins nobody, with its data in a subfolder of `folder`.
    pub(crate) fn new(name: &str, folder: &Path) -> Self {
        Self {
            binary: PathBuf::from(BINARY),
            name: name.to_owned(),
            data: folder.join(name),
            http: ANY_PORT.to_owned(),
            cluster: ANY_PORT.to_owned(),
            joins: Vec::new(),
            more: Vec::new(),
            namespace: None,
            under: Vec::new(),
        }
    }

    /// The same node, joining that address too.
    pub(crate) fn join(mut self, address: &str) -> Self {
        self.joins.push(address.to_owned());
        self
    }

    /// The same node with more on its command line.
    pub(crate) fn with(mut self, more: &[&str]) -> Self {
        self.more.extend(more.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The command line of this node.
    pub(crate) fn command(&self) -> Command {
        let mut command = binary_under(&self.under, self.namespace.as_deref(), &self.binary);
        command.args(["serve", "--name", &self.name, "--http", &self.http]);
        command.args(["--cluster", &self.cluster, "--data"]).arg(&self.data);
        command.args(self.joins.iter().flat_map(|address| ["--join", address]));
        command.args(&self.more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// The node, which does not run yet.
    pub(crate) fn node(self) -> Node {
        let log = Arc::default();
        Node { setup: self, url: String::new(), address: String::new(), child: None, log }
    }

    /// Starts it and waits until it says where it is.
    pub(crate) fn start(self) -> Node {
        let mut node = self.node();
        node.start();
        node
    }
}

/// The binary under test, with nothing of its settings from the test's own environment.
pub(crate) fn binary(namespace: Option<&str>) -> Command {
    binary_under(&[], namespace, Path::new(BINARY))
}

fn binary_under(under: &[String], namespace: Option<&str>, binary: &Path) -> Command {
    let entering = namespace.map(|namespace| ["ip", "netns", "exec", namespace]);
    let words = entering.iter().flatten().copied().chain(under.iter().map(String::as_str));
    let mut words = words.map(OsStr::new).chain([binary.as_os_str()]);
    let mut command = Command::new(words.next().expect("the binary is one of them"));
    command.args(words);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIKEWISE_")) {
        command.env_remove(name);
    }
    command
}

/// A key file of that name, made by the binary: where it is.
pub(crate) fn keygen(folder: &Path, name: &str) -> String {
    let file = folder.join(name).to_str().unwrap().to_owned();
    let made = run(&["keygen", &file]);
    assert!(made.status.success(), "{made:?}");
    file
}

/// Runs a command of the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    binary(None).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(name: &str, child: &Child) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.unwrap().success(), "kill -{name} {}", child.id());
}

/// Waits until a process that was told to end has ended.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    until("the process ends", PATIENCE, || {
        child.try_wait().unwrap().ok_or_else(|| format!("process {} runs", child.id()))
    })
}

/// All that the processes of one node said, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// A node. Dropping it kills the process that it started and, in a test that fails, shows its log.
pub(crate) struct Node {
    pub(crate) setup: Setup,
    /// Where it serves HTTP.
    pub(crate) url: String,
    /// Where its cluster finds it.
    pub(crate) address: String,
    pub(crate) child: Option<Child>,
    log: Log,
}

impl Node {
    /// Starts the process and waits until it says where it is.
    fn start(&mut self) {
        self.attempt().unwrap_or_else(|said| panic!("{} ended at once: {said}", self.setup.name));
    }

    /// The same, or what a process said that ended instead.
    pub(crate) fn attempt(&mut self) -> Result<(), String> {
        assert!(self.child.is_none(), "{} runs", self.setup.name);
        let mut child = self.setup.command().spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        self.child = Some(child);
        let (log, from) = (Arc::clone(&self.log), self.log.lock().unwrap().len());
        let reader = std::thread::spawn(move || {
            for line in stderr.lines() {
                let Ok(line) = line else { return };
                log.lock().unwrap().push(line);
            }
        });
        let named = |word: &str| {
            let log = self.log.lock().unwrap();
            let mut lines = log[from..].iter().filter_map(|line| line.trim().strip_prefix(word));
            lines.find_map(|rest| Some(rest.split_whitespace().next()?.to_owned()))
        };
        let found = until("a node says where it is", PATIENCE, || {
            // The thread ends only when the process closes its standard error.
            let ended = reader.is_finished();
            let found = named("serving ").zip(named("cluster "));
            check(ended || found.is_some(), || "no banner".to_owned()).map(|()| found)
        });
        if let Some(found) = found {
            (self.url, self.address) = found;
            return Ok(());
        }
        self.ended();
        Err(self.log.lock().unwrap()[from..].join("\n"))
    }

    /// Starts it again at the ports that it had.
    pub(crate) fn restart(&mut self) {
        self.setup.http = self.url.trim_start_matches("http://").to_owned();
        self.setup.cluster.clone_from(&self.address);
        self.start();
    }

    /// Starts it again at other ports.
    pub(crate) fn restart_elsewhere(&mut self) {
        self.setup.http = ANY_PORT.to_owned();
        self.setup.cluster = ANY_PORT.to_owned();
        let before = self.address.clone();
        self.start();
        assert_ne!(self.address, before, "the system gave the same port again");
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap_or_else(|| panic!("{} does not run", self.setup.name))
    }

    /// kill -9, and wait until the process is gone.
    pub(crate) fn kill(&mut self) {
        self.child().kill().unwrap();
        self.child().wait().unwrap();
        self.child = None;
    }

    /// kill -9 and remove its data.
    pub(crate) fn wipe(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.setup.data).unwrap();
    }

    /// Stops it without its notice.
    pub(crate) fn pause(&mut self) {
        signal("STOP", self.child());
    }

    /// Lets it go on.
    pub(crate) fn resume(&mut self) {
        signal("CONT", self.child());
    }

    /// SIGTERM; answers at once.
    pub(crate) fn terminate(&mut self) {
        signal("TERM", self.child());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let status = ended(self.child());
        self.child = None;
        status
    }

    /// Whether there is a process.
    pub(crate) const fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// What it says of its cluster.
    pub(crate) fn view(&self) -> Result<View, String> {
        ask::view(&self.url)
    }

    /// Its id, which lives in its data folder.
    pub(crate) fn id(&self) -> String {
        self.view().unwrap().id
    }

    /// Status of /readyz.
    pub(crate) fn readiness(&self) -> Result<u16, String> {
        Ok(ask::fetch(&format!("{}/readyz", self.url))?.0)
    }

    /// Waits until it answers that it is ready.
    pub(crate) fn until_ready(&self) {
        until(&format!("{} is ready", self.setup.name), PATIENCE, || {
            let status = self.readiness()?;
            check(status == 200, || format!("/readyz: {status}"))
        });
    }

    /// Waits until this node shows the member with that id in that state.
    pub(crate) fn until_shows(&self, id: &str, state: &str) {
        until(&format!("{} shows {id} as {state}", self.setup.name), DETECTION, || {
            let view = self.view()?;
            check(view.state(id) == state, || format!("{view:?}"))
        });
    }

    /// Waits until its peers have acknowledged all that it has.
    pub(crate) fn until_handed_over(&self) {
        until(&format!("{} has handed over all", self.setup.name), PATIENCE, || {
            let view = self.view()?;
            let waits = view.members.iter().any(|member| member.outbox + member.lag_entries > 0);
            check(!waits, || format!("{view:?}"))
        });
    }

    /// The first line of its log for which `wanted` holds, in lower case.
    pub(crate) fn line(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let log = self.log.lock().unwrap();
        log.iter().map(|line| line.to_lowercase()).find(|line| wanted(line))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            eprintln!("-- log of {} at {} --", self.setup.name, self.address);
            for line in &log[log.len().saturating_sub(LINES_SHOWN)..] {
                eprintln!("{line}");
            }
        }
    }
}

/// Nodes that joined the first of them. Their names are "a", "b" and so on.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    folder: TempDir,
}

impl Cluster {
    /// Starts that many nodes on loopback and waits until all know all.
    pub(crate) fn start(size: u8) -> Self {
        Self::start_with(size, &[])
    }

    /// The same, each node with more on its command line.
    pub(crate) fn start_with(size: u8, more: &[&str]) -> Self {
        Self::of(Path::new(BINARY), size, more)
    }

    /// The same, of nodes that run this binary.
    pub(crate) fn of(binary: &Path, size: u8, more: &[&str]) -> Self {
        let mut cluster = Self { nodes: Vec::new(), folder: tempfile::tempdir().unwrap() };
        for number in 0..size {
            let name = char::from(b'a' + number).to_string();
            let mut setup = Setup::new(&name, cluster.folder()).with(more);
            binary.clone_into(&mut setup.binary);
            setup.joins.extend(cluster.nodes.first().map(|first| first.address.clone()));
            cluster.nodes.push(setup.start());
        }
        cluster.until_together();
        cluster
    }

    /// Where the nodes keep their data, each in a folder of its name.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URLs of the nodes that run.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.running().map(|node| node.url.clone()).collect()
    }

    /// The nodes that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.runs())
    }

    /// Waits until each node that runs is ready and lists exactly those that run as alive.
    pub(crate) fn until_together(&self) {
        let nodes: Vec<&Node> = self.running().collect();
        until_together(&nodes);
    }
}

/// Waits until each of `nodes` is ready and lists exactly them as alive.
pub(crate) fn until_together(nodes: &[&Node]) {
    let began = Instant::now();
    let names: BTreeSet<&str> = nodes.iter().map(|node| node.setup.name.as_str()).collect();
    for node in nodes {
        until(&format!("{} knows {names:?}", node.setup.name), PATIENCE, || {
            let view = node.view()?;
            check(view.alive() == names, || format!("{view:?}"))
        });
        node.until_ready();
    }
    eprintln!("{names:?} are together after {:?}", began.elapsed());
}
