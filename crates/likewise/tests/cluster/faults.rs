//! Nodes that die, lose their data, stand still or move, while clients write to all of them.

use std::time::Instant;

use super::ask::{DETECTION, check, metric, until};
use super::load::Load;
use super::nodes::{Cluster, Node, Setup};
use super::record::Record;

/// Acknowledgements before, during and after each fault.
const SOME: usize = 300;

/// Everything that was acknowledged is everywhere, and no node blames anybody for what has happened.
fn assert_exactly(cluster: &Cluster, record: &Record) {
    cluster.until_together();
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
    for node in &cluster.nodes {
        let blame =
            node.line(|line| line.contains(" error likewise") || line.contains("copy of its data"));
        assert_eq!(blame, None, "the log of {}", node.setup.name);
    }
}

/// The URLs of all nodes but one.
fn urls_but(cluster: &Cluster, left_out: usize) -> Vec<String> {
    let nodes = cluster.nodes.iter().enumerate().filter(|(number, _)| *number != left_out);
    nodes.map(|(_, node)| node.url.clone()).collect()
}

/// Waits until every other node that runs shows `id` in that state.
fn until_others_show(cluster: &Cluster, id: &str, state: &str) {
    for node in cluster.running().filter(|node| node.id() != id) {
        node.until_shows(id, state);
    }
}

#[test]
fn a_node_that_is_killed_under_load_comes_back_as_the_same_member() {
    let mut cluster = Cluster::start(3);
    let id = cluster.nodes[1].id();
    let incarnation = |cluster: &Cluster| {
        let view = cluster.nodes[0].view().unwrap();
        view.member(&id).unwrap().incarnation
    };
    let before = incarnation(&cluster);
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    cluster.nodes[1].kill();
    load.until_more(SOME);
    until_others_show(&cluster, &id, "down");
    cluster.nodes[1].restart();
    cluster.nodes[1].until_ready();
    load.until_more(SOME);
    let record = load.stop();

    assert_exactly(&cluster, &record);
    assert_eq!(cluster.nodes[1].id(), id);
    assert!(incarnation(&cluster) > before, "a restart is a new incarnation");
    let view = cluster.nodes[0].view().unwrap();
    assert_eq!(view.named("b").len(), 1, "{view:?}");
}

#[test]
fn a_node_that_restarts_before_anybody_misses_it_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let load = Load::start(cluster.urls(), 0);
    for victim in [2, 1, 0] {
        load.until_more(SOME);
        cluster.nodes[victim].kill();
        cluster.nodes[victim].restart();
    }
    load.until_more(SOME);
    assert_exactly(&cluster, &load.stop());
}

#[test]
fn a_node_that_lost_its_data_is_not_ready_before_it_has_everything_again() {
    let mut cluster = Cluster::start(3);
    let old = cluster.nodes[1].id();
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    // What nobody else has goes with the disk that it is on.
    load.aim(urls_but(&cluster, 1));
    cluster.nodes[1].until_handed_over();
    cluster.nodes[1].wipe();
    load.until_more(SOME);
    let record = load.stop();

    // Nobody answers the newcomer yet.
    cluster.nodes[0].pause();
    cluster.nodes[2].pause();
    cluster.nodes[1].restart();
    assert_eq!(cluster.nodes[1].readiness().unwrap(), 503);
    cluster.nodes[0].resume();
    cluster.nodes[2].resume();
    cluster.nodes[1].until_ready();
    record.held_by(&cluster.nodes[1].url);

    let new = cluster.nodes[1].id();
    assert_ne!(new, old, "a node without its data is another node");
    assert_exactly(&cluster, &record);
    for node in cluster.running() {
        until("the old one is not alive", DETECTION, || {
            let view = node.view()?;
            let right = view.state(&new) == "alive" && view.state(&old) != "alive";
            check(right, || format!("{view:?}"))
        });
    }
}

#[test]
fn two_nodes_that_lost_their_data_do_not_take_each_other_for_the_cluster() {
    let mut cluster = Cluster::start(3);
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    load.aim(urls_but(&cluster, 1));
    cluster.nodes[1].until_handed_over();
    load.aim(vec![cluster.nodes[0].url.clone()]);
    cluster.nodes[2].until_handed_over();
    let record = load.stop();
    (1..3).for_each(|number| cluster.nodes[number].wipe());
    cluster.nodes[0].pause();
    // They find each other before anybody who has anything.
    let address = cluster.nodes[1].address.clone();
    cluster.nodes[2].setup.joins.push(address);
    (1..3).for_each(|number| cluster.nodes[number].restart());
    let id = cluster.nodes[2].id();
    cluster.nodes[1].until_shows(&id, "alive");
    until("they have compared what they hold", DETECTION, || {
        let rounds = metric(&cluster.nodes[1].url, "likewise_repair_rounds_total")?;
        check(rounds >= 2.0, || format!("{rounds} rounds"))
    });
    (1..3).for_each(|number| assert_eq!(cluster.nodes[number].readiness().unwrap(), 503));
    cluster.nodes[0].resume();
    for number in 1..3 {
        cluster.nodes[number].until_ready();
        record.held_by(&cluster.nodes[number].url);
    }
    assert_exactly(&cluster, &record);
}

#[test]
fn a_node_that_stood_still_until_it_was_given_up_catches_up() {
    let mut cluster = Cluster::start(3);
    let id = cluster.nodes[2].id();
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    cluster.nodes[2].pause();
    let others: Vec<&Node> = cluster.nodes[..2].iter().collect();
    others.iter().for_each(|node| node.until_shows(&id, "down"));
    // Those who go on do not wait for it.
    load.aim(others.iter().map(|node| node.url.clone()).collect());
    let began = Instant::now();
    load.until_more(SOME);
    eprintln!("{SOME} acknowledgements in {:?} beside a paused node", began.elapsed());
    for node in &others {
        until("nothing more is kept for it", DETECTION, || {
            let view = node.view()?;
            check(view.member(&id).is_some_and(|it| it.outbox == 0), || format!("{view:?}"))
        });
    }
    cluster.nodes[2].resume();
    load.aim(cluster.urls());
    load.until_more(SOME);
    let record = load.stop();
    assert_exactly(&cluster, &record);
    assert_eq!(cluster.nodes[2].id(), id);
}

#[test]
fn a_node_may_come_back_at_another_address() {
    let mut cluster = Cluster::start(3);
    let id = cluster.nodes[2].id();
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    cluster.nodes[2].kill();
    load.aim(cluster.urls());
    load.until_more(SOME);
    cluster.nodes[2].restart_elsewhere();
    cluster.nodes[2].until_ready();
    load.aim(cluster.urls());
    load.until_more(SOME);
    assert_exactly(&cluster, &load.stop());

    let address = &cluster.nodes[2].address;
    for node in &cluster.nodes {
        let view = node.view().unwrap();
        assert_eq!(view.named("c").len(), 1, "{view:?}");
        assert_eq!(&view.member(&id).unwrap().address, address, "{view:?}");
    }
}

#[test]
fn another_node_may_come_to_the_address_of_a_dead_one() {
    let mut cluster = Cluster::start(3);
    let dead = cluster.nodes[2].id();
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    // It never comes back, and what nobody else has would stay with it.
    load.aim(urls_but(&cluster, 2));
    cluster.nodes[2].until_handed_over();
    cluster.nodes[2].kill();
    let address = cluster.nodes[2].address.clone();
    let mut setup = Setup::new("d", cluster.folder()).join(&cluster.nodes[0].address);
    setup.cluster.clone_from(&address);
    cluster.nodes.push(setup.start());
    cluster.nodes[3].until_ready();
    load.aim(cluster.urls());
    load.until_more(SOME);
    let record = load.stop();

    assert_exactly(&cluster, &record);
    until_others_show(&cluster, &cluster.nodes[3].id(), "alive");
    for node in cluster.running() {
        let view = node.view().unwrap();
        assert_ne!(view.state(&dead), "alive", "{view:?}");
    }
}

#[test]
fn a_node_joins_through_whichever_seed_lives() {
    let mut cluster = Cluster::start(2);
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    cluster.nodes[0].kill();
    let setup = Setup::new("c", cluster.folder());
    let setup = setup.join(&cluster.nodes[0].address).join(&cluster.nodes[1].address);
    cluster.nodes.push(setup.start());
    cluster.nodes[2].until_ready();
    load.aim(cluster.urls());
    load.until_more(SOME);
    cluster.nodes[0].restart();
    cluster.nodes[0].until_ready();
    load.aim(cluster.urls());
    load.until_more(SOME);
    assert_exactly(&cluster, &load.stop());
}

#[test]
fn five_nodes_bear_a_death_a_loss_and_a_pause_at_once() {
    let mut cluster = Cluster::start(5);
    let ids: Vec<String> = cluster.nodes.iter().map(Node::id).collect();
    let load = Load::start(cluster.urls(), 0);
    load.until_more(SOME);
    load.aim(urls_but(&cluster, 3));
    cluster.nodes[3].until_handed_over();
    cluster.nodes[4].pause();
    cluster.nodes[3].wipe();
    cluster.nodes[0].kill();
    let others: Vec<&Node> = cluster.nodes[1..3].iter().collect();
    for node in &others {
        [0, 3, 4].iter().for_each(|&gone: &usize| node.until_shows(&ids[gone], "down"));
    }
    load.aim(others.iter().map(|node| node.url.clone()).collect());
    load.until_more(SOME);
    // The wiped one asks both the first node and one that lived on.
    let living = cluster.nodes[1].address.clone();
    cluster.nodes[3].setup.joins.push(living);
    cluster.nodes[3].restart();
    cluster.nodes[0].restart();
    cluster.nodes[4].resume();
    cluster.nodes[3].until_ready();
    load.aim(cluster.urls());
    load.until_more(SOME);
    let record = load.stop();
    assert_exactly(&cluster, &record);
    assert_ne!(cluster.nodes[3].id(), ids[3]);
}
