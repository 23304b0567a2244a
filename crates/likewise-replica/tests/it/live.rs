//! The live path: what changes here is mailed to everybody, once, and acknowledged when it is durable.

use likewise_replica::limits::{
    FRAMES_IN_FLIGHT_MAX, GATHERED_BYTES_OF_PEERS, OUTBOX_ENTRIES_MAX, REPAIR_INTERVAL, TICK_MIN,
};
use likewise_replica::member::LinkId;
use likewise_replica::message::Message;
use likewise_state::length::CausalLength;

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
    // After both have compared for the first time, and before either does it in turn.
    cluster.run_for(Duration::from_secs(2));
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
    // The repair does not wait for its turn.
    let took = cluster.run_until_equal();
    assert!(took < REPAIR_INTERVAL / 2, "{took:?}");
    assert_eq!(cluster.nodes[1].likes(), user as u64);
}

#[test]
fn a_peer_whose_disk_is_full_holds_back_and_goes_on_when_it_has_space_again() {
    let mut cluster = Cluster::connected(2);
    cluster.run_for(BEFORE_REPAIR);
    cluster.nodes[1].disk_holds = true;
    cluster.like(1, 0, 0);
    // More frames than may be in flight, some of them before the disk says that it is full.
    for user in 0..2 * FRAMES_IN_FLIGHT_MAX {
        cluster.like(0, 1, user);
        cluster.run_for(TICK_MIN);
        if user == FRAMES_IN_FLIGHT_MAX / 2 {
            cluster.handle(1, Input::JournalStalled);
        }
    }
    cluster.run_for(Duration::from_secs(30));
    assert!(cluster.nodes[1].likes() < FRAMES_IN_FLIGHT_MAX as u64, "memory has taken too much");
    let comparisons = cluster.comparisons;
    cluster.run_for(Duration::from_secs(30));
    assert!(cluster.comparisons - comparisons < 12, "a full disk must not make others search");
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.handle(1, Input::Tick);
    cluster.run_until_equal();
    assert_eq!(cluster.nodes[1].likes(), 1 + 2 * FRAMES_IN_FLIGHT_MAX as u64);
    cluster.run_for(Duration::from_secs(10));
    assert!(cluster.nodes.iter().all(|node| node.replica.is_flushed()));
    assert!(cluster.closed.is_empty(), "{:?}", cluster.closed);
}

#[test]
fn frames_that_came_before_the_disk_was_full_are_acknowledged_after_it() {
    let mut cluster = Cluster::connected(2);
    cluster.run_for(BEFORE_REPAIR);
    cluster.nodes[1].disk_holds = true;
    cluster.like(1, 0, 0);
    // All that may be in flight is there, so that no later acknowledgement can stand for these.
    for user in 0..2 * FRAMES_IN_FLIGHT_MAX {
        cluster.like(0, 1, user);
        cluster.run_for(TICK_MIN);
    }
    cluster.handle(1, Input::JournalStalled);
    cluster.run_for(Duration::from_secs(1));
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.handle(1, Input::Tick);
    cluster.run_until_equal();
    cluster.run_for(Duration::from_secs(10));
    assert!(cluster.nodes[0].replica.is_flushed());
}

#[test]
fn frames_of_links_that_are_gone_wait_for_no_disk() {
    let mut cluster = Cluster::connected(2);
    cluster.nodes[1].disk_holds = true;
    for user in 0..40 {
        cluster.like(0, 1, user);
        cluster.run_for(TICK_MIN);
        cluster.disconnect(0, 1);
        cluster.connect(0, 1);
    }
    let backlog = cluster.nodes[1].replica.backlog();
    assert!(backlog.waiting <= FRAMES_IN_FLIGHT_MAX, "{backlog:?}");
    cluster.nodes[1].disk_holds = false;
    cluster.persist(1);
    cluster.handle(1, Input::Tick);
    cluster.run_until_equal();
}

#[test]
fn a_peer_whose_disk_has_failed_costs_the_others_nothing() {
    let mut cluster = Cluster::connected(3);
    cluster.run_for(BEFORE_REPAIR);
    cluster.handle(1, Input::JournalFailed);
    for user in 0..1_000 {
        cluster.like(0, user / 10, user);
    }
    cluster.run_for(Duration::from_secs(20));
    assert_eq!((cluster.nodes[1].likes(), cluster.nodes[2].likes()), (0, 1_000));
    let sent = cluster.repair_bytes;
    cluster.run_for(Duration::from_secs(60));
    let a_second = (cluster.repair_bytes - sent) / 60;
    assert!(a_second < 200, "{a_second} bytes a second to find out what can't be mended");
    assert!(cluster.closed.is_empty(), "{:?}", cluster.closed);
}

#[test]
fn a_peer_that_ignores_acknowledgements_is_cut_off() {
    let mut cluster = Cluster::new(2);
    cluster.open(0, 1);
    cluster.nodes[1].disk_holds = true;
    for frame in 0..=FRAMES_IN_FLIGHT_MAX as u64 {
        assert!(cluster.closed.is_empty(), "{:?}", cluster.closed);
        let mut delta = Delta::default();
        delta.push(like(&frame.to_string()), CausalLength::LIKED_ONCE);
        let message = Message::Delta { frame, delta }.encode();
        cluster.handle(1, Input::Received { link: LinkId(1), message });
    }
    assert!(cluster.closed[0].contains("frames at once"), "{:?}", cluster.closed);
}

#[test]
fn what_waits_for_the_disk_is_bounded_whatever_peers_send() {
    let mut cluster = Cluster::connected(4);
    cluster.run_for(BEFORE_REPAIR);
    cluster.nodes[0].disk_holds = true;
    let long = "u".repeat(480);
    for node in 1..4 {
        for round in 0..10 {
            let mut writes = Writes::default();
            let names: Vec<String> =
                (0..4_096).map(|n| format!("{long}-{node}-{round}-{n}")).collect();
            names.iter().for_each(|name| writes.push(like(name), Action::Like, None));
            cluster.handle(node, Input::Write { request: RequestId(1_000 + round), writes });
        }
    }
    cluster.run_for(Duration::from_secs(3));
    // Two batches are with the disk and one gathers: each of no more than the bound and a frame.
    let held = cluster.nodes[0].state.totals().likes * 480;
    assert!(held < 3 * (GATHERED_BYTES_OF_PEERS as u64 + (2 << 20)), "{held} bytes");
    let request = cluster.write(0, like("a-client"), Action::Like);
    assert!(!cluster.nodes[0].answers.contains_key(&request), "a client was turned away");
    cluster.nodes[0].disk_holds = false;
    cluster.persist(0);
    cluster.handle(0, Input::Tick);
    cluster.run_until_equal();
    assert_eq!(cluster.nodes[0].likes(), 3 * 10 * 4_096 + 1);
}
