//! What people and programs see of a cluster: the stream of events, the list of members.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::ask::{DETECTION, PATIENCE, metric, until};
use super::nodes::{Cluster, Node, Setup, run};
use super::record::until_equal;

/// The events of a node, as they come.
#[derive(Clone, Debug, Default)]
struct Events(Arc<Mutex<Vec<(String, Value)>>>);

impl Events {
    /// Subscribes, and is sure to be heard before it returns. Listens until the node ends.
    fn of(url: &str) -> Self {
        let url = format!("{url}/v1/cluster/events");
        let config = ureq::Agent::config_builder().timeout_connect(Some(PATIENCE)).build();
        let response = ureq::Agent::new_with_config(config).get(&url).call().unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        let events = Self::default();
        let sink = events.clone();
        std::thread::spawn(move || {
            let mut name = String::new();
            for line in BufReader::new(response.into_body().into_reader()).lines() {
                let Ok(line) = line else { return };
                if let Some(event) = line.strip_prefix("event:") {
                    event.trim().clone_into(&mut name);
                } else if let Some(text) = line.strip_prefix("data:") {
                    let data = serde_json::from_str(text.trim()).unwrap_or(Value::Null);
                    sink.0.lock().unwrap().push((name.clone(), data));
                }
            }
        });
        events
    }

    /// Waits for an event of that name about the node with that id.
    fn until(&self, event: &str, id: &str) -> Value {
        until(&format!("{event} {id} is told"), DETECTION, || {
            let events = self.0.lock().unwrap();
            let found = events.iter().find(|(name, data)| name == event && data["id"] == id);
            found.map(|(_, data)| data.clone()).ok_or_else(|| format!("{events:?}"))
        })
    }
}

#[test]
fn who_comes_and_who_goes_is_told_at_once() {
    let mut cluster = Cluster::start(2);
    let events = Events::of(&cluster.nodes[0].url);
    let setup = |name, cluster: &Cluster| {
        Setup::new(name, cluster.folder()).join(&cluster.nodes[0].address)
    };
    for name in ["c", "d"] {
        let setup = setup(name, &cluster);
        cluster.nodes.push(setup.start());
        let node = cluster.nodes.last().unwrap();
        let joined = events.until("joined", &node.id());
        assert_eq!(joined["address"], node.address, "{joined}");
        assert_eq!(joined["state"], "alive", "{joined}");
        assert!(joined["incarnation"].is_u64() && joined["at"].is_string(), "{joined}");
    }
    cluster.until_together();
    let ids: Vec<String> = cluster.nodes.iter().map(Node::id).collect();
    cluster.nodes[3].kill();
    events.until("suspected", &ids[3]);
    let down = events.until("down", &ids[3]);
    assert!(down["state"] == "down" && down["name"] == "d", "{down}");
    cluster.nodes[2].terminate();
    cluster.nodes[2].ended();
    let left = events.until("left", &ids[2]);
    assert!(left["state"] == "left" && left["name"] == "c", "{left}");
    let forgotten = run(&["forget", "d", "--url", &cluster.nodes[0].url]);
    assert!(forgotten.status.success(), "{forgotten:?}");
    events.until("forgotten", &ids[3]);
    cluster.nodes[1].kill();
    cluster.nodes[1].restart();
    events.until("restarted", &ids[1]);
}

#[test]
fn the_figures_of_a_cluster_are_among_the_metrics() {
    let cluster = Cluster::start(2);
    until_equal(&cluster.running().collect::<Vec<_>>());
    for name in [
        "cluster_members",
        "cluster_outbox_entries",
        "cluster_lag_seconds",
        "cluster_equal",
        "gossip_packets_total",
        "gossip_bytes_total",
        "link_bytes_total",
        "links",
        "link_attempts_total",
        "link_failures_total",
        "repair_rounds_total",
        "repair_bytes_total",
        "repair_entries_total",
        "repair_whole_slots_total",
        "outbox_overflows_total",
    ] {
        for node in &cluster.nodes {
            metric(&node.url, &format!("likewise_{name}")).unwrap();
        }
    }
}

#[test]
fn the_members_are_printed_with_their_states() {
    let mut cluster = Cluster::start(3);
    let id = cluster.nodes[2].id();
    cluster.nodes[2].kill();
    cluster.nodes[0].until_shows(&id, "down");
    let url = cluster.nodes[0].url.clone();
    let printed = run(&["members", "--url", &url]);
    assert!(printed.status.success(), "{printed:?}");
    let text = String::from_utf8(printed.stdout).unwrap();
    for (node, state) in cluster.nodes.iter().zip(["alive", "alive", "down"]) {
        let wanted = [node.setup.name.as_str(), state, &node.address];
        let line = text.lines().find(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            wanted.iter().all(|wanted| words.contains(wanted))
        });
        assert!(line.is_some(), "{wanted:?} is not in\n{text}");
    }
    let printed = run(&["members", "--json", "--url", &url]);
    let text = String::from_utf8(printed.stdout).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let members = answer["members"].as_array().unwrap();
    let states: BTreeSet<_> = members
        .iter()
        .map(|member| (member["name"].as_str().unwrap(), member["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, BTreeSet::from([("a", "alive"), ("b", "alive"), ("c", "down")]), "{text}");
}
