//! Three voters as users meet them: an answer that a majority stands behind at any node, and what is told
//! where there is no majority.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ask::{PATIENCE, agent, check, metric, until};
use super::nodes::{Cluster, Node, run};

const VOTERS: [&str; 2] = ["--voters", "a,b,c"];

/// How long voters get to answer where they are there: generous, for a machine that is busy.
pub(crate) const ENOUGH: &str = "consistency=linearizable&timeout=30s";

/// Status and JSON of a request.
pub(crate) fn ask(method: &str, node: &Node, path: &str) -> (u16, Value) {
    let (url, agent) = (format!("{}{path}", node.url), agent(PATIENCE));
    let answer = match method {
        "PUT" => agent.put(&url).send_empty(),
        "DELETE" => agent.delete(&url).call(),
        _ => agent.get(&url).call(),
    };
    let mut answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&body).unwrap())
}

/// The likes of a post and who gave them, as a majority holds them.
pub(crate) fn linearizable(node: &Node, post: &str) -> (u64, Value) {
    let (status, count) = ask("GET", node, &format!("/v1/posts/{post}?{ENOUGH}"));
    assert_eq!(status, 200, "{count}");
    let (status, list) = ask("GET", node, &format!("/v1/posts/{post}/likes?{ENOUGH}"));
    assert_eq!(status, 200, "{list}");
    (count["likes"].as_u64().unwrap(), list["users"].clone())
}

fn like(node: &Node, user: &str) -> (u16, Value) {
    ask("PUT", node, &format!("/v1/posts/p/likes/{user}?{ENOUGH}"))
}

/// Waits until this node could ask all voters of that number.
fn until_askable(node: &Node, voters: u64) {
    until(&format!("{} can ask {voters} voters", node.setup.name), PATIENCE, || {
        let askable = metric(&node.url, "likewise_votes_voters_askable")?;
        check(askable as u64 == voters, || format!("{askable} can be asked"))
    });
}

/// A cluster of three voters, each of which could ask all.
pub(crate) fn cluster() -> Cluster {
    let cluster = Cluster::start_with(3, &VOTERS);
    cluster.running().for_each(|node| until_askable(node, 3));
    cluster
}

#[test]
fn what_one_node_has_written_another_counts_and_lists_at_once() {
    let cluster = cluster();
    for number in 0..20 {
        let (writer, reader) = (&cluster.nodes[number % 3], &cluster.nodes[(number + 1) % 3]);
        let (status, written) = like(writer, &format!("user-{number:02}"));
        assert_eq!((status, &written["version"]), (200, &json!(1)), "{written}");
        let (likes, users) = linearizable(reader, "p");
        assert_eq!(likes, number as u64 + 1);
        assert_eq!(users.as_array().unwrap().len() as u64, likes);
    }
    let path = format!("/v1/posts/p/likes/user-00?{ENOUGH}");
    assert_eq!(ask("DELETE", &cluster.nodes[1], &path).1["version"], 2);
    let (_, read) = ask("GET", &cluster.nodes[2], &path);
    assert_eq!((&read["liked"], &read["version"]), (&json!(false), &json!(2)));
    let quorum = path.replace("linearizable", "quorum");
    assert_eq!(ask("PUT", &cluster.nodes[2], &quorum).1["version"], 3);
    assert_eq!(ask("GET", &cluster.nodes[0], &quorum).1["liked"], true);
    for node in cluster.running() {
        // What a node shows of votes may be a moment old.
        until("agreements are counted", PATIENCE, || {
            let agreements = metric(&node.url, "likewise_votes_agreements_total")?;
            check(agreements > 0.0, || format!("{agreements} agreements"))
        });
    }
    let shown = run(&["members", "--url", &cluster.nodes[0].url]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let line = "voters: a active, b active, c active; 2 make a majority; this node is active";
    assert!(shown.lines().any(|found| found == line), "{shown}");
}

#[test]
fn one_voter_may_be_missing_and_two_are_told_by_name() {
    let mut cluster = cluster();
    like(&cluster.nodes[0], "ann");
    cluster.nodes[2].kill();
    // Whatever the membership thinks of it so far.
    assert_eq!(like(&cluster.nodes[1], "bob").0, 200);
    assert_eq!(linearizable(&cluster.nodes[0], "p"), (2, json!(["ann", "bob"])));
    cluster.nodes[1].kill();
    let began = Instant::now();
    let path = "/v1/posts/p/likes/cid?consistency=linearizable&timeout=900ms&seen=0";
    let (status, problem) = ask("PUT", &cluster.nodes[0], path);
    let took = began.elapsed();
    assert!((Duration::from_millis(900)..PATIENCE / 4).contains(&took), "{took:?}");
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/no-majority")), "{problem}");
    let counts = (&problem["voters_needed"], &problem["voters_answered"]);
    assert_eq!(counts, (&json!(2), &json!(1)), "{problem}");
    assert_eq!(problem["voters"]["a"], "answered");
    for missing in ["b", "c"] {
        let part = problem["voters"][missing].as_str().unwrap();
        assert!(["not reached", "did not answer"].contains(&part), "{problem}");
    }
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("2 of 3 voters are needed and 1 answered within 900ms"), "{detail}");
    assert!(detail.ends_with("a repeat with the same `seen` is safe"), "{detail}");

    // A command says the same, and does not go on trying.
    let url = cluster.nodes[0].url.clone();
    let linearizable = ["--consistency", "linearizable", "--timeout", "300ms"];
    let arguments = [&["count", "p", "--url", &url][..], &linearizable].concat();
    let began = Instant::now();
    let refused = run(&arguments);
    assert!(began.elapsed() < PATIENCE / 4, "after {:?}", began.elapsed());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("2 of 3 voters are needed and 1 answered"), "{said}");

    // What this node has heard is told and taken all the while.
    assert_eq!(ask("GET", &cluster.nodes[0], "/v1/posts/p").0, 200);
    assert_eq!(ask("PUT", &cluster.nodes[0], "/v1/posts/p/likes/dan").0, 200);
    cluster.nodes[1].restart();
    until_askable(&cluster.nodes[0], 2);
    // The write that nobody answered for did take effect, and to repeat it is safe.
    assert_eq!(ask("PUT", &cluster.nodes[1], &path.replace("900ms", "30s")).1["version"], 1);
    let (likes, users) = self::linearizable(&cluster.nodes[1], "p");
    assert_eq!((likes, users), (4, json!(["ann", "bob", "cid", "dan"])));
}

#[test]
fn a_wiped_voter_copies_and_then_votes_again() {
    let mut cluster = cluster();
    for user in ["ann", "bob"] {
        assert_eq!(like(&cluster.nodes[0], user).0, 200);
    }
    cluster.nodes[2].wipe();
    assert_eq!(like(&cluster.nodes[1], "cid").0, 200);
    cluster.nodes[2].restart();
    cluster.running().for_each(|node| until_askable(node, 3));
    // Its vote is one of the two that are left.
    cluster.nodes[0].kill();
    assert_eq!(linearizable(&cluster.nodes[2], "p"), (3, json!(["ann", "bob", "cid"])));
    assert_eq!(like(&cluster.nodes[1], "dan").0, 200);
    assert_eq!(linearizable(&cluster.nodes[2], "p").0, 4);
}

/// Without what they keep of their seats both would be fresh, and wait for the third for ever.
#[test]
fn voters_that_come_back_with_their_data_vote_without_the_one_that_does_not() {
    let mut cluster = cluster();
    assert_eq!(like(&cluster.nodes[0], "ann").0, 200);
    cluster.nodes.iter_mut().for_each(Node::kill);
    cluster.nodes[..2].iter_mut().for_each(Node::restart);
    cluster.running().for_each(|node| until_askable(node, 2));
    assert_eq!(linearizable(&cluster.nodes[1], "p"), (1, json!(["ann"])));
    assert_eq!(like(&cluster.nodes[1], "bob").0, 200);
    assert_eq!(linearizable(&cluster.nodes[0], "p").0, 2);
}

#[test]
fn a_node_without_a_vote_takes_every_request() {
    let mut cluster = Cluster::start_with(3, &["--voters", "a"]);
    cluster.running().for_each(|node| until_askable(node, 1));
    assert_eq!(like(&cluster.nodes[1], "ann").0, 200);
    assert_eq!(linearizable(&cluster.nodes[2], "p"), (1, json!(["ann"])));
    let view = |node: &Node| ask("GET", node, "/v1/cluster").1;
    assert_eq!(view(&cluster.nodes[1])["standing"], Value::Null);
    assert_eq!(view(&cluster.nodes[0])["standing"], "active");
    cluster.nodes[0].kill();
    let path = "/v1/posts/p?consistency=linearizable&timeout=200ms";
    let (status, problem) = ask("GET", &cluster.nodes[1], path);
    assert_eq!((status, &problem["voters_needed"]), (503, &json!(1)), "{problem}");
}
