//! The real binary as a child process, on a port of its own choice and in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running node. Dropping it kills the process that it started.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    log: mpsc::Receiver<String>,
}

impl Process {
    /// Starts `likewise serve` over `data` and waits until it says where it serves.
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        Self::started_by(command(data, more))
    }

    /// The same, by a command that becomes the node.
    pub(crate) fn started_by(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let url = lines
            .by_ref()
            .map(|line| line.expect("logs are text"))
            .find_map(|line| line.trim().strip_prefix("serving").map(|url| url.trim().to_owned()))
            .expect("a node says where it serves before it ends");
        let (logged, log) = mpsc::channel();
        // The pipe must not fill up, and its end must not be closed either.
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| drop(logged.send(line)))
        });
        Self { child, url, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of its log that holds this text.
    pub(crate) fn logs(&self, text: &str) -> String {
        self.logs_until(text).pop().expect("the line that was waited for is the last")
    }

    /// The same, with all lines before it that nobody has asked for yet.
    pub(crate) fn logs_until(&self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) => lines.push(line),
                Err(error) => panic!("{text:?} is never logged: {error}"),
            }
            if lines.last().is_some_and(|line| line.contains(text)) {
                return lines;
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        let kill = Command::new("kill").args([&signal, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill is part of every system").success());
    }

    /// kill -9, and wait until the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it was started here");
    }

    /// SIGTERM, and wait for the exit code.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().expect("it was started here") {
                Some(status) => return status,
                None if Instant::now() > deadline => {
                    panic!("still running {PATIENCE:?} after SIGTERM")
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `likewise serve` over `data`, with its messages piped.
pub(crate) fn command(data: &Path, more: &[&str]) -> Command {
    command_of("tested", data, more)
}

/// The same for a node of another name.
pub(crate) fn command_of(name: &str, data: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
    command.args(["serve", "--http", "127.0.0.1:0", "--name", name, "--data"]);
    command.arg(data).args(more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIKEWISE_")) {
        command.env_remove(name);
    }
    command
}
