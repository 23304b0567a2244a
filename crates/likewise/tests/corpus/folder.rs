//! A recorded data folder: the real binary finds all likes in it, at their versions, and carries it on.
//!
//! Files are kept without the zeros at their end; `data-sizes.txt` says how long each really is.

use std::collections::BTreeMap;
use std::path::Path;

use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use serde_json::Value;
use tempfile::TempDir;

use super::ask::{PATIENCE, agent, fetch, get};
use super::nodes::{Node, Setup, until_together};
use super::told::entry;
use super::version::{CLUSTER, Version, compare, lines};

/// Versions by post, kind and user.
pub(crate) type Held = BTreeMap<[String; 3], u32>;

/// The name of the node whose folder it is, and the voters of its cluster.
pub(crate) const NODE: &str = "b";
pub(crate) const VOTERS: &str = "a,b,c";

/// All that a node holds.
pub(crate) fn held(node: &Node) -> Held {
    let (status, text) = fetch(&format!("{}/v1/export", node.url)).unwrap();
    assert_eq!(status, 200, "{text}");
    let mut held = Held::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str, default: &str| line[name].as_str().unwrap_or(default).to_owned();
        let like = [text("post", ""), text("kind", "like"), text("user", "")];
        let version = line["seen"].as_u64().unwrap() as u32;
        // A long way has a line for each step.
        let known = held.entry(like).or_default();
        *known = version.max(*known);
    }
    held
}

/// What a node holds, as text: its digest, then a line a like.
pub(crate) fn told(node: &Node, held: &Held) -> String {
    let like = |([post, kind, user], &version): (&[String; 3], &u32)| {
        let like = Like::new(post, kind, user).unwrap();
        format!("{}\n", entry(like, CausalLength::new(version).unwrap()))
    };
    let likes: String = held.iter().map(like).collect();
    format!("digest {}\n{likes}", node.view().unwrap().digest)
}

/// Copies the recorded folder to `to`, with its zeros.
pub(crate) fn unpack(version: &Version, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for line in lines(version, "data-sizes.txt") {
        let (name, size) = line.split_once(' ').unwrap();
        let mut bytes = version.read(&format!("data/{name}"));
        bytes.resize(size.parse().unwrap(), 0);
        std::fs::write(to.join(name), bytes).unwrap();
    }
}

/// A node of the cluster that was recorded, with its data in a subfolder of `folder`.
pub(crate) fn member(name: &str, folder: &Path, key_file: &Path) -> Setup {
    let key_file = key_file.to_str().unwrap();
    let more = ["--cluster-name", CLUSTER, "--cluster-key-file", key_file, "--voters", VOTERS];
    Setup::new(name, folder).with(&more)
}

/// The node whose folder was recorded, not started yet.
pub(crate) fn unpacked(version: &Version) -> (TempDir, Setup) {
    let folder = tempfile::tempdir().unwrap();
    let setup = member(NODE, folder.path(), &version.key_file());
    unpack(version, &setup.data);
    (folder, setup)
}

#[test]
fn a_recorded_folder_is_opened_with_all_that_it_holds() {
    for version in Version::all() {
        let (_folder, setup) = unpacked(&version);
        let node = setup.start();
        compare(&version, "data.txt", &told(&node, &held(&node)));
    }
}

#[test]
fn a_recorded_folder_is_carried_on() {
    for version in Version::all() {
        let (_folder, setup) = unpacked(&version);
        let mut node = setup.start();
        let mut expected = held(&node);
        let more = [("hello", "zoe", 0, 1), ("hello", "ann", 3, 4), ("new", "ann", 0, 1)];
        for (post, user, seen, version) in more {
            let url = format!("{}/v1/posts/{post}/likes/{user}?seen={seen}", node.url);
            let agent = agent(PATIENCE);
            let sent = if version % 2 == 1 {
                agent.put(&url).send_empty()
            } else {
                agent.delete(&url).call()
            };
            let answer = sent.unwrap().body_mut().read_to_string().unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer["version"], version, "{answer}");
            expected.insert([post, "like", user].map(str::to_owned), version);
        }
        for again in 0..2 {
            let incarnation = get(&format!("{}/v1/cluster", node.url)).unwrap();
            node.kill();
            node.restart();
            assert_eq!(held(&node), expected, "start {again}, after {incarnation}");
        }
    }
}

#[test]
fn a_new_node_gets_all_of_a_recorded_folder() {
    for version in Version::all() {
        let (folder, setup) = unpacked(&version);
        let node = setup.start();
        let other = member("d", folder.path(), &version.key_file()).join(&node.address).start();
        until_together(&[&node, &other]);
        assert_eq!(held(&other), held(&node));
        compare(&version, "data.txt", &told(&other, &held(&other)));
    }
}
