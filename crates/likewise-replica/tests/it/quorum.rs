//! Answers that a majority of voters stands behind: what they cost, what they promise, and when there is none.

mod seats;

use likewise_replica::limits::Bounds;
use likewise_replica::message::Message;
use likewise_replica::quorum::ballot::{Ask, AskId};
use likewise_replica::quorum::request::{Level, Operation, Part, Subject};
use likewise_replica::quorum::voters::Voters;
use likewise_state::id::{Kind, PostId};

use super::cluster::Cluster;
use super::*;

const LINEARIZABLE: Level = Level::Linearizable;

pub(crate) fn set(user: &str, action: Action, seen: Option<u32>) -> Operation {
    let seen = seen.and_then(CausalLength::new);
    Operation::write(LINEARIZABLE, like(user), action, seen)
}

pub(crate) fn count() -> Operation {
    Operation::count(PostId::new("post").unwrap(), Kind::LIKE, None)
}

fn list() -> Operation {
    Operation::list(PostId::new("post").unwrap(), Kind::LIKE)
}

fn users(cluster: &mut Cluster, node: usize) -> Vec<String> {
    let listing = cluster.agree(node, list()).unwrap().listing.unwrap();
    cluster.nodes[node].state.page(listing, None, 100)
}

#[test]
fn what_one_node_was_told_is_what_every_other_node_answers_at_once() {
    // Nodes 3 and 4 have no vote.
    let mut cluster = Cluster::voting(5, 3);
    for (number, node) in [0, 3, 1, 4, 2].into_iter().enumerate() {
        let user = format!("user-{number}");
        let written = cluster.agree(node, set(&user, Action::Like, Some(0))).unwrap();
        assert_eq!(written.length.value(), 1);
        for reader in [4, 0, 3] {
            let agreed = cluster.agree(reader, count()).unwrap();
            assert_eq!(agreed.likes, number as u64 + 1, "node {reader} after node {node}");
        }
    }
    let unliked = cluster.agree(1, set("user-0", Action::Unlike, None)).unwrap();
    assert_eq!(unliked.length.value(), 2);
    for node in 0..5 {
        assert_eq!(users(&mut cluster, node), ["user-1", "user-2", "user-3", "user-4"]);
        for level in [LINEARIZABLE, Level::Quorum] {
            let operation = Operation::length(level, like("user-0"));
            assert_eq!(cluster.agree(node, operation).unwrap().length.value(), 2);
        }
    }
}

#[test]
fn a_count_that_nobody_contends_is_one_round_trip_and_constant_bytes() {
    let mut cluster = Cluster::voting(4, 3);
    for user in 0..500 {
        cluster.write(0, like(&format!("user-{user}")), Action::Like);
    }
    cluster.run_until_equal();
    for node in [0, 3] {
        let (began, before) = (cluster.now, cluster.nodes[node].replica.votes().unwrap().figures);
        assert_eq!(cluster.agree(node, count()).unwrap().likes, 500);
        let after = cluster.nodes[node].replica.votes().unwrap().figures;
        assert_eq!(cluster.now - began, Duration::from_micros(600), "one way takes 300");
        assert_eq!(after.rounds[0] - before.rounds[0], 1);
        assert!(after.bytes_sent - before.bytes_sent < 200, "{after:?}");
    }
    // With a target one round trip, without one more.
    for (seen, round_trips) in [(Some(0), 1), (None, 2)] {
        let began = cluster.now;
        let user = format!("new-{round_trips}");
        cluster.agree(3, set(&user, Action::Like, seen)).unwrap();
        assert_eq!(cluster.now - began, Duration::from_micros(600) * round_trips);
        cluster.run_until_equal();
    }
}

#[test]
fn without_a_majority_there_is_no_answer_and_it_says_whom_it_takes() {
    let mut cluster = Cluster::voting(4, 3);
    cluster.disconnect(3, 1);
    cluster.disconnect(3, 2);
    let began = cluster.now;
    for (operation, may_take_effect) in
        [(count(), false), (set("ann", Action::Like, Some(0)), true)]
    {
        let Err(Answer::Short(shortfall)) = cluster.agree(3, operation) else { panic!("agreed") };
        assert_eq!((shortfall.majority, shortfall.is_contended), (2, false));
        assert_eq!(shortfall.may_take_effect, may_take_effect);
        let parts: Vec<Part> = shortfall.voters.iter().map(|(_, part)| *part).collect();
        assert_eq!(parts, [Part::Answered, Part::NoLink, Part::NoLink]);
    }
    assert_eq!(cluster.now - began, Duration::from_secs(4), "two seconds each");
    // The other side has its majority all the same, and finds the write sooner or later.
    assert!(cluster.agree(1, count()).is_ok());
    cluster.connect(3, 1);
    cluster.connect(3, 2);
    cluster.run_until_equal();
    assert_eq!(cluster.agree(1, count()).unwrap().likes, 1);
}

#[test]
fn a_request_goes_on_when_the_voters_that_it_lacks_come_back() {
    let mut cluster = Cluster::voting(4, 3);
    cluster.disconnect(3, 1);
    cluster.disconnect(3, 2);
    let write = cluster.ask(3, set("ann", Action::Like, Some(0)));
    let read = cluster.ask(3, count());
    cluster.run_for(Duration::from_millis(700));
    assert!(cluster.nodes[3].answers.is_empty());
    cluster.connect(3, 2);
    for request in [write, read] {
        cluster.run_until("answered", |it| it.nodes[3].answers.contains_key(&request));
        assert!(matches!(cluster.nodes[3].answers[&request], Answer::Agreed(_)));
    }
}

#[test]
fn what_a_voter_holds_is_told_only_once_its_disk_holds_it_too() {
    let mut cluster = Cluster::voting(3, 3);
    cluster.nodes[0].disk_holds = true;
    cluster.nodes[1].disk_holds = true;
    let write = cluster.ask(2, set("ann", Action::Like, Some(0)));
    cluster.run_for(Duration::from_millis(100));
    assert!(cluster.nodes[2].answers.is_empty(), "two of three disks have not taken it");
    assert_eq!(cluster.nodes[0].state.count(like("ann").post, Kind::LIKE), 1);
    let read = cluster.ask(2, count());
    cluster.run_for(Duration::from_millis(100));
    assert!(!cluster.nodes[2].answers.contains_key(&read), "what may be lost is told");
    cluster.nodes[0].disk_holds = false;
    cluster.persist(0);
    cluster.handle(0, Input::Tick);
    for request in [write, read] {
        cluster.run_until("answered", |it| it.nodes[2].answers.contains_key(&request));
    }
}

#[test]
fn a_list_shows_only_what_a_majority_holds_whatever_this_node_knows_beside_it() {
    let mut cluster = Cluster::voting(5, 3);
    let _ = cluster.nodes[3].state.raise(like("ann"), |_| CausalLength::new(1));
    let mine = users(&mut cluster, 3);
    assert_eq!(cluster.agree(4, count()).unwrap().likes, mine.len() as u64);
    assert_eq!(users(&mut cluster, 4), mine);
}

#[test]
fn votes_that_wait_for_a_disk_that_takes_nothing_are_bounded() {
    for is_stalled in [false, true] {
        let bounds = Bounds { gathered_requests: 20, ..Bounds::default() };
        let mut cluster = Cluster::voting_with_bounds(3, 3, bounds);
        cluster.nodes[0].disk_holds = true;
        // One batch is on its way to the disk, and more gathers behind it.
        for user in ["ann", "bob", "eve"] {
            cluster.write(1, like(user), Action::Like);
            cluster.run_for(Duration::from_millis(20));
        }
        if is_stalled {
            cluster.handle(0, Input::JournalStalled);
        }
        for _ in 0..200 {
            cluster.ask(2, count());
            cluster.ask(1, set("ann", Action::Like, Some(0)));
            cluster.run_for(Duration::from_millis(100));
        }
        let votes = cluster.nodes[0].replica.backlog().votes;
        let may_be = if is_stalled { 0 } else { 60 };
        assert!(votes <= may_be, "{votes} votes, stalled: {is_stalled}");
        cluster.nodes[0].disk_holds = false;
        cluster.persist(0);
        cluster.handle(0, Input::Tick);
        cluster.disconnect(1, 2);
        assert_eq!(cluster.agree(2, count()).unwrap().likes, 3, "it votes again");
    }
}

#[test]
fn readers_of_a_post_share_rounds_and_whoever_comes_later_is_in_the_next_one() {
    let mut cluster = Cluster::voting(4, 3);
    let readers: Vec<u64> = (0..50).map(|_| cluster.ask(3, count())).collect();
    cluster.run_until("answered", |it| it.nodes[3].answers.len() == readers.len());
    let figures = cluster.nodes[3].replica.votes().unwrap().figures;
    assert_eq!((figures.rounds, figures.reads), ([2, 0, 0, 0], 50));
}

#[test]
fn voters_that_differ_are_made_equal_before_anybody_is_answered() {
    let mut cluster = Cluster::voting(4, 3);
    // Each voter has taken likes that the others have not heard of.
    for node in 0..3 {
        for user in 0..40 {
            cluster.write(node, like(&format!("user-{node}-{user}")), Action::Like);
        }
    }
    let likes = cluster.agree(3, count()).unwrap().likes;
    assert_eq!(likes, 120, "all of it was there before the read began");
    let figures = cluster.nodes[3].replica.votes().unwrap().figures;
    assert!(figures.rounds[0] == 0 && figures.rounds[3] == 0, "{figures:?}");
}

#[test]
fn a_hot_post_can_be_read_because_writes_to_it_wait_for_a_moment() {
    let mut cluster = Cluster::voting(4, 3);
    let mut waiting = Vec::new();
    for n in 0..2_000u64 {
        let node = (n % 4) as usize;
        cluster.write(node, like(&format!("user-{n}")), Action::Like);
        cluster.ask((node + 1) % 4, set(&format!("voted-{n}"), Action::Like, Some(0)));
        if n % 20 == 0 {
            waiting.push(cluster.ask(3, if n % 40 == 0 { count() } else { list() }));
        }
        cluster.run_for(Duration::from_micros(200));
    }
    cluster.run_for(Duration::from_secs(2));
    let agreed = waiting
        .iter()
        .filter(|request| matches!(cluster.nodes[3].answers[request], Answer::Agreed(_)));
    assert_eq!(agreed.count(), waiting.len(), "{:?}", cluster.nodes[3].replica.votes());
    let held: u64 = cluster.nodes.iter().map(|it| it.replica.votes().unwrap().figures.held).sum();
    assert!(held > 0);
    cluster.run_until_equal();
    assert_eq!(cluster.agree(0, count()).unwrap().likes, 4_000);
}

/// Three posts are held in turn, so that one of them always is: whatever is about all must not wait for ever.
#[test]
fn nothing_waits_for_a_second_hold() {
    let mut cluster = Cluster::voting(3, 3);
    let list = Voters::new(["node-0", "node-1", "node-2"].map(str::to_owned)).unwrap().hash();
    let posts = ["left", "middle", "right"].map(|post| Like::new(post, "like", "ann").unwrap());
    let mut all = Writes::default();
    posts.iter().for_each(|like| all.push(*like, Action::Like, None));
    let mut waiting = Vec::new();
    for turn in 0..100u64 {
        let like = posts[turn as usize % 3];
        let pull = Ask::Pull {
            id: AskId(1_000_000 + turn),
            subject: Subject::new(like.post, like.kind),
            digest: Default::default(),
            holds: true,
            entries_max: 0,
            users: Vec::new(),
            entries: Delta::default(),
        };
        let message = Message::Ask { list, asks: vec![pull] }.encode();
        let link = cluster.incoming(0, 1);
        cluster.handle(0, Input::Received { link, message });
        if turn == 20 {
            waiting.push(cluster.write_all(0, all.clone()));
            // The mail of another node is about all too.
            cluster.write_all(1, all.clone());
        }
        cluster.run_for(Duration::from_millis(4));
        if turn == 23 {
            assert!(
                cluster.nodes[0].answers.contains_key(&waiting[0]),
                "it waits for a second hold"
            );
            assert_eq!(cluster.nodes[0].replica.backlog().parked, 0);
        }
    }
    assert!(cluster.nodes[0].replica.votes().unwrap().figures.holds > 50);
}

#[test]
fn what_differs_in_old_entries_is_found_by_a_repair_while_the_reader_waits() {
    let mut cluster = Cluster::unlinked_voting(4, 3);
    for user in 0..10_000 {
        let (user, missing) = (format!("user-{user}"), user % 3);
        for node in (0..3).filter(|node| *node != missing) {
            let _ = cluster.nodes[node].state.raise(like(&user), |_| CausalLength::new(1));
        }
    }
    for a in 0..4 {
        (0..a).for_each(|b| cluster.connect(a, b));
    }
    cluster.run_until("voting", |it| (0..3).all(|voter| it.votes(voter)));
    assert_eq!(cluster.agree(3, count()).unwrap().likes, 10_000);
}

#[test]
fn nodes_whose_lists_differ_form_no_majority_and_say_so() {
    let mut cluster = Cluster::voting(3, 3);
    let names = ["node-0", "node-1"].map(str::to_owned);
    cluster.use_voters(names);
    cluster.restart(0, 2, false);
    cluster.connect(0, 1);
    cluster.connect(0, 2);
    let Err(Answer::Short(shortfall)) = cluster.agree(0, count()) else { panic!("agreed") };
    assert_eq!(shortfall.voters[1], ("node-1".to_owned(), Part::OtherList));
    let Err(Answer::Short(shortfall)) = cluster.agree(0, count()) else { panic!("agreed") };
    assert_eq!(shortfall.voters[0].1, Part::Fresh);
    assert_eq!(cluster.agree(1, count()).unwrap().likes, 0, "two of the old list are enough");
}
