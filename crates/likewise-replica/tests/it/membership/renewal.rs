//! Nodes that were taken for dead, or nearly so, and what becomes of them.

use super::*;

#[test]
fn a_node_that_was_paused_beyond_suspicion_renews_itself() {
    let mut world = World::formed(3);
    world.nodes.get_mut(&3).unwrap().paused = true;
    world.until("down", |world| world.state(1, 3) == Some(MemberState::Down));
    world.run_for(Duration::from_secs(5));
    world.nodes.get_mut(&3).unwrap().paused = false;
    let took = world.until("back", |world| world.agree_on(2));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(world.nodes[&3].membership.me().incarnation > 1);
    assert!(world.happened(3).contains(&(Happened::Renewed, 3)));
}

#[test]
fn a_suspect_that_says_in_time_that_it_lives_stays_what_it_was() {
    let mut world = World::formed(3);
    world.nodes.get_mut(&3).unwrap().paused = true;
    world.until("suspected", |world| world.state(1, 3) == Some(MemberState::Suspect));
    world.nodes.get_mut(&3).unwrap().paused = false;
    world.until("recovered", |world| world.state(1, 3) == Some(MemberState::Alive));
    // Longer than any suspicion.
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.nodes[&3].membership.me().incarnation, 1);
    assert!(!world.happened(1).contains(&(Happened::Restarted, 3)));
}

/// Two nodes of which one has been away for so long that the other has taken it for dead, and renews itself
/// as soon as it hears of that, so long after it happened.
fn renewed(after: Duration) -> World {
    let mut world = World::formed(2);
    world.nodes.get_mut(&1).unwrap().paused = true;
    world.until("down", |world| world.state(2, 1) == Some(MemberState::Down));
    world.run_for(after);
    world.nodes.get_mut(&1).unwrap().paused = false;
    world.until("renewed", |world| world.happened(1).contains(&(Happened::Renewed, 1)));
    assert!(world.state(1, 2).is_some_and(MemberState::is_active));
    world
}

#[test]
fn whoever_renews_itself_finds_out_that_its_only_peer_has_died_since() {
    for step in 0..60 {
        let mut world = renewed(step * Duration::from_millis(100));
        world.nodes.remove(&2);
        world.wire.clear();
        world.notices.clear();
        world.until("found dead", |world| world.state(1, 2) == Some(MemberState::Down));
    }
}

#[test]
fn whoever_renews_itself_finds_a_peer_that_is_in_another_life_by_now() {
    let mut world = renewed(Duration::ZERO);
    let incarnation = world.nodes[&2].membership.me().incarnation;
    // Its packets are on their way, and what it is asked as its former self it does not answer.
    world.start(2, incarnation + 1, address(2));
    world.seeds.clear();
    let took = world.until("agreed", |world| world.agree_on(1));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(!world.happened(1).contains(&(Happened::Down, 2)));
}
