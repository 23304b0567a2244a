//! Traces: a write takes along where it belongs, to each peer that wants to know, and its peer says so when it
//! has made the write durable.

use likewise_replica::limits::{Bounds, CONTEXTS_MAX, TICK_MIN};
use likewise_replica::member::{Direction, LinkId, Peer};
use likewise_replica::message::Message;
use likewise_replica::quorum::request::{Level, Operation};
use likewise_replica::trace::TraceContext;

use super::cluster::Cluster;
use super::*;

/// No repair of its own before its first turn.
const BEFORE_REPAIR: Duration = Duration::from_millis(900);

fn context(number: u8) -> TraceContext {
    TraceContext { trace: [number; 16], span: [7; 8], flags: 1 }
}

/// Four nodes, of which the last two want to know.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(4);
    for node in 0..4 {
        cluster.nodes[node].takes_contexts = node >= 2;
        cluster.handle(node, Input::Alone);
        (0..node).for_each(|other| cluster.connect(node, other));
    }
    cluster.run_for(BEFORE_REPAIR);
    cluster
}

fn traced(cluster: &mut Cluster, node: usize, user: &str, number: u8) {
    let writes = Writes::one(like(user), Action::Like, None).traced(context(number));
    cluster.write_all(node, writes);
}

fn applied(cluster: &Cluster, node: usize) -> Vec<TraceContext> {
    cluster.nodes[node].applied.iter().flat_map(|(.., contexts)| contexts.clone()).collect()
}

#[test]
fn a_peer_that_wants_to_know_says_where_and_when_it_had_a_write() {
    let mut cluster = cluster();
    traced(&mut cluster, 0, "ann", 1);
    cluster.run_until_equal();
    assert_eq!(applied(&cluster, 1), [], "it never asked");
    for node in [2, 3] {
        let (peer, took, contexts) = cluster.nodes[node].applied.pop().unwrap();
        assert_eq!((&*peer, took, &*contexts), ("node-0", Duration::ZERO, &[context(1)][..]));
    }
    assert!(cluster.contexts_to == [2, 3] || cluster.contexts_to == [3, 2]);
    // What has been told once is told no more, and what belongs to no trace is told to nobody.
    cluster.like(0, 1, 1);
    traced(&mut cluster, 0, "ann", 2);
    cluster.run_until_equal();
    cluster.run_for(TICK_MIN * 4);
    assert_eq!((applied(&cluster, 2), cluster.contexts_to.len()), (vec![], 2));
}

#[test]
fn a_write_is_applied_when_it_is_durable() {
    let mut cluster = cluster();
    cluster.nodes[2].disk_holds = true;
    traced(&mut cluster, 0, "ann", 1);
    cluster.run_for(Duration::from_millis(100));
    assert_eq!(cluster.nodes[2].likes(), 1);
    assert_eq!((applied(&cluster, 2), applied(&cluster, 3)), (vec![], vec![context(1)]));
    cluster.nodes[2].disk_holds = false;
    cluster.persist(2);
    cluster.handle(2, Input::Tick);
    assert_eq!(applied(&cluster, 2), [context(1)]);
    let took = cluster.nodes[2].applied[0].1;
    assert!(took > Duration::from_millis(90) && took < Duration::from_millis(100), "{took:?}");
}

#[test]
fn a_write_of_which_the_voters_are_asked_takes_its_trace_along_too() {
    let mut cluster = Cluster::unlinked_voting(3, 3);
    for node in 0..3 {
        cluster.nodes[node].takes_contexts = true;
        cluster.handle(node, Input::Alone);
        (0..node).for_each(|other| cluster.connect(node, other));
    }
    cluster.run_until("voting", |cluster| (0..3).all(|voter| cluster.votes(voter)));
    let write = |level, user, seen| {
        let seen = Some(CausalLength::new(seen).unwrap());
        Operation::write(level, like(user), Action::Like, seen).traced(context(1))
    };
    let agreed = cluster.agree(0, write(Level::Quorum, "ann", 0)).unwrap();
    assert_eq!(agreed.rounds, 1);
    cluster.run_for(TICK_MIN * 4);
    assert_eq!([1, 2].map(|node| applied(&cluster, node)), [[context(1)], [context(1)]]);
    // A write that has to read first asks once more, and a read asks once.
    let toggle = Operation::write(Level::Linearizable, like("ann"), Action::Unlike, None);
    assert_eq!(cluster.agree(0, toggle).unwrap().rounds, 2);
    let read = Operation::length(Level::Linearizable, like("ann"));
    assert_eq!(cluster.agree(0, read).unwrap().rounds, 1);
}

#[test]
fn more_traces_than_the_bound_are_dropped_and_their_writes_are_not() {
    let mut cluster = cluster();
    let users: Vec<String> = (0..2 * CONTEXTS_MAX).map(|user| format!("user-{user}")).collect();
    // A frame goes at once where the last one has been for a tick: the rest shares the next.
    users.iter().for_each(|user| traced(&mut cluster, 0, user, 1));
    cluster.run_until_equal();
    assert_eq!(cluster.nodes[2].likes(), users.len() as u64);
    let frames: Vec<usize> = cluster.nodes[2].applied.iter().map(|it| it.2.len()).collect();
    assert!(frames.iter().all(|&contexts| contexts <= CONTEXTS_MAX), "{frames:?}");
    assert!(frames.contains(&CONTEXTS_MAX), "{frames:?}");
    assert!(frames.iter().sum::<usize>() < users.len(), "{frames:?}");
}

#[test]
fn an_outbox_that_is_emptied_forgets_the_traces_of_what_was_in_it() {
    let mut cluster = Cluster::with_bounds(2, Bounds { outbox_entries: 4, ..Bounds::default() });
    cluster.nodes[1].takes_contexts = true;
    (0..2).for_each(|node| cluster.handle(node, Input::Alone));
    cluster.connect(0, 1);
    cluster.run_for(BEFORE_REPAIR);
    // The first goes at once; the others wait for the tick, and the last but one is one too many.
    for number in 0..=6 {
        traced(&mut cluster, 0, &format!("user-{number}"), number);
    }
    assert_eq!(cluster.nodes[0].replica.repair_figures().overflows, 1);
    cluster.run_until_equal();
    assert_eq!(applied(&cluster, 1), [context(0), context(6)]);
}

#[test]
fn what_travels_as_a_repair_belongs_to_no_trace() {
    let mut cluster = cluster();
    cluster.disconnect(0, 2);
    traced(&mut cluster, 0, "ann", 1);
    cluster.run_for(TICK_MIN * 4);
    cluster.connect(0, 2);
    cluster.run_until_equal();
    cluster.run_for(Duration::from_secs(2));
    assert_eq!(cluster.nodes[2].likes(), 1);
    assert_eq!((applied(&cluster, 2), applied(&cluster, 3)), (vec![], vec![context(1)]));
}

/// A replica with one link.
fn linked(direction: Direction, takes_contexts: bool) -> Replica {
    let mut replica = Replica::new(NodeId(0), Arc::new(State::new(Keys::for_tests())));
    let (name, http) = ("p".to_owned(), String::new());
    let peer = Peer { node: NodeId(9), name, http, incarnation: 1, takes_contexts };
    let opened = Input::LinkOpened { link: LinkId(1), peer, direction };
    replica.handle(opened, Duration::from_secs(1));
    while replica.poll_output().is_some() {}
    replica
}

/// What it wants done next, with each message by its name and frame.
fn outputs(replica: &mut Replica) -> Vec<String> {
    std::iter::from_fn(|| replica.poll_output())
        .map(|output| match output {
            Output::Send { message, .. } => match Message::decode(&message).unwrap() {
                Message::Contexts { frame, contexts } => {
                    format!("Contexts {frame}: {}", contexts.len())
                }
                Message::Delta { frame, delta } => format!("Delta {frame}: {}", delta.len()),
                other => other.name().to_owned(),
            },
            Output::Applied { contexts, .. } => format!("Applied {}", contexts.len()),
            Output::Persist { batch, .. } => format!("Persist {}", batch.0),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn contexts_go_right_before_their_frame_and_only_to_who_asked() {
    for (takes_contexts, expected) in [
        (true, vec!["Persist 1", "Contexts 1: 1", "Delta 1: 1"]),
        (false, vec!["Persist 1", "Delta 1: 1"]),
    ] {
        let mut replica = linked(Direction::Outgoing, takes_contexts);
        let writes = Writes::one(like("ann"), Action::Like, None).traced(context(1));
        replica
            .handle(Input::Write { request: RequestId(1), writes }, Duration::from_millis(1_900));
        let mut sent = outputs(&mut replica);
        sent.sort_by_key(|it| !it.starts_with("Persist"));
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_peer_that_sends_contexts_without_end_loses_those_beyond_the_bound() {
    let mut replica = linked(Direction::Incoming, false);
    let receive = |replica: &mut Replica, message: &Message| {
        let received = Input::Received { link: LinkId(1), message: message.encode() };
        replica.handle(received, Duration::from_secs(2));
    };
    for _ in 0..1_000 {
        receive(&mut replica, &Message::Contexts { frame: 1, contexts: vec![context(1)] });
    }
    let mut delta = Delta::default();
    delta.push(like("ann"), CausalLength::LIKED_ONCE);
    receive(&mut replica, &Message::Delta { frame: 1, delta });
    assert_eq!(outputs(&mut replica), ["Persist 1"]);
    replica.handle(Input::Persisted { batch: BatchId(1) }, Duration::from_secs(3));
    let told = outputs(&mut replica);
    assert_eq!(
        told.iter().filter(|it| *it == "Applied 1").count(),
        Bounds::default().frames_in_flight
    );
    assert_eq!(told.last().unwrap(), "Ack");
}
