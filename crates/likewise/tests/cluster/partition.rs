//! A network that falls in two and comes together again.

use std::io::Write;
use std::time::{Duration, Instant};

use super::ask::{DETECTION, check, metric, until};
use super::load::Load;
use super::nodes::{Node, Setup, keygen, until_together};
use super::record::{Record, until_equal};
use super::wires::{self, Network};

/// How long the halves are apart.
const APART: Duration = Duration::from_secs(30);

/// Acknowledgements in each half before and after the cut.
const SOME: usize = 300;

/// Users by whom the loads of the halves are ahead of each other: both write some of the same likes, and
/// each some that the other has not.
const SHIFT: usize = 2_000;

/// Whether the test can be run here. A machine that checks changes has to be able to.
pub(crate) fn possible() -> bool {
    let Err(why) = wires::possible() else { return true };
    assert!(std::env::var_os("CI").is_none(), "CI must be able to make network namespaces: {why}");
    // Past the harness, which keeps what a test prints to itself unless it fails.
    let skipped = format!("SKIPPED the partition test: network namespaces can't be made: {why}\n");
    std::io::stderr().write_all(skipped.as_bytes()).unwrap();
    false
}

fn urls(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.url.clone()).collect()
}

/// Whether each of `nodes` holds each of `others` for down.
fn gave_up(nodes: &[Node], others: &[Node]) -> Result<(), String> {
    for node in nodes {
        let view = node.view()?;
        for other in others {
            let states: Vec<_> = view.named(&other.setup.name);
            let down = states.iter().all(|member| member.state == "down");
            check(down, || format!("{}: {view:?}", node.setup.name))?;
        }
    }
    Ok(())
}

/// A node for each namespace of the network, on a cluster port that needs a key, with more on its command line.
pub(crate) fn start(network: &Network, folder: &std::path::Path, more: &[&str]) -> Vec<Node> {
    let key = keygen(folder, "key");
    let mut nodes = Vec::new();
    for (number, namespace) in network.namespaces.iter().enumerate() {
        let name = char::from(b"abcde"[number]).to_string();
        let mut setup = Setup::new(&name, folder).with(&["--cluster-key-file", &key]).with(more);
        setup.http = format!("{}:8080", Network::http_ip(number));
        setup.cluster = format!("{}:9293", Network::cluster_ip(number));
        setup.namespace = Some(namespace.clone());
        // One seed on each side of the cut to come.
        for seed in [0, 4].iter().filter(|&&seed| seed != number) {
            setup = setup.join(&format!("{}:9293", Network::cluster_ip(*seed)));
        }
        nodes.push(setup.start());
    }
    until_together(&nodes.iter().collect::<Vec<_>>());
    nodes
}

#[test]
fn a_minority_cut_off_under_load_in_both_halves_is_whole_again_after_it() {
    if !possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(5);
    let nodes = start(&network, folder.path(), &[]);
    let (majority, minority) = nodes.split_at(3);
    let loads = [Load::start(urls(majority), 0), Load::start(urls(minority), SHIFT)];
    loads.iter().for_each(|load| load.until_more(SOME));

    let began = Instant::now();
    network.cut(&[3, 4]);
    until("both halves have given each other up", DETECTION, || {
        gave_up(majority, minority)?;
        gave_up(minority, majority)
    });
    eprintln!("both halves have given each other up after {:?}", began.elapsed());
    loads.iter().for_each(|load| load.until_more(SOME));
    until("the time apart is over", APART * 2, || {
        let apart = began.elapsed();
        check(apart >= APART, || format!("{apart:?}"))
    });
    gave_up(majority, minority).unwrap();
    gave_up(minority, majority).unwrap();
    let apart = [view_digest(&majority[0]), view_digest(&minority[0])];
    assert_ne!(apart[0], apart[1], "nothing was cut");

    let began = Instant::now();
    network.mend();
    let all: Vec<&Node> = nodes.iter().collect();
    until_together(&all);
    eprintln!("together again after {:?}", began.elapsed());
    loads.iter().for_each(|load| load.until_more(SOME));
    let mut record = Record::default();
    loads.into_iter().for_each(|load| record.merge(&load.stop()));
    record.assert_exactly(&all);
    eprintln!("equal after {:?}", began.elapsed());
}

#[test]
fn a_node_that_only_gossip_takes_for_dead_still_gives_and_gets_likes() {
    if !possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(3);
    let nodes = start(&network, folder.path(), &[]);
    let load = Load::start(urls(&nodes), 0);
    load.until_more(SOME);
    network.mute(2);
    let (others, muted) = nodes.split_at(2);
    until("the others have given it up", DETECTION, || gave_up(others, muted));
    until("the figures tell what is the matter", DETECTION, || {
        let hint = metric(&others[0].url, "likewise_cluster_linked_but_down")?;
        check(hint >= 1.0, || format!("{hint}"))
    });
    load.until_more(SOME);
    let record = load.stop();
    let all: Vec<&Node> = nodes.iter().collect();
    until_equal(&all);
    record.assert_exactly(&all);
}

fn view_digest(node: &Node) -> String {
    node.view().unwrap().digest
}
