//! Nodes that go, one by one and all at once.

use super::*;

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
