//! Three things that the service which this one is modelled on does not do. Its broadcast rides on gossip
//! packets and ends at some hundreds of likes a second, its exchange of full states transfers nothing, and
//! a like that was broadcast while a node could not hear it never reaches that node.

use super::load::write_all;
use super::nodes::{Cluster, Setup};
use super::record::Record;

/// Likes in one request: more than a minute of the original's broadcast.
const MANY: usize = 20_000;

#[test]
fn twenty_thousand_likes_at_once_reach_everybody() {
    let cluster = Cluster::start(3);
    let mut record = Record::default();
    write_all(&cluster.nodes[0], 0, MANY, &mut record);
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
}

#[test]
fn a_node_that_comes_late_has_everything_from_before_when_it_is_ready() {
    let mut cluster = Cluster::start(1);
    let mut record = Record::default();
    write_all(&cluster.nodes[0], 0, MANY, &mut record);
    let setup = Setup::new("b", cluster.folder()).join(&cluster.nodes[0].address);
    cluster.nodes.push(setup.start());
    cluster.nodes[1].until_ready();
    record.held_by(&cluster.nodes[1].url);
    cluster.until_together();
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
}

#[test]
fn who_could_not_hear_a_like_gets_it_later() {
    let mut cluster = Cluster::start(3);
    let ids = [cluster.nodes[1].id(), cluster.nodes[2].id()];
    cluster.nodes[1].pause();
    cluster.nodes[2].kill();
    let mut record = Record::default();
    // Some while they are taken for alive, some while both are known to be down.
    write_all(&cluster.nodes[0], 0, 100, &mut record);
    ids.iter().for_each(|id| cluster.nodes[0].until_shows(id, "down"));
    write_all(&cluster.nodes[0], 100, 100, &mut record);
    cluster.nodes[1].resume();
    cluster.nodes[2].restart();
    cluster.until_together();
    record.assert_exactly(&cluster.running().collect::<Vec<_>>());
}
