//! How many files a node lets itself have open.

use std::process::{Command, Stdio};

use super::process::{Process, command};

/// A limit that every system allows, and that is too small for what a node takes.
const SOFT: &str = "256";

#[test]
fn a_low_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let folder = tempfile::tempdir().unwrap();
    let node = command(folder.path(), &[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -S -n {SOFT} && exec \"$@\""), "sh"]);
    limited.arg(node.get_program()).args(node.get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let node = Process::started_by(limited);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", node.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| line.split_whitespace().nth(column).unwrap());
    assert_ne!(soft, SOFT);
    assert_eq!(soft, hard);
}
