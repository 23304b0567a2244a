//! Who may vote: a voter is its data, and one that has lost it gets it back first.

use likewise_replica::quorum::view::Standing;

use super::*;

fn parts(cluster: &mut Cluster, node: usize) -> Vec<Part> {
    match cluster.agree(node, count()) {
        Err(Answer::Short(shortfall)) => shortfall.voters.iter().map(|(_, part)| *part).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn at_the_first_start_nobody_votes_until_all_are_there() {
    let mut cluster = Cluster::unlinked_voting(3, 3);
    cluster.connect(0, 1);
    cluster.run_for(Duration::from_secs(20));
    assert!(!cluster.votes(0) && !cluster.votes(1));
    assert_eq!(parts(&mut cluster, 0), [Part::Fresh, Part::Fresh, Part::NoLink]);
    cluster.connect(0, 2);
    cluster.connect(1, 2);
    cluster.run_until("voting", |it| (0..3).all(|voter| it.votes(voter)));
}

#[test]
fn a_voter_by_itself_votes_at_once() {
    let mut cluster = Cluster::unlinked_voting(1, 1);
    assert_eq!(cluster.agree(0, set("ann", Action::Like, None)).unwrap().length.value(), 1);
    assert_eq!(cluster.agree(0, count()).unwrap().likes, 1);
}

#[test]
fn a_voter_that_comes_back_with_its_data_votes_again() {
    let mut cluster = Cluster::voting(3, 3);
    cluster.agree(0, set("ann", Action::Like, Some(0))).unwrap();
    cluster.restart(1, 2, false);
    assert!(!cluster.votes(1));
    cluster.connect(1, 0);
    cluster.connect(1, 2);
    let took = cluster.run_until("voting", |it| it.votes(1));
    assert!(took < Duration::from_secs(2), "{took:?}: both others are there");
}

#[test]
fn after_all_have_lost_power_two_that_come_back_are_enough() {
    let mut cluster = Cluster::voting(3, 3);
    cluster.agree(0, set("ann", Action::Like, Some(0))).unwrap();
    cluster.restart(0, 2, false);
    cluster.restart(1, 2, false);
    cluster.restart(2, 2, false);
    cluster.connect(0, 1);
    cluster.run_until("voting", |it| it.votes(0) && it.votes(1));
    assert_eq!(cluster.agree(0, count()).unwrap().likes, 1);
}

/// The write was acknowledged by the voter that is wiped and one other, which is then out of reach.
#[test]
fn a_wiped_voter_does_not_help_to_forget_what_it_had_voted_for() {
    let mut cluster = Cluster::voting(3, 3);
    for other in [0, 1] {
        cluster.disconnect(2, other);
    }
    cluster.agree(0, set("ann", Action::Like, Some(0))).unwrap();
    cluster.disconnect(0, 1);
    cluster.restart(1, 1, true);
    cluster.connect(1, 2);
    let parts = parts(&mut cluster, 2);
    assert_eq!(parts[1], Part::Fresh, "{parts:?}");
    cluster.run_for(Duration::from_secs(30));
    assert!(!cluster.votes(1), "it has asked one other of the two");
    cluster.connect(1, 0);
    cluster.run_until("voting", |it| it.votes(1));
    assert_eq!(cluster.agree(2, count()).unwrap().likes, 1);
}

#[test]
fn an_older_copy_of_a_voter_is_known_for_what_it_is() {
    let mut cluster = Cluster::voting(3, 3);
    let (old, kept) = (cluster.nodes[1].state.clone(), cluster.nodes[1].kept.clone());
    assert_eq!(old.totals().likes, 0);
    cluster.restart(1, 2, false);
    cluster.connect(1, 0);
    cluster.connect(1, 2);
    cluster.run_until("voting", |it| it.votes(1));
    cluster.disconnect(2, 0);
    cluster.disconnect(2, 1);
    cluster.agree(0, set("ann", Action::Like, Some(0))).unwrap();
    // The backup of the first life is started, as the second life of its data.
    cluster.restart(1, 2, false);
    cluster.disconnect(0, 1);
    cluster.nodes[1].state = Arc::new(State::new(Keys::for_tests()));
    let kept = kept.map(|kept| likewise_replica::quorum::seats::Kept::decode(&kept).unwrap());
    cluster.start_voting(1, 1, 1, kept);
    cluster.connect(1, 2);
    cluster.run_for(Duration::from_secs(30));
    assert!(!cluster.votes(1), "node 2 has heard of a later start");
    cluster.connect(1, 0);
    cluster.connect(0, 2);
    cluster.run_until("voting", |it| it.votes(1));
    assert_eq!(cluster.agree(2, count()).unwrap().likes, 1);
}

/// Whoever removes the file with the number of starts has a store that says less than others may know.
#[test]
fn a_voter_that_does_not_know_how_often_it_was_started_is_fresh() {
    let mut cluster = Cluster::voting(3, 3);
    cluster.restart(1, 5, false);
    cluster.connect(1, 0);
    cluster.connect(1, 2);
    cluster.run_until("voting", |it| it.votes(1));
    for (boot, expected) in [(5, Standing::Fresh), (6, Standing::Resuming)] {
        cluster.restart(1, boot, false);
        assert_eq!(cluster.nodes[1].replica.standing(), Some(expected), "boot {boot}");
        cluster.connect(1, 0);
        cluster.connect(1, 2);
        cluster.run_until("voting", |it| it.votes(1));
    }
}

#[test]
fn a_fresh_voter_copies_again_from_whom_had_no_vote_when_it_was_asked() {
    let mut cluster = Cluster::voting(5, 5);
    // One is gone for good, one is wiped, and copies from one that has just come back itself.
    for other in 1..5 {
        cluster.disconnect(0, other);
    }
    cluster.restart(2, 2, false);
    cluster.restart(1, 1, true);
    cluster.connect(1, 2);
    cluster.run_for(Duration::from_secs(10));
    assert!(!cluster.votes(1) && !cluster.votes(2));
    for (one, other) in [(1, 3), (1, 4), (2, 3), (2, 4)] {
        cluster.connect(one, other);
    }
    cluster.run_until("voting", |it| it.votes(2));
    cluster.run_until("voting", |it| it.votes(1));
}

/// A claim that only a node without a vote has heard of, and then its voter was wiped.
#[test]
fn a_claim_that_nobody_else_has_heard_of_takes_no_vote_away_for_ever() {
    let mut cluster = Cluster::voting(4, 3);
    let kept = cluster.nodes[1].kept.clone().unwrap();
    let kept = likewise_replica::quorum::seats::Kept::decode(&kept).unwrap();
    (0..4).for_each(|other| cluster.disconnect(1, other));
    // An older copy claims the seat anew; the node that comes after it has never heard of that.
    cluster.start_voting(1, 1, 1, Some(kept));
    cluster.connect(1, 3);
    cluster.run_for(Duration::from_secs(1));
    cluster.disconnect(1, 3);
    cluster.nodes[1].state = Arc::new(State::new(Keys::for_tests()));
    cluster.start_voting(1, 500, 1, None);
    [0, 2, 3].into_iter().for_each(|other| cluster.connect(1, other));
    cluster.run_until("voting", |it| it.votes(1));
    cluster.run_for(Duration::from_secs(10));
    for other in [0, 1, 3] {
        cluster.disconnect(2, other);
    }
    assert_eq!(cluster.agree(3, count()).unwrap().likes, 0, "two of three are there");
}

#[test]
fn the_vote_of_a_former_holder_is_worth_nothing_once_its_successor_is_known() {
    let mut cluster = Cluster::voting(4, 3);
    // Node 3 coordinates a write, hears from voter 1 only, and then voter 1 is wiped.
    cluster.disconnect(3, 0);
    cluster.disconnect(3, 2);
    let write = cluster.ask(3, set("ann", Action::Like, Some(0)));
    cluster.run_for(Duration::from_millis(50));
    assert!(cluster.nodes[3].answers.is_empty());
    for other in [0, 2] {
        cluster.disconnect(1, other);
    }
    cluster.nodes[3].disk_holds = true;
    cluster.restart(1, 1, true);
    cluster.connect(1, 0);
    cluster.connect(1, 2);
    cluster.run_until("voting", |it| it.votes(1));
    assert_eq!(cluster.agree(1, count()).unwrap().likes, 0, "nobody else has heard of the write");
    cluster.connect(3, 0);
    cluster.run_until("answered or given up", |it| it.nodes[3].answers.contains_key(&write));
    let answer = &cluster.nodes[3].answers[&write];
    let is_true = match answer {
        Answer::Agreed(_) => cluster.nodes[1].state.length(like("ann")).liked(),
        _ => true,
    };
    assert!(is_true, "{answer:?}: only voter 0 has it, and a voter that is gone");
}

#[test]
fn while_the_list_changes_there_are_never_two_lists_with_a_majority() {
    let mut cluster = Cluster::voting(4, 3);
    cluster.agree(2, set("ann", Action::Like, Some(0))).unwrap();
    cluster.use_voters(["node-0", "node-1", "node-3"].map(str::to_owned));
    let links = |cluster: &mut Cluster, node| {
        let others = (0..4).filter(|&other| other != node);
        others.for_each(|other| cluster.connect(node, other));
    };
    cluster.restart(0, 2, false);
    links(&mut cluster, 0);
    cluster.run_for(Duration::from_secs(20));
    assert!(!cluster.votes(0), "node 1 and 3 have the old list");
    assert_eq!(cluster.agree(2, count()).unwrap().likes, 1, "two of the old list are left");
    cluster.restart(1, 2, false);
    links(&mut cluster, 1);
    cluster.run_for(Duration::from_secs(20));
    for node in 0..3 {
        assert!(cluster.agree(node, count()).is_err(), "neither list has a majority");
    }
    cluster.restart(3, 2, false);
    links(&mut cluster, 3);
    cluster.run_until("voting", |it| [0, 1, 3].iter().all(|&voter| it.votes(voter)));
    cluster.disconnect(3, 0);
    cluster.disconnect(3, 2);
    assert_eq!(cluster.agree(3, count()).unwrap().likes, 1);
}

/// Two nodes bear the name of one voter: somebody has replaced a node that was only cut off.
#[test]
fn a_late_vote_of_a_former_holder_is_worth_nothing_either() {
    let mut cluster = Cluster::voting(5, 3);
    for (a, b) in [(1, 0), (1, 2), (1, 4), (3, 0), (3, 2), (3, 4)] {
        cluster.disconnect(a, b);
    }
    cluster.nodes[1].disk_holds = true;
    let write = cluster.ask(3, set("ann", Action::Like, Some(0)));
    cluster.run_for(Duration::from_millis(50));
    cluster.start_namesake(4, 1);
    cluster.connect(4, 0);
    cluster.connect(4, 2);
    cluster.run_until("voting", |it| it.votes(4));
    cluster.connect(3, 0);
    cluster.run_for(Duration::from_millis(50));
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.handle(1, Input::Tick);
    cluster.run_for(Duration::from_millis(50));
    let answer = cluster.nodes[3].answers.get(&write);
    assert_eq!(answer, None, "voter 0 is one, and nobody else who counts has it");
    cluster.connect(3, 4);
    cluster.run_until("answered", |it| it.nodes[3].answers.contains_key(&write));
    assert!(cluster.nodes[4].state.length(like("ann")).liked());
}

/// Voter 1 is cut off, and replaced by node 4 under its name.
fn replaced() -> Cluster {
    let mut cluster = Cluster::voting(5, 3);
    for other in [0, 2, 3, 4] {
        cluster.disconnect(1, other);
    }
    cluster.start_namesake(4, 1);
    cluster.connect(4, 0);
    cluster.connect(4, 2);
    cluster.run_until("voting", |it| it.votes(4));
    assert!(cluster.votes(1), "it has not heard of it");
    cluster
}

#[test]
fn whoever_was_replaced_leaves_the_seat_to_its_successor_until_somebody_starts_it_again() {
    let mut cluster = replaced();
    for other in [0, 2, 4] {
        cluster.connect(1, other);
    }
    for _ in 0..60 {
        cluster.run_for(Duration::from_secs(1));
        assert!(cluster.votes(4) && !cluster.votes(1));
    }
    for other in 0..4 {
        cluster.disconnect(4, other);
    }
    cluster.run_for(Duration::from_secs(60));
    assert!(!cluster.votes(1), "its successor may have voted");
    cluster.restart(1, 2, false);
    cluster.connect(1, 0);
    cluster.connect(1, 2);
    cluster.run_until("voting", |it| it.votes(1));
}

/// Only voter 0 loses its data, and what it copies from a former holder of another seat is not enough.
#[test]
fn what_was_copied_from_a_former_holder_does_not_count() {
    let mut cluster = replaced();
    cluster.disconnect(2, 0);
    cluster.disconnect(2, 4);
    cluster.agree(0, set("ann", Action::Like, Some(0))).unwrap();
    cluster.restart(0, 1, true);
    cluster.connect(0, 1);
    cluster.run_for(Duration::from_secs(10));
    cluster.connect(0, 2);
    cluster.run_for(Duration::from_secs(30));
    assert!(!cluster.votes(0), "nobody who has the like was asked");
    cluster.connect(0, 4);
    cluster.run_until("voting", |it| it.votes(0));
    cluster.disconnect(0, 4);
    assert_eq!(cluster.agree(2, count()).unwrap().likes, 1);
}

#[test]
fn two_that_come_to_one_seat_with_nothing_are_no_two_voters() {
    let mut cluster = Cluster::voting(5, 3);
    for other in [0, 1, 3, 4] {
        cluster.disconnect(2, other);
    }
    cluster.restart(0, 1, true);
    cluster.start_namesake(4, 0);
    for (a, b) in [(0, 1), (4, 1), (0, 4)] {
        cluster.connect(a, b);
    }
    cluster.run_for(Duration::from_secs(120));
    assert!(
        !cluster.votes(0) && !cluster.votes(4),
        "voter 2 may have something that nobody else has"
    );
}
