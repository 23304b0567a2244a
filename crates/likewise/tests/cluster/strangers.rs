//! Who must not get in, who must not do harm, and who only looks like a stranger.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;

use tokio::net::TcpSocket;

use super::ask::{PATIENCE, check, metric, until};
use super::load::{Random, write_all};
use super::nodes::{Cluster, Node, Setup, keygen, until_together};
use super::record::Record;

/// Datagrams and streams of nonsense that are thrown at a cluster port.
const NONSENSE: usize = 500;

/// Connections that one machine opens and says nothing on.
const SILENT_CALLS: usize = 100;

/// The lines of a key file.
struct KeyFile {
    key: String,
    digests: String,
}

/// A key file made by the binary, and what is in it.
fn key_file(folder: &Path, name: &str) -> (String, KeyFile) {
    let file = keygen(folder, name);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    let line = |word| lines.iter().find(|line| line.starts_with(word)).unwrap().clone();
    assert_eq!(lines.len(), 2, "{text}");
    (file, KeyFile { key: line("key "), digests: line("digests ") })
}

/// Waits until one of `nodes` logs a line with all of `words`.
fn until_logged(nodes: &[&Node], words: &[&str]) -> String {
    until(&format!("a line with {words:?} is logged"), PATIENCE, || {
        let has_all = |line: &str| words.iter().all(|word| line.contains(word));
        let line = nodes.iter().find_map(|node| node.line(has_all));
        line.ok_or_else(|| "no such line".to_owned())
    })
}

/// Asserts that the two have not met.
fn assert_apart(one: &Node, other: &Node) {
    for (node, stranger) in [(one, other), (other, one)] {
        let view = node.view().unwrap();
        assert!(view.member(&stranger.id()).is_none(), "{}: {view:?}", node.setup.name);
        assert_eq!(view.alive().len(), 1, "{view:?}");
    }
}

#[test]
fn a_node_of_another_cluster_is_refused_and_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let a = Setup::new("a", folder.path()).start();
    let other = Setup::new("x", folder.path()).join(&a.address);
    let x = other.with(&["--cluster-name", "elsewhere"]).start();
    let line = until_logged(&[&a, &x], &["another cluster", "--cluster-name"]);
    assert!(!line.contains("key"), "{line}");
    assert_apart(&a, &x);
}

#[test]
fn a_node_with_another_key_is_refused_and_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = key_file(folder.path(), "ours");
    let (theirs, _) = key_file(folder.path(), "theirs");
    let a = Setup::new("a", folder.path()).with(&["--cluster-key-file", &ours]).start();
    let other = Setup::new("x", folder.path()).join(&a.address);
    let x = other.with(&["--cluster-key-file", &theirs]).start();
    let line = until_logged(&[&a, &x], &["the same --cluster-key-file"]);
    assert!(!line.contains("--cluster-name"), "{line}");
    assert_apart(&a, &x);
}

#[test]
fn a_node_without_a_key_is_refused_by_those_who_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = key_file(folder.path(), "ours");
    let a = Setup::new("a", folder.path()).with(&["--cluster-key-file", &ours]).start();
    let x = Setup::new("x", folder.path()).join(&a.address).start();
    until_logged(&[&a, &x], &["the same --cluster-key-file"]);
    assert_apart(&a, &x);
}

#[test]
fn nodes_on_both_sides_of_a_change_of_keys_understand_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (_, old) = key_file(folder.path(), "old");
    let (_, new) = key_file(folder.path(), "new");
    // The key of the digests stays: it is no secret that can be changed while likes are compared.
    let write = |name: &str, keys: [&String; 2]| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{}\n{}\n{}\n", old.digests, keys[0], keys[1])).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (before, after) =
        (write("before", [&old.key, &new.key]), write("after", [&new.key, &old.key]));
    let a = Setup::new("a", folder.path()).with(&["--cluster-key-file", &before]).start();
    let b = Setup::new("b", folder.path()).join(&a.address);
    let b = b.with(&["--cluster-key-file", &after]).start();
    until_together(&[&a, &b]);
    let mut record = Record::default();
    write_all(&a, 0, 100, &mut record);
    write_all(&b, 100, 100, &mut record);
    record.assert_exactly(&[&a, &b]);
}

#[test]
fn a_cluster_port_beyond_this_machine_wants_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = Setup::new("a", folder.path());
    setup.cluster = "0.0.0.0:0".to_owned();
    let refused = setup.command().output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    for word in ["cluster-key-file", "likewise keygen", "insecure"] {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn nonsense_on_the_cluster_port_does_no_harm() {
    let cluster = Cluster::start(2);
    let [a, b] = &cluster.nodes[..] else { unreachable!("two were started") };
    let refused_before = metric(&a.url, "likewise_gossip_refused_total").unwrap_or(0.0);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = Random::new(1);
    let mut open = Vec::new();
    for number in 0..NONSENSE {
        let length = random.below(1_500);
        let bytes: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[0]).collect();
        socket.send_to(&bytes, &a.address).unwrap();
        let mut stream = TcpStream::connect(&a.address).unwrap();
        // The node may have hung up on it already.
        let _ = stream.write_all(&bytes);
        // Some strangers stay and say nothing more.
        if number % 10 == 0 {
            open.push(stream);
        }
    }
    until("refused packets are counted", PATIENCE, || {
        let refused = metric(&a.url, "likewise_gossip_refused_total")? - refused_before;
        // Datagrams may be lost, on loopback too, where nobody is fast enough to take them.
        check(refused >= NONSENSE as f64 / 10.0, || format!("{refused} refused"))
    });
    let links = metric(&a.url, "likewise_link_refused_total").unwrap();
    assert!(links > 0.0, "refused streams are counted too");

    let mut record = Record::default();
    write_all(a, 0, 100, &mut record);
    write_all(b, 100, 100, &mut record);
    cluster.until_together();
    record.assert_exactly(&[a, b]);
    let late = Setup::new("c", cluster.folder()).join(&a.address).start();
    until_together(&[a, b, &late]);
    record.assert_exactly(&[a, b, &late]);
    drop(open);
}

#[test]
fn one_machine_that_calls_and_says_nothing_keeps_nobody_out() {
    let cluster = Cluster::start(2);
    let [a, b] = &cluster.nodes[..] else { unreachable!("two were started") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let address: SocketAddr = a.address.parse().unwrap();
    // More than there is room for in all, from an address that no node has.
    let calls: Vec<_> = (0..SILENT_CALLS)
        .map(|_| {
            runtime.block_on(async {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
                socket.connect(address).await.unwrap()
            })
        })
        .collect();
    let late = Setup::new("c", cluster.folder()).join(&a.address).start();
    until_together(&[a, b, &late]);
    until("what was too much is counted", PATIENCE, || {
        let refused = metric(&a.url, "likewise_link_refused_total{reason=\"too-many\"}")?;
        check(refused >= 1.0, || format!("{refused} refused"))
    });
    drop(calls);
}

#[test]
fn a_copied_data_folder_is_noticed() {
    let mut cluster = Cluster::start(2);
    let mut record = Record::default();
    write_all(&cluster.nodes[0], 0, 100, &mut record);
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
    let id = cluster.nodes[1].id();
    cluster.nodes[1].kill();
    let mut copy = cluster.nodes[1].setup.clone();
    copy.data = cluster.folder().join("copy");
    std::fs::create_dir(&copy.data).unwrap();
    for entry in std::fs::read_dir(&cluster.nodes[1].setup.data).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.data.join(entry.file_name())).unwrap();
    }
    cluster.nodes[1].restart();
    let copy = copy.start();
    assert_eq!(copy.id(), id);
    let everybody: Vec<&Node> = cluster.running().chain([&copy]).collect();
    let line = until_logged(&everybody, &["copy of its data folder"]);
    assert!(line.contains("error"), "it is said loudly: {line}");
    drop(copy);
    cluster.until_together();
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
}
