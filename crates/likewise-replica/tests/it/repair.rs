//! Repair: two states that differ, by anything, become equal, and equal ones cost next to nothing.

use likewise_replica::limits::{Bounds, REPAIR_AGAIN, REPAIR_INTERVAL};
use likewise_state::id::PostId;

use super::cluster::Cluster;
use super::*;

const SETTLED: Duration = Duration::from_secs(3);

/// Two nodes with `both` likes, of which each lacks some.
fn diverged(both: usize, only: [usize; 2]) -> Cluster {
    let mut cluster = Cluster::new(2);
    for user in 0..both {
        cluster.recover(0, user / 10, user);
        cluster.recover(1, user / 10, user);
    }
    for (node, count) in only.into_iter().enumerate() {
        for user in 0..count {
            cluster.recover(node, user * 7, (node + 1) * 1_000_000 + user);
        }
    }
    cluster
}

#[test]
fn equal_states_exchange_less_than_200_bytes() {
    let mut cluster = diverged(10_000, [0, 0]);
    cluster.open(0, 1);
    cluster.run_for(SETTLED);
    assert!(cluster.repair_bytes < 200, "{} bytes", cluster.repair_bytes);
    assert_eq!(cluster.frame_bytes, 0);
    assert_eq!(cluster.nodes[0].replica.repair_figures().same, 1);
    assert!(cluster.nodes[0].replica.has_caught_up());
}

#[test]
fn any_difference_is_mended_both_ways() {
    for only in [[1, 0], [0, 1], [1, 1], [100, 3], [700, 900], [5_000, 5_000], [20_000, 0]] {
        let mut cluster = diverged(10_000, only);
        cluster.connect(0, 1);
        cluster.run_until_equal();
        cluster.assert_equal();
        assert_eq!(cluster.nodes[0].likes(), (10_000 + only[0] + only[1]) as u64, "{only:?}");
    }
}

#[test]
fn one_difference_among_ten_thousand_costs_less_than_a_kibibyte() {
    let mut cluster = diverged(10_000, [1, 0]);
    cluster.connect(0, 1);
    cluster.run_until_equal();
    let bytes = cluster.repair_bytes + cluster.frame_bytes;
    assert!(bytes < 1_024, "{bytes} bytes");
}

#[test]
fn a_hundred_differences_cost_less_than_their_entries_once_more() {
    let mut cluster = diverged(10_000, [50, 50]);
    cluster.connect(0, 1);
    cluster.run_until_equal();
    assert!(
        cluster.repair_bytes < cluster.frame_bytes,
        "{} bytes to find {}",
        cluster.repair_bytes,
        cluster.frame_bytes
    );
}

#[test]
fn lengths_that_differ_are_mended_too() {
    let mut cluster = diverged(1_000, [0, 0]);
    for user in (0..1_000).step_by(10) {
        let (post, name) = (format!("post-{}", user / 10), format!("user-{user}"));
        let like = Like::new(&post, "like", &name).unwrap();
        let node = user / 10 % 2;
        let _ = cluster.nodes[node].state.raise(like, |_| CausalLength::new(2 + user as u32 % 3));
    }
    cluster.connect(0, 1);
    cluster.run_until_equal();
    cluster.assert_equal();
}

#[test]
fn what_finds_no_room_in_the_outbox_is_found_again() {
    let bounds = Bounds { outbox_entries: 3, ..Bounds::default() };
    let mut cluster = Cluster::with_bounds(2, bounds);
    // A multiple of what empties a full outbox: nothing would be left in it.
    (0..12).for_each(|user| cluster.recover(0, 7, user));
    (12..24).for_each(|user| cluster.recover(1, 7, user));
    cluster.connect(0, 1);
    let took = cluster.run_until_equal();
    assert!(took < 6 * REPAIR_AGAIN, "{took:?}");
    assert_eq!(cluster.nodes[0].likes(), 24);
}

#[test]
fn what_the_peer_has_something_newer_of_does_not_take_all_the_room() {
    let bounds = Bounds { outbox_entries: 3, ..Bounds::default() };
    let mut cluster = Cluster::with_bounds(2, bounds);
    for node in [0, 1] {
        // What each would send first is of no use to the other.
        (0..6).for_each(|user| cluster.recover_at(node, 7, 100 * node + user, 1));
        (0..6).for_each(|user| cluster.recover_at(node, 7, 100 * (1 - node) + user, 3));
    }
    cluster.connect(0, 1);
    let took = cluster.run_until_equal();
    assert!(took < 6 * REPAIR_AGAIN, "{took:?}");
    cluster.assert_equal();
}

#[test]
fn slots_that_grow_during_a_repair_are_asked_for_in_smaller_batches() {
    const BATCH: usize = 70;
    let bounds = Bounds { batch_entries: BATCH, ..Bounds::default() };
    let mut cluster = Cluster::with_bounds(2, bounds);
    let state = cluster.nodes[0].state.clone();
    let slot = |post: &usize| state.slot(PostId::new(&format!("post-{post}")).unwrap());
    let mut posts = [1, 2, 3];
    posts.sort_by_key(slot);
    let [first, second, third] = posts;
    assert!(slot(&first) < slot(&second) && slot(&second) < slot(&third));
    for node in [0, 1] {
        // A batch for itself, and then two slots that share one.
        (0..BATCH - node).for_each(|user| cluster.recover(node, first, user));
        [second, third].into_iter().for_each(|post| cluster.recover(node, post, node));
    }
    cluster.connect(0, 1);
    cluster.run_until("in the first batch", |cluster| cluster.questions == 2);
    for (node, post) in [(0, second), (0, third), (1, second), (1, third)] {
        (0..3 * BATCH).for_each(|user| cluster.recover(node, post, 10 + user));
    }
    cluster.run_until_equal();
    assert!(cluster.closed.is_empty(), "{:?}", cluster.closed);
}

#[test]
fn whoever_says_that_its_peers_hold_everything_is_right() {
    // A round sees a byte of each digest, so it overlooks a slot once in a while.
    for trial in 0..600 {
        let mut cluster = Cluster::new(2);
        cluster.recover(1, 9_999, 1);
        (0..3).for_each(|post| cluster.recover(0, 3 * trial + post, 1));
        cluster.connect(0, 1);
        cluster.run_until("flushed", |cluster| cluster.nodes[0].replica.is_flushed());
        assert_eq!(cluster.nodes[1].likes(), 4, "in trial {trial}");
    }
}

#[test]
fn an_empty_node_is_given_everything_and_then_has_caught_up() {
    let mut cluster = diverged(50_000, [0, 0]);
    let mut fresh = Cluster::new(1);
    std::mem::swap(&mut cluster.nodes[1], &mut fresh.nodes[0]);
    cluster.connect(0, 1);
    assert!(!cluster.nodes[1].replica.has_caught_up());
    cluster.run_until("caught up", |it| it.nodes[1].replica.has_caught_up());
    cluster.run_until_equal();
    cluster.assert_equal();
    assert!(cluster.nodes[0].replica.repair_figures().whole_slots > 0);
    let bytes = cluster.frame_bytes / 50_000;
    assert!(bytes < 20, "{bytes} bytes a like");
}

#[test]
fn an_empty_node_has_not_caught_up_before_it_holds_everything() {
    for likes in [1, 50, 5_000, 20_000] {
        let mut cluster = diverged(likes, [0, 0]);
        let mut fresh = Cluster::new(1);
        std::mem::swap(&mut cluster.nodes[1], &mut fresh.nodes[0]);
        cluster.open(1, 0);
        cluster.run_for(Duration::from_millis(1_700));
        assert!(!cluster.nodes[1].replica.has_caught_up());
        // Only now can the other one mail what is lacking.
        cluster.open(0, 1);
        cluster.run_until("caught up", |it| it.nodes[1].replica.has_caught_up());
        cluster.assert_equal();
        assert_eq!(cluster.nodes[1].likes(), cluster.nodes[0].likes());
    }
}

/// What others mail meanwhile is not what was found lacking, however much it is.
#[test]
fn a_newcomer_does_not_take_the_news_of_another_one_for_what_it_lacks() {
    const LACKING: usize = 50;
    let mut cluster = Cluster::new(3);
    (0..LACKING).for_each(|user| cluster.recover(0, user / 10, user));
    // The third one has nothing either, and clients write to it already.
    cluster.connect(1, 2);
    cluster.open(1, 0);
    for user in 0..40 * LACKING {
        cluster.like(2, 1_000 + user / 10, 1_000_000 + user);
        cluster.run_for(Duration::from_millis(1));
    }
    assert!(cluster.nodes[1].likes() as usize > 20 * LACKING, "it hears of them");
    assert!(!cluster.nodes[1].replica.has_caught_up(), "and lacks what the first one holds");
    // Only now can the first one mail.
    cluster.open(0, 1);
    cluster.run_until("caught up", |it| it.nodes[1].replica.has_caught_up());
    let held = |user: usize| {
        let (post, user) = (format!("post-{}", user / 10), format!("user-{user}"));
        cluster.nodes[1].state.length(Like::new(&post, "like", &user).unwrap()).liked()
    };
    assert!((0..LACKING).all(held), "it has caught up with what the first one held");
}

#[test]
fn two_newcomers_do_not_take_each_other_for_the_cluster() {
    let mut cluster = Cluster::new(3);
    cluster.connect(1, 2);
    cluster.run_for(Duration::from_secs(5));
    for node in [1, 2] {
        assert!(!cluster.nodes[node].replica.has_caught_up());
        assert_eq!(cluster.nodes[node].replica.peers()[0].settled, Some(false));
    }
    (0..100).for_each(|user| cluster.recover(0, user / 10, user));
    cluster.connect(0, 1);
    cluster.connect(0, 2);
    cluster.run_until("caught up", |it| it.nodes[1..].iter().all(|it| it.replica.has_caught_up()));
    cluster.assert_equal();
}

#[test]
fn an_empty_node_is_given_everything_by_one_peer_and_not_by_all() {
    for empty in [0, 4] {
        let mut cluster = Cluster::new(5);
        for like in 0..100_000 {
            for node in (0..5).filter(|&node| node != empty) {
                cluster.recover(node, like / 10, like);
            }
        }
        for node in (0..5).filter(|&node| node != empty) {
            cluster.connect(empty, node);
        }
        cluster.run_until("caught up", |it| it.nodes[empty].replica.has_caught_up());
        cluster.assert_equal();
        let bytes = cluster.frame_bytes / 100_000;
        assert!(bytes < 20, "{bytes} bytes a like");
    }
}

#[test]
fn likes_of_both_sides_of_a_partition_are_everywhere_after_it() {
    let mut cluster = Cluster::connected(5);
    cluster.run_for(Duration::from_secs(1));
    for (minority, majority) in [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)] {
        cluster.disconnect(minority, majority);
    }
    for user in 0..500 {
        cluster.like(user % 5, user / 10, user);
    }
    cluster.run_for(Duration::from_secs(30));
    assert!(cluster.nodes[0].likes() < 500 && cluster.nodes[4].likes() < 500);
    for (minority, majority) in [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)] {
        cluster.connect(minority, majority);
    }
    let took = cluster.run_until_equal();
    cluster.assert_equal();
    assert_eq!(cluster.nodes[0].likes(), 500);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn what_the_live_path_lost_is_found_in_a_turn() {
    let mut cluster = Cluster::connected(3);
    cluster.run_for(Duration::from_secs(1));
    // As if a frame had been lost: no outbox knows of it.
    cluster.recover(0, 1, 1);
    let took = cluster.run_until_equal();
    assert!(took <= 3 * REPAIR_INTERVAL, "{took:?}");
}

#[test]
fn repair_under_a_flow_of_likes_looks_twice_and_finds_what_is_really_missing() {
    let mut cluster = diverged(5_000, [0, 3]);
    cluster.connect(0, 1);
    cluster.run_until_equal();
    cluster.recover(1, 77, 77_777);
    for round in 0..2_000 {
        cluster.like(0, round, 5_000 + round);
        cluster.run_for(Duration::from_millis(10));
    }
    cluster.run_until_equal();
    cluster.assert_equal();
    assert_eq!(cluster.nodes[0].likes(), 5_000 + 3 + 1 + 2_000);
    let whole = cluster.nodes.iter().map(|node| node.replica.repair_figures().whole_slots);
    assert_eq!(whole.sum::<u64>(), 0);
}

#[test]
fn likes_that_are_on_their_way_are_not_taken_for_missing() {
    let mut cluster = diverged(5_000, [0, 0]);
    cluster.connect(0, 1);
    cluster.run_for(Duration::from_millis(100));
    // At each moment some 100 likes are on their way, each way.
    for number in 0..400_000 {
        cluster.like(number % 2, number / 3, 5_000 + number);
        if number % 60 == 0 {
            cluster.run_for(Duration::from_millis(1));
        }
    }
    let figures = cluster.nodes[0].replica.repair_figures();
    assert!(figures.same > 0, "{figures:?}");
    assert_eq!((figures.mended, figures.failed), (0, 0), "{figures:?}");
    cluster.run_until_equal();
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    /// Writes, cut and mended links, slow disks, in any order: afterwards all is everywhere.
    #[test]
    fn whatever_happens_all_replicas_become_equal(
        steps in proptest::collection::vec((0..6u8, 0..3usize, 0..3usize, 0..200usize), 1..80)
    ) {
        let mut cluster = Cluster::connected(3);
        let mut cut = [[false; 3]; 3];
        for (what, a, b, number) in steps {
            let (one, other) = (a.min(b), a.max(b));
            match what {
                0 | 1 => cluster.like(a, number % 7, number),
                2 => {
                    let name = format!("user-{number}");
                    let post = format!("post-{}", number % 7);
                    let like = Like::new(&post, "like", &name).unwrap();
                    cluster.write(b, like, Action::Unlike);
                }
                3 if one != other && !cut[one][other] => {
                    cluster.disconnect(one, other);
                    cut[one][other] = true;
                }
                4 if one != other && cut[one][other] => {
                    cluster.connect(one, other);
                    cut[one][other] = false;
                }
                5 => {
                    cluster.nodes[a].disk_holds = number % 2 == 0;
                    cluster.persist(a);
                }
                _ => cluster.run_for(Duration::from_millis(number as u64)),
            }
        }
        for node in 0..3 {
            cluster.nodes[node].disk_holds = false;
            cluster.persist(node);
            cluster.handle(node, Input::Tick);
        }
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            if cut[one][other] {
                cluster.connect(one, other);
            }
        }
        cluster.run_until_equal();
        cluster.assert_equal();
        proptest::prop_assert!(cluster.closed.is_empty(), "{:?}", cluster.closed);
    }
}
