//! Membership over a network that obeys the test: what goes wrong with gossip, and that it does not here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use likewise_replica::membership::{
    Event, ForgetError, Happened, Identity, Member, MemberState, Membership, Output,
};

use likewise_replica::member::Peer;
use proptest::prelude::*;

use super::*;

mod leaving;
mod renewal;

/// Time that a packet takes.
const LATENCY: Duration = Duration::from_millis(1);

/// Nodes by number. Each has an address of its own, unless a test says otherwise.
struct World {
    nodes: BTreeMap<u64, Live>,
    /// What the nodes were told to join.
    seeds: Vec<SocketAddr>,
    now: Duration,
    wire: BTreeMap<(Duration, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    notices: Vec<(u64, Vec<u8>)>,
    /// Pairs of addresses that can't reach each other.
    cut: BTreeSet<(SocketAddr, SocketAddr)>,
    sent: u64,
    twins: u64,
    same_names: u64,
}

struct Live {
    membership: Membership,
    events: Vec<(Duration, Event)>,
    paused: bool,
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8], 9293))
}

impl World {
    fn new(seeds: &[u64]) -> Self {
        Self {
            nodes: BTreeMap::new(),
            seeds: seeds.iter().map(|&number| address(number)).collect(),
            now: Duration::ZERO,
            wire: BTreeMap::new(),
            notices: Vec::new(),
            cut: BTreeSet::new(),
            sent: 0,
            twins: 0,
            same_names: 0,
        }
    }

    /// Nodes 1 to `count`, all of whom know one another.
    fn formed(count: u64) -> Self {
        let mut world = Self::new(&[1]);
        (1..=count).for_each(|number| world.start(number, 1, address(number)));
        world.until("formed", |world| world.agree_on(count as usize - 1));
        world
    }

    fn start(&mut self, number: u64, incarnation: u64, address: SocketAddr) {
        let me = Identity { node: NodeId(number), incarnation, address };
        let membership = Membership::new(me, number ^ incarnation << 8, self.now);
        self.nodes.insert(number, Live { membership, events: Vec::new(), paused: false });
    }

    /// Each node sees `others` other members active and nobody else active.
    fn agree_on(&self, others: usize) -> bool {
        let all: Vec<u64> = self.nodes.keys().copied().collect();
        self.agree_on_of(&all, others)
    }

    fn agree_on_of(&self, nodes: &[u64], others: usize) -> bool {
        nodes.iter().all(|node| {
            let members = self.nodes[node].membership.members();
            members.filter(|member| member.state.is_active()).count() == others
        })
    }

    fn state(&self, seen_by: u64, of: u64) -> Option<MemberState> {
        self.member(seen_by, of).map(|member| member.state)
    }

    fn member(&self, seen_by: u64, of: u64) -> Option<&Member> {
        let mut members = self.nodes[&seen_by].membership.members();
        members.find(|member| member.identity.node == NodeId(of))
    }

    fn happened(&self, seen_by: u64) -> Vec<(Happened, u64)> {
        let events = self.nodes[&seen_by].events.iter();
        events.map(|(_, event)| (event.what, event.member.identity.node.0)).collect()
    }

    fn cut_between(&mut self, left: &[u64], right: &[u64]) {
        for (&a, &b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
            self.cut.insert((address(a), address(b)));
            self.cut.insert((address(b), address(a)));
        }
    }

    fn step(&mut self) {
        self.now += LATENCY;
        let later = self.wire.split_off(&(self.now + Duration::from_nanos(1), 0));
        for ((_, _), (from, to, packet)) in std::mem::replace(&mut self.wire, later) {
            if self.cut.contains(&(from, to)) {
                continue;
            }
            let nodes = self.nodes.values_mut().filter(|live| !live.paused);
            for live in nodes.filter(|live| live.membership.me().address == to) {
                live.membership.received(&packet, self.now).unwrap();
            }
        }
        for (from, notice) in std::mem::take(&mut self.notices) {
            let from_address = self.nodes[&from].membership.me().address;
            for (&number, live) in &mut self.nodes {
                let to = live.membership.me().address;
                if number != from && !self.cut.contains(&(from_address, to)) && !live.paused {
                    live.membership.told(&notice, self.now).unwrap();
                }
            }
        }
        let numbers: Vec<u64> = self.nodes.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.turn(number));
    }

    fn turn(&mut self, number: u64) {
        let live = self.nodes.get_mut(&number).unwrap();
        if live.paused {
            return;
        }
        if live.membership.next_deadline() <= self.now {
            live.membership.tick(self.now);
        }
        while let Some(output) = live.membership.poll_output() {
            match output {
                Output::Packet { to, packet } => {
                    self.sent += 1;
                    let from = live.membership.me().address;
                    self.wire.insert((self.now + LATENCY, self.sent), (from, to, packet));
                }
                Output::Seek => live.membership.announce(self.seeds.clone(), self.now),
                Output::Tell { notice } => self.notices.push((number, notice)),
                Output::Event(event) => live.events.push((self.now, event)),
                Output::Twin { .. } => self.twins += 1,
                Output::SameName { .. } => self.same_names += 1,
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Runs until `condition`, and answers how long that took.
    fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) -> Duration {
        let began = self.now;
        while !condition(self) {
            assert!(self.now < began + Duration::from_secs(60), "never {what}");
            self.step();
        }
        self.now - began
    }

    fn introduce(&mut self, to: u64, of: u64, name: &str) {
        let incarnation = self.nodes.get(&of).map_or(1, |of| of.membership.me().incarnation);
        let http = "10.0.0.9:8080".to_owned();
        let peer = Peer {
            node: NodeId(of),
            name: name.to_owned(),
            http,
            incarnation,
            takes_contexts: false,
        };
        let now = self.now;
        self.nodes.get_mut(&to).unwrap().membership.introduced(&peer, now);
    }
}

#[test]
fn five_nodes_find_one_another_through_one_seed() {
    let mut world = World::new(&[1]);
    (1..=5).for_each(|number| world.start(number, 1, address(number)));
    let took = world.until("formed", |world| world.agree_on(4));
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_node_that_is_alone_goes_on_asking_its_seeds() {
    let mut world = World::new(&[1]);
    world.start(2, 1, address(2));
    world.run_for(Duration::from_secs(40));
    assert!(world.nodes[&2].membership.is_alone());
    world.start(1, 1, address(1));
    let took = world.until("joined", |world| world.agree_on(1));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_dead_node_is_suspected_then_down_and_the_others_agree() {
    let mut world = World::formed(5);
    world.nodes.remove(&5);
    let took = world.until("noticed", |world| world.agree_on(3));
    assert!(took < Duration::from_secs(6), "{took:?}");
    let happened = world.happened(1);
    let of_it: Vec<_> =
        happened.iter().filter(|(_, node)| *node == 5).map(|(what, _)| *what).collect();
    assert_eq!(of_it, [Happened::Joined, Happened::Suspected, Happened::Down]);
    assert_eq!(world.state(1, 5), Some(MemberState::Down));
}

#[test]
fn a_suspect_that_lives_says_so_and_is_never_down() {
    let mut world = World::formed(3);
    world.nodes.get_mut(&3).unwrap().paused = true;
    world.until("suspected", |world| world.state(1, 3) == Some(MemberState::Suspect));
    world.nodes.get_mut(&3).unwrap().paused = false;
    world.until("recovered", |world| world.state(1, 3) == Some(MemberState::Alive));
    assert!(!world.happened(1).contains(&(Happened::Down, 3)));
}

#[test]
fn halves_that_took_each_other_for_dead_find_each_other_again() {
    for (left, right) in [(&[1][..], &[2][..]), (&[1, 2], &[3, 4]), (&[1, 2, 3], &[4, 5])] {
        let mut world = World::formed((left.len() + right.len()) as u64);
        // Without seeds: only what they remember of each other can help.
        world.seeds.clear();
        world.cut_between(left, right);
        world.until("split", |world| {
            left.iter()
                .all(|&a| right.iter().all(|&b| world.state(a, b) == Some(MemberState::Down)))
                && right
                    .iter()
                    .all(|&a| left.iter().all(|&b| world.state(a, b) == Some(MemberState::Down)))
        });
        world.run_for(Duration::from_secs(30));
        world.cut.clear();
        let took = world.until("healed", |world| world.agree_on(left.len() + right.len() - 1));
        assert!(took < Duration::from_secs(15), "{left:?} {right:?}: {took:?}");
    }
}

#[test]
fn a_restart_quicker_than_the_detection_is_a_new_incarnation() {
    let mut world = World::formed(3);
    world.start(3, 2, address(3));
    world.until("renamed", |world| {
        [1, 2].iter().all(|&n| world.member(n, 3).is_some_and(|m| m.identity.incarnation == 2))
            && world.agree_on(2)
    });
    let happened = world.happened(1);
    assert!(happened.contains(&(Happened::Restarted, 3)), "{happened:?}");
    assert!(!happened.contains(&(Happened::Down, 3)), "{happened:?}");
}

#[test]
fn a_node_may_come_back_at_another_address() {
    let mut world = World::formed(3);
    world.start(3, 2, address(33));
    world.until("moved", |world| {
        [1, 2]
            .iter()
            .all(|&n| world.member(n, 3).is_some_and(|m| m.identity.address == address(33)))
            && world.agree_on(2)
    });
}

#[test]
fn an_address_may_come_back_as_another_node() {
    let mut world = World::formed(3);
    world.nodes.remove(&3);
    world.start(4, 1, address(3));
    world.until("both are told apart", |world| {
        [1, 2].iter().all(|&n| {
            world.state(n, 3) == Some(MemberState::Down)
                && world.state(n, 4) == Some(MemberState::Alive)
        }) && world.agree_on(2)
    });
}

#[test]
fn an_incarnation_that_went_back_is_caught_up_in_moments() {
    let mut world = World::formed(3);
    for incarnation in [100_000, 5] {
        world.start(3, incarnation, address(3));
        let took = world.until("back", |world| {
            [1, 2]
                .iter()
                .all(|&n| world.member(n, 3).is_some_and(|m| m.identity.incarnation >= 100_000))
                && world.nodes[&3].membership.me().incarnation >= 100_000
                && world.agree_on(2)
        });
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    let renewals = world.happened(3).iter().filter(|(what, _)| *what == Happened::Renewed).count();
    assert!((1..40).contains(&renewals), "{renewals}");
}

#[test]
fn a_copy_of_a_data_folder_is_noticed() {
    let mut world = World::formed(3);
    let me = Identity { node: NodeId(3), incarnation: 1, address: address(99) };
    world.nodes.insert(
        99,
        Live { membership: Membership::new(me, 99, world.now), events: Vec::new(), paused: false },
    );
    world.until("noticed", |world| world.twins > 0);
}

#[test]
fn a_dead_member_is_forgotten_everywhere_and_a_living_one_is_not() {
    let mut world = World::formed(3);
    world.nodes.remove(&3);
    let now = world.now;
    let forget =
        |world: &mut World, now| world.nodes.get_mut(&1).unwrap().membership.forget(NodeId(3), now);
    assert_eq!(forget(&mut world, now), Err(ForgetError::Active));
    world.until("down", |world| world.agree_on(1));
    let now = world.now;
    assert_eq!(forget(&mut world, now), Ok(()));
    assert_eq!(forget(&mut world, now), Err(ForgetError::Unknown));
    world.until("forgotten", |world| world.member(2, 3).is_none() && world.member(1, 3).is_none());
    world.run_for(Duration::from_secs(40));
    assert!(world.member(1, 3).is_none() && world.member(2, 3).is_none());
    world.start(3, 2, address(3));
    world.until("back like a new one", |world| world.agree_on(2));
}

#[test]
fn a_wiped_node_takes_the_place_of_the_one_whose_name_it_has() {
    let mut world = World::formed(3);
    world.introduce(1, 3, "likes-2");
    world.nodes.remove(&3);
    world.start(4, 1, address(3));
    world.until("down", |world| world.state(1, 3) == Some(MemberState::Down));
    world.until("joined", |world| world.state(1, 4) == Some(MemberState::Alive));
    world.introduce(1, 4, "likes-2");
    assert!(world.member(1, 3).is_none());
    world.introduce(1, 2, "likes-2");
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.same_names, 0, "one of the two may yet be found dead");
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.same_names, 1, "two living nodes of one name");
}

#[test]
fn a_wiped_node_may_be_back_before_its_former_self_is_missed() {
    let mut world = World::formed(3);
    world.introduce(1, 3, "likes-2");
    world.nodes.remove(&3);
    world.start(4, 1, address(3));
    world.until("joined", |world| world.state(1, 4) == Some(MemberState::Alive));
    world.introduce(1, 4, "likes-2");
    assert_eq!(world.state(1, 3), Some(MemberState::Alive));
    world.until("replaced", |world| world.member(1, 3).is_none());
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.same_names, 0);
}

#[test]
fn a_view_that_has_not_heard_of_a_death_does_not_bring_back_whom_others_have_forgotten() {
    let mut world = World::formed(4);
    world.nodes.get_mut(&4).unwrap().paused = true;
    world.nodes.remove(&3);
    world.until("down", |world| world.agree_on_of(&[1, 2], 1));
    let now = world.now;
    world.nodes.get_mut(&1).unwrap().membership.forget(NodeId(3), now).unwrap();
    // At once, before the news of the death has made its last rounds.
    let view = world.nodes[&4].membership.view();
    world.nodes.get_mut(&1).unwrap().membership.told(&view, now).unwrap();
    assert!(world.member(1, 3).is_none());
    world.run_for(Duration::from_secs(3));
    world.nodes.get_mut(&4).unwrap().paused = false;
    let view = world.nodes[&4].membership.view();
    let now = world.now;
    world.nodes.get_mut(&1).unwrap().membership.told(&view, now).unwrap();
    assert!(world.member(1, 3).is_none());
    world.run_for(Duration::from_secs(20));
    assert!(world.member(1, 3).is_none() && world.member(2, 3).is_none());
    assert!(world.agree_on(2));
}

#[test]
fn a_hole_in_a_view_is_filled_over_links() {
    let mut world = World::formed(3);
    // Node 4 and node 3 never hear of each other by packet.
    world.cut_between(&[3], &[4]);
    world.start(4, 1, address(4));
    world.until("seen by some", |world| world.state(1, 4) == Some(MemberState::Alive));
    let view = world.nodes[&1].membership.view();
    let now = world.now;
    world.nodes.get_mut(&3).unwrap().membership.told(&view, now).unwrap();
    assert_eq!(world.state(3, 4), Some(MemberState::Alive));
}

#[test]
fn a_deaf_and_dumb_pair_holds_through_others() {
    // Probes between 1 and 2 go by way of 3.
    let mut world = World::formed(3);
    world.cut_between(&[1], &[2]);
    world.run_for(Duration::from_secs(60));
    assert!(world.agree_on(2));
    assert!(!world.happened(1).contains(&(Happened::Down, 2)));
}

#[test]
fn an_idle_cluster_is_quiet() {
    let mut world = World::formed(5);
    world.run_for(Duration::from_secs(20));
    let before = world.sent;
    world.run_for(Duration::from_secs(20));
    let a_second_a_node = (world.sent - before) as f64 / 20.0 / 5.0;
    assert!(a_second_a_node < 8.0, "{a_second_a_node} packets a second and node");
}

#[test]
fn lost_members_are_bounded_and_forgotten_in_time() {
    let mut world = World::formed(2);
    for number in 1_000u64..1_400 {
        let mut notice = vec![1, 1];
        for state in [0u8, 2] {
            let mut member = number.to_le_bytes().to_vec();
            member.extend(1u64.to_le_bytes());
            member.extend([4, 10, 1, 1, 1, 1, 1, 0, 0, state, 0]);
            notice.truncate(2);
            notice.extend(member);
            let now = world.now;
            world.nodes.get_mut(&1).unwrap().membership.told(&notice, now).unwrap();
        }
    }
    world.run_for(Duration::from_secs(5));
    let known = world.nodes[&1].membership.members().count();
    assert!((200..=257).contains(&known), "{known} members are remembered");
    let later = world.now + Duration::from_secs(25 * 60 * 60);
    world.nodes.get_mut(&1).unwrap().membership.tick(later);
    assert!(world.nodes[&1].membership.members().count() <= 1);
}

#[test]
fn a_packet_that_goes_on_where_it_should_end_changes_nothing() {
    let mut world = World::formed(2);
    let membership = &mut world.nodes.get_mut(&1).unwrap().membership;
    let identity = |number: u8| {
        let life = [u64::from(number), 1].map(u64::to_le_bytes).concat();
        [&life[..], &[4, 10, 0, 0, number], &9_293u16.to_le_bytes()].concat()
    };
    let packet = [&identity(3)[..], &[0, 0], &identity(1), &[9, 0, 0]].concat();
    for (behind, members) in [(&[0][..], 1), (&[0, 0, 0], 1), (&[0; 1_320], 1), (&[], 2)] {
        let result = membership.received(&[&packet[..], behind].concat(), world.now);
        assert_eq!((result.is_ok(), membership.members().count()), (members == 2, members));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_packets_and_notices_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::formed(2);
        let now = world.now;
        let membership = &mut world.nodes.get_mut(&1).unwrap().membership;
        let _ = membership.received(&bytes, now);
        let _ = membership.told(&bytes, now);
        let mut headed = vec![1, 1];
        headed.extend(&bytes);
        let _ = membership.told(&headed, now);
    }
}
