//! A server as a child process, and what the system says of it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before the benchmark gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Ticks a second in which Linux tells processor times, on all machines.
const TICKS: f64 = 100.0;

/// A child process, killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts `command` with its messages in the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).expect("the log can be made");
        let copy = log.try_clone().expect("a file can be opened twice");
        let command = command.stdin(Stdio::null()).stdout(log).stderr(copy);
        Self(command.spawn().expect("the server can be started"))
    }

    /// Seconds of processor time that it has used.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = self.read("stat");
        // The name of the program stands in brackets and may hold anything.
        let fields = stat.rsplit_once(')').expect("the name is in brackets").1;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.map(|ticks| ticks.parse::<f64>().expect("ticks are a number")).sum();
        ticks / TICKS
    }

    /// Bytes of memory that it holds.
    pub(crate) fn resident_bytes(&self) -> f64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        number.expect("a process holds memory") * 1024.0
    }

    fn read(&self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.0.id());
        std::fs::read_to_string(path).expect("the server runs, on Linux")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // kill -9: what must survive is on disk, and what can't be stopped is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "no {what} after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
