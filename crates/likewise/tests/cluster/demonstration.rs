//! `likewise demo`: what it shows, and that it leaves nothing behind, however early it is told to end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::ask::{PATIENCE, agent, check, fetch, get, until};
use super::nodes::{binary, ended, signal};

/// `likewise demo`, and all that it prints.
struct Demonstration {
    child: Child,
    printed: Arc<Mutex<String>>,
    /// Where it keeps what it throws away.
    folder: TempDir,
    /// The nodes that it started, once they are known.
    children: Vec<u32>,
}

impl Demonstration {
    fn start(nodes: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = binary(None);
        command.args(["demo", "--nodes", nodes]).env("TMPDIR", folder.path()).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = Arc::<Mutex<String>>::default();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let printed = Arc::clone(&printed);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines() {
                    let Ok(line) = line else { return };
                    *printed.lock().unwrap() += &format!("{line}\n");
                }
            });
        }
        Self { child, printed, folder, children: Vec::new() }
    }

    /// The URLs that it has printed so far, without the paths of examples.
    fn urls(&self) -> BTreeSet<String> {
        let printed = self.printed.lock().unwrap();
        let urls = printed.split("http://").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
            format!("http://{}", &rest[..end.unwrap_or(rest.len())])
        });
        urls.collect()
    }
}

impl Demonstration {
    /// Ctrl-C: it ends well, and when it has ended nothing of it is left.
    fn interrupt(&mut self) {
        signal("INT", &self.child);
        let status = ended(&mut self.child);
        assert!(status.success(), "{status}");
        for process in &self.children {
            assert!(!is_our_binary(*process), "process {process} is left over");
        }
        let left: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?} is left over");
    }
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for process in self.children.iter().filter(|process| is_our_binary(**process)) {
            let _ = std::process::Command::new("kill").args(["-9", &process.to_string()]).status();
        }
        if std::thread::panicking() {
            eprintln!("-- what the demonstration printed --\n{}", self.printed.lock().unwrap());
        }
    }
}

/// Processes that were started by `parent` and have not ended.
fn children_of(parent: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let name = entry.unwrap().file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while its neighbours are listed.
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        let Some((_, fields)) = status.rsplit_once(") ") else { continue };
        if fields.split(' ').nth(1) == Some(parent.to_string().as_str()) {
            children.push(process);
        }
    }
    children
}

/// Whether that process runs the binary under test: a number may come to stand for another process.
fn is_our_binary(process: u32) -> bool {
    let path = std::fs::read_link(format!("/proc/{process}/exe"));
    path.is_ok_and(|path| path == Path::new(env!("CARGO_BIN_EXE_likewise")))
}

#[test]
fn a_demonstration_shows_a_cluster_and_cleans_up_after_itself() {
    let mut demonstration = Demonstration::start("3");
    until("all is shown", PATIENCE, || {
        let printed = demonstration.printed.lock().unwrap();
        check(printed.contains("Ctrl-C"), || printed.clone())
    });
    let urls = demonstration.urls();
    assert_eq!(urls.len(), 3, "{urls:?}");
    demonstration.children = children_of(demonstration.child.id());
    for url in &urls {
        until("all three are alive", PATIENCE, || {
            let members = get(&format!("{url}/v1/cluster"))?["members"].clone();
            let members = members.as_array().unwrap();
            let alive = members.iter().filter(|member| member["state"] == "alive").count();
            check(alive == 3, || format!("{members:?}"))
        });
    }
    let first = urls.first().unwrap();
    let like = format!("{first}/v1/posts/of-the-test/likes/ann");
    assert_eq!(agent(PATIENCE).put(&like).send_empty().unwrap().status(), 200);
    for url in &urls {
        until("a like is everywhere", PATIENCE, || {
            let post = get(&format!("{url}/v1/posts/of-the-test"))?;
            check(post["likes"] == 1, || post.to_string())
        });
        let top = get(&format!("{url}/v1/top")).unwrap();
        let posts = top["posts"].as_array().unwrap();
        assert!(posts.len() > 1, "the likes of the demonstration itself are not at {url}: {top}");
    }

    demonstration.interrupt();
    for url in &urls {
        assert!(fetch(&format!("{url}/livez")).is_err(), "{url} still answers");
    }
}

#[test]
fn an_impatient_ctrl_c_leaves_nothing_behind_either() {
    let mut demonstration = Demonstration::start("3");
    demonstration.children = until("the first node is started", PATIENCE, || {
        let children = children_of(demonstration.child.id());
        check(!children.is_empty(), || "no children".to_owned()).map(|()| children)
    });
    demonstration.interrupt();
}
