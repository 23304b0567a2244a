//! `kill -9` at random moments, again and again.

use std::time::Instant;

use super::Drill;
use super::load::Load;
use super::nodes::{Cluster, Node, Setup};
use super::record::Record;
use super::tally::Tally;

pub(crate) const ONE: Drill = Drill {
    name: "kill-one",
    tried: "`kill -9` of a single node at a random moment, restart, everything checked each time",
    waits: false,
    run: one,
};

pub(crate) const THREE: Drill = Drill {
    name: "kill-three",
    tried: "`kill -9` of a random node of three, every third time of all three at once, restart, everything checked each time",
    waits: false,
    run: three,
};

/// A single node is killed this often in a round: it is soon back.
const KILLS_A_ROUND: usize = 5;

/// At most so many acknowledgements before a kill.
const BEFORE_MAX: usize = 300;

/// Users of a round's clients: more than they get to.
const SHIFT: usize = 100_000;

fn one(tally: &mut Tally) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup::new("a", folder.path()).start();
    let load = Load::start(vec![node.url.clone()], 0);
    for _ in 0..tally.asked * KILLS_A_ROUND {
        load.until_more(1 + tally.random.below(BEFORE_MAX));
        node.kill();
        let began = Instant::now();
        node.restart();
        node.until_ready();
        tally.worst("ready again", began.elapsed());
        tally.audit(&node.url, &load.record(), || load.record());
        tally.rounds += 1;
    }
    load.until_more(1);
    let record = tally.stop(load);
    tally.audit_all(&[&node], &record);
    Ok(())
}

fn three(tally: &mut Tally) -> Result<(), String> {
    let mut cluster = Cluster::start(3);
    let mut all = Record::default();
    for round in 0..tally.asked {
        let load = Load::start(cluster.urls(), round * SHIFT);
        load.until_more(1 + tally.random.below(BEFORE_MAX));
        let victims = match round % 3 {
            2 => vec![0, 1, 2],
            _ => vec![tally.random.below(3)],
        };
        victims.iter().for_each(|&victim| cluster.nodes[victim].kill());
        if victims.len() == 1 {
            load.until_more(BEFORE_MAX);
        }
        let began = Instant::now();
        victims.iter().for_each(|&victim| cluster.nodes[victim].restart());
        cluster.until_together();
        tally.worst("together again", began.elapsed());
        load.until_more(BEFORE_MAX);
        all.merge(&tally.stop(load));
        tally.audit_all(&cluster.running().collect::<Vec<&Node>>(), &all);
        tally.rounds += victims.len();
    }
    Ok(())
}
