//! Nodes that go, one by one and all at once.

use super::*;

#[test]
fn a_clean_leave_is_told_apart_from_a_death() {
    let mut world = World::formed(5);
    let now = world.now;
    world.nodes.get_mut(&5).unwrap().membership.leave(now);
    let took =
        world.until("left", |world| (1..5).all(|n| world.state(n, 5) == Some(MemberState::Left)));
    assert!(took < Duration::from_millis(100), "{took:?}");
    world.until("done", |world| world.nodes[&5].membership.has_left());
    world.nodes.remove(&5);
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.state(1, 5), Some(MemberState::Left));
    assert!(!world.happened(1).contains(&(Happened::Down, 5)));
    world.start(5, 2, address(5));
    world.until("joined again", |world| world.agree_on(4));
}

#[test]
fn nodes_that_leave_at_once_do_not_answer_each_other_for_ever() {
    // Whether a packet is on its way just then depends on the moment.
    for wait in 0..300 {
        let mut world = World::formed(4);
        world.run_for(wait * Duration::from_millis(3));
        let before = world.sent;
        for number in 1..=3 {
            let now = world.now;
            world.nodes.get_mut(&number).unwrap().membership.leave(now);
            world.run_for(LATENCY);
        }
        world.until("left", |world| (1..4).all(|n| world.nodes[&n].membership.has_left()));
        // A few packets a step and node, and the probes of the one that stays.
        let sent = world.sent - before;
        assert!(sent < 200, "{sent} packets after {wait}");
        assert!((1..4).all(|number| world.state(4, number) == Some(MemberState::Left)));
    }
}
