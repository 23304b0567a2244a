//! The live path: what changes here is mailed to everybody, once, and acknowledged when it is durable.

use likewise_replica::limits::{FRAMES_IN_FLIGHT_MAX, OUTBOX_ENTRIES_MAX, TICK_MIN};

use super::cluster::Cluster;
use super::*;

/// No repair of its own: everything before its first turn came by the live path.
const BEFORE_REPAIR: Duration = Duration::from_millis(900);

#[test]
fn a_like_arrives_everywhere_in_a_tick_and_a_way() {
    let mut cluster = Cluster::connected(5);
    cluster.run_for(BEFORE_REPAIR);
    cluster.like(2, 1, 1);
    let took = cluster.run_until_equal();
    assert!(took <= TICK_MIN, "{took:?}");
    assert_eq!(cluster.nodes[4].likes(), 1);
    cluster.run_for(Duration::from_millis(20));
    assert!(cluster.nodes.iter().all(|node| node.replica.is_flushed()));
}

#[test]
fn likes_of_one_tick_share_a_frame() {
    let mut cluster = Cluster::connected(2);
    cluster.run_for(BEFORE_REPAIR);
    let before = cluster.frame_bytes;
    cluster.like(0, 1, 0);
    for user in 1..1_000 {
        cluster.like(0, 1, user);
    }
    cluster.run_until_equal();
    let bytes = cluster.frame_bytes - before;
    assert!(bytes < 1_000 * 14, "{bytes} bytes: the name of the post is sent too often");
}

#[test]
fn a_like_that_changes_while_it_waits_is_sent_as_it_is_then() {
    let mut cluster = Cluster::connected(2);
    cluster.run_for(BEFORE_REPAIR);
    cluster.like(0, 1, 1);
    let before = cluster.frame_bytes;
    for toggle in 0..100 {
        let action = if toggle % 2 == 0 { Action::Unlike } else { Action::Like };
        cluster.write(0, Like::new("post-1", "like", "user-1").unwrap(), action);
    }
    cluster.run_until_equal();
    assert!(cluster.frame_bytes - before < 100, "a hundred changes are one entry");
}

#[test]
fn a_frame_is_acknowledged_when_it_is_durable_at_the_peer() {
    let mut cluster = Cluster::connected(2);
    cluster.run_for(BEFORE_REPAIR);
    cluster.nodes[1].disk_holds = true;
    cluster.like(0, 1, 1);
    cluster.run_for(Duration::from_secs(1));
    assert_eq!(cluster.nodes[1].likes(), 1);
    assert!(!cluster.nodes[0].replica.is_flushed());
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.handle(1, Input::Tick);
    cluster.run_for(Duration::from_millis(10));
    assert!(cluster.nodes[0].replica.is_flushed());
}

#[test]
fn a_slow_peer_holds_nobody_else_up_and_costs_no_like() {
    let mut cluster = Cluster::connected(3);
    cluster.run_for(BEFORE_REPAIR);
    cluster.nodes[1].disk_holds = true;
    for user in 0..20_000 {
        cluster.like(0, user / 10, user);
        if user % 100 == 0 {
            cluster.run_for(Duration::from_millis(1));
        }
    }
    cluster.run_until("the fast peer has it all", |it| it.nodes[2].likes() == 20_000);
    cluster.run_for(Duration::from_millis(2));
    let views = cluster.nodes[0].replica.peers();
    assert!(views[0].outbox > 0 && views[0].lag > Duration::from_millis(100), "{views:?}");
    assert_eq!(views[1].outbox, 0, "{views:?}");
    let arrived = cluster.nodes[1].likes();
    assert!(arrived < 20_000, "{FRAMES_IN_FLIGHT_MAX} frames hold {arrived} likes");
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.run_until_equal();
}

#[test]
fn a_full_outbox_is_emptied_and_repair_finds_what_was_in_it() {
    let mut cluster = Cluster::connected(2);
    cluster.run_for(BEFORE_REPAIR);
    cluster.nodes[1].disk_holds = true;
    let mut user = 0;
    while cluster.nodes[0].replica.repair_figures().overflows == 0 {
        let mut writes = Writes::default();
        let names: Vec<String> = (user..user + 4_096).map(|user| user.to_string()).collect();
        for name in &names {
            writes.push(like(name), Action::Like, None);
        }
        user += 4_096;
        assert!(user < 2 * OUTBOX_ENTRIES_MAX, "the outbox has no bound");
        cluster.handle(0, Input::Write { request: RequestId(user as u64), writes });
    }
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.run_until_equal();
    assert_eq!(cluster.nodes[1].likes(), user as u64);
}

#[test]
fn a_peer_whose_disk_is_full_is_repaired_when_it_has_space_again() {
    let mut cluster = Cluster::connected(2);
    cluster.run_for(BEFORE_REPAIR);
    cluster.nodes[1].disk_holds = true;
    cluster.like(1, 0, 0);
    cluster.handle(1, Input::JournalStalled);
    cluster.like(0, 1, 1);
    cluster.run_for(Duration::from_secs(1));
    assert!(cluster.closed.iter().any(|reason| reason.contains("disk")), "{:?}", cluster.closed);
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.connect(0, 1);
    cluster.run_until_equal();
    assert_eq!(cluster.nodes[1].likes(), 2);
}
