//! Backups of a cluster: merged into one that has moved on, and into a new one after all nodes were lost. There are
//! voters, and what they have agreed on stays agreed.

use serde_json::json;

use super::ask::{PATIENCE, check, until};
use super::nodes::{Cluster, Node, run};
use super::voters::{ENOUGH, ask, cluster, linearizable};

/// Runs a command that succeeds; answers what it printed.
fn output(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn restore(file: &str, node: &Node) -> serde_json::Value {
    let said = output(&["restore", file, "--json", "--url", &node.url]);
    serde_json::from_str(&said).unwrap()
}

fn until_equal(cluster: &Cluster) {
    until("all nodes hold the same", PATIENCE, || {
        let views: Vec<_> = cluster.running().map(Node::view).collect::<Result<_, _>>()?;
        let are_equal = views.iter().all(|view| view.equal && view.digest == views[0].digest);
        check(are_equal, || format!("{views:?}"))
    });
}

fn write(method: &str, node: &Node, user: &str) {
    let (status, written) = ask(method, node, &format!("/v1/posts/p/likes/{user}?{ENOUGH}"));
    assert_eq!(status, 200, "{written}");
}

#[test]
fn a_backup_comes_back_into_a_cluster_that_moved_on_and_into_a_new_one() {
    let old = cluster();
    let file = tempfile::tempdir().unwrap();
    let lines = file.path().join("lines");
    let file = file.path().join("backup");
    let file = file.to_str().unwrap();
    for user in ["ann", "bob", "dora"] {
        write("PUT", &old.nodes[0], user);
    }
    write("DELETE", &old.nodes[1], "dora");
    let many = (0..3_000).map(|n| format!("{{\"post\":\"q{}\",\"user\":\"{n}\"}}\n", n % 9));
    std::fs::write(&lines, many.collect::<String>()).unwrap();
    output(&["import", lines.to_str().unwrap(), "--url", &old.nodes[1].url]);
    until_equal(&old);
    let digest = old.nodes[2].view().unwrap().digest;
    output(&["backup", file, "--url", &old.nodes[2].url]);

    // It moves on, and an old backup changes nothing of that, nor of what voters answer.
    write("DELETE", &old.nodes[1], "ann");
    write("PUT", &old.nodes[2], "carl");
    let now = (2, json!(["bob", "carl"]));
    assert_eq!(restore(file, &old.nodes[0])["restored"], 3_003);
    for node in old.running() {
        assert_eq!(linearizable(node, "p"), now);
    }
    drop(old);

    // All of it is lost. Nodes with new data take the backup in at one of them.
    let new = cluster();
    write("PUT", &new.nodes[0], "eve");
    assert_eq!(restore(file, &new.nodes[1])["changed"], 3_003);
    until("a majority has it", PATIENCE, || {
        let found = linearizable(&new.nodes[2], "p");
        check(found == (3, json!(["ann", "bob", "eve"])), || format!("{found:?}"))
    });
    write("DELETE", &new.nodes[2], "eve");
    until_equal(&new);
    for node in new.running() {
        assert_eq!(linearizable(node, "p"), (2, json!(["ann", "bob"])));
        let (_, dora) = ask("GET", node, "/v1/posts/p/likes/dora");
        assert_eq!(dora["version"], 2);
        assert_ne!(node.view().unwrap().digest, digest, "eve has been there");
    }
}

#[test]
fn a_backup_restored_into_an_empty_cluster_gives_every_node_the_same_digest() {
    let (old, folder) = (Cluster::start(2), tempfile::tempdir().unwrap());
    let (lines, file) = (folder.path().join("lines"), folder.path().join("backup"));
    let file = file.to_str().unwrap();
    let many = (0..20_000).map(|n| {
        let liked = n % 3 > 0;
        format!("{{\"post\":\"q{}\",\"user\":\"{n}\",\"liked\":{liked},\"seen\":1}}\n", n % 900)
    });
    std::fs::write(&lines, many.collect::<String>()).unwrap();
    output(&["import", lines.to_str().unwrap(), "--url", &old.nodes[1].url]);
    until_equal(&old);
    let digest = old.nodes[0].view().unwrap().digest;
    output(&["backup", file, "--url", &old.nodes[0].url]);
    drop(old);
    let new = Cluster::start(3);
    restore(file, &new.nodes[2]);
    until_equal(&new);
    assert!(new.running().all(|node| node.view().unwrap().digest == digest));
}
