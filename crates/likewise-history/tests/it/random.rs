//! Large histories whose verdict is known by how they were made: by an atomic post, and the same with one
//! reply changed into one that it could not have given.

use likewise_history::{Call, Reply, Verdict};

use crate::atomic::{Shape, lines};
use crate::chance::Chance;
use crate::seen::{STEPS_MAX, Seen, history};

const SEEDS: u64 = 400;

fn shape(chance: &mut Chance) -> Shape {
    Shape {
        operations: 20 + chance.below(230),
        clients: 1 + chance.below(9),
        users: 1 + chance.below(8),
        unended: chance.below(12),
        only_likes: chance.is(50),
        blind: chance.is(20),
    }
}

#[test]
fn what_an_atomic_post_answered_is_linearizable() {
    let mut unended = 0;
    for seed in 0..SEEDS {
        let mut chance = Chance(seed);
        let shape = shape(&mut chance);
        let of = lines(&mut chance, shape);
        unended += of.iter().filter(|seen| seen.end.is_none()).count();
        match history(&of).check(STEPS_MAX) {
            Verdict::Linearizable => {}
            Verdict::Violated(violation) => panic!("seed {seed}, {shape:?}: {violation}"),
            Verdict::Undecided => panic!("seed {seed}, {shape:?} is undecided"),
        }
    }
    assert!(unended > 1_000, "{unended} of unknown outcome");
}

/// What was certain about the like of this user when `read` began: the largest length that somebody was told
/// of strictly before.
fn known_before(of: &[Seen], user: usize, read: &Seen) -> u32 {
    let told = of.iter().filter_map(|seen| match (seen.call, &seen.end) {
        (Call::Raise { user: of, to }, Some((at, _))) if of == user && *at < read.begin => Some(to),
        (
            Call::Set { user: of, .. } | Call::Version { user: of },
            Some((at, Reply::Version(told))),
        ) if of == user && *at < read.begin => Some(*told),
        _ => None,
    });
    told.max().unwrap_or_default()
}

/// The smallest length of this like that somebody was told of who asked strictly after `read` ended.
fn told_after(of: &[Seen], user: usize, read: &Seen) -> Option<u32> {
    let end = read.end.as_ref().map(|(at, _)| *at)?;
    let told =
        of.iter().filter(|seen| seen.begin > end).filter_map(|seen| match (seen.call, &seen.end) {
            (
                Call::Set { user: of, .. } | Call::Version { user: of },
                Some((_, Reply::Version(told))),
            ) if of == user => Some(*told),
            _ => None,
        });
    told.min()
}

/// Where nothing is ever unliked: who liked the post for certain when `read` began, and who may have when it
/// had ended.
fn likers(of: &[Seen], users: u64, read: &Seen) -> (Vec<usize>, Vec<usize>) {
    let end = read.end.as_ref().map_or(0, |(at, _)| *at);
    let writes = |user: usize| {
        of.iter().filter(move |seen| match seen.call {
            Call::Raise { user: of, to } => of == user && to > 0,
            Call::Set { user: of, .. } => of == user,
            _ => false,
        })
    };
    let ended = |seen: &Seen| seen.end.as_ref().is_some_and(|(at, _)| *at < read.begin);
    let all = 0..users as usize;
    let certain = all.clone().filter(|&user| writes(user).any(ended)).collect();
    (certain, all.filter(|&user| writes(user).any(|seen| seen.begin <= end)).collect())
}

/// Replies that this read can't have got. They are near what it got, so that only the order betrays them.
fn impossible_replies(of: &[Seen], shape: Shape, read: &Seen) -> Vec<Reply> {
    let mut impossible = Vec::new();
    let certain_and_possible = || likers(of, shape.users, read);
    match (read.call, &read.end) {
        (Call::Version { user }, _) => {
            impossible.extend(known_before(of, user, read).checked_sub(1).map(Reply::Version));
            impossible.extend(told_after(of, user, read).map(|told| Reply::Version(told + 1)));
        }
        (Call::Count, _) if shape.only_likes => {
            let (certain, possible) = certain_and_possible();
            impossible.extend((certain.len() as u64).checked_sub(1).map(Reply::Count));
            impossible.push(Reply::Count(possible.len() as u64 + 1));
        }
        (Call::List, Some((_, Reply::List(told)))) if shape.only_likes => {
            let (certain, possible) = certain_and_possible();
            let without =
                certain.first().map(|gone| told.iter().copied().filter(move |it| it != gone));
            impossible.extend(without.map(|told| Reply::List(told.collect())));
            let early = (0..shape.users as usize).find(|user| !possible.contains(user));
            impossible.extend(
                early.map(|user| Reply::List(told.iter().copied().chain([user]).collect())),
            );
        }
        _ => {}
    }
    impossible
}

#[test]
fn one_reply_that_an_atomic_post_could_not_have_given_is_found() {
    let (mut changed, mut early) = ([0; 3], 0);
    for seed in 0..SEEDS {
        let mut chance = Chance(seed);
        let shape = shape(&mut chance);
        let mut of = lines(&mut chance, shape);
        let place = chance.below(of.len() as u64) as usize;
        let reads = (place..of.len()).chain(0..place);
        let Some((read, reply)) = reads
            .map(|read| (read, impossible_replies(&of, shape, &of[read])))
            .find_map(|(read, replies)| {
                let pick = chance.below(replies.len().max(1) as u64) as usize;
                replies.get(pick).cloned().map(|reply| (read, reply))
            })
        else {
            continue;
        };
        let kind = match reply {
            Reply::Done | Reply::Version(_) => 0,
            Reply::Count(_) => 1,
            Reply::List(_) => 2,
        };
        changed[kind] += 1;
        let end = of[read].end.as_mut().expect("what has a reply has ended");
        end.1 = reply.clone();
        match history(&of).check(STEPS_MAX) {
            Verdict::Violated(violation) => {
                early += usize::from(violation.completed() < of.len() / 2)
            }
            other => {
                panic!("seed {seed}, {shape:?}: {other:?} with {reply:?} to {read} of {of:#?}")
            }
        }
    }
    println!("changed versions, counts, lists: {changed:?}; shown by less than half: {early}");
    assert!(changed.iter().all(|&changed| changed > 40) && early > 40, "{changed:?} {early}");
}

/// Whoever was known to like the post in one list and not in the next, and the reverse for another.
#[test]
fn two_lists_that_are_no_chain_are_found_at_the_end_of_a_large_history() {
    for seed in 0..100 {
        let mut chance = Chance(seed);
        let shape = Shape {
            operations: 100,
            clients: 6,
            users: 5,
            unended: 6,
            only_likes: true,
            blind: false,
        };
        let mut of = lines(&mut chance, shape);
        let all = (0..5).map(|user| Call::Raise { user, to: 1 });
        let calls = all.chain((5..7).map(|user| Call::Set { user, liked: true }));
        for (client, call) in calls.enumerate() {
            // All of the first five have liked before the lists begin; the other two do meanwhile.
            let (begin, end) =
                if client < 5 { (1_000_000, 1_000_001) } else { (1_000_002, 1_000_020) };
            let reply = if client < 5 { Reply::Done } else { Reply::Version(1) };
            of.push(Seen { client, call, begin, end: Some((end, reply)) });
        }
        let mut list = |client, extra: usize| {
            let users = (0..5).chain([extra]).collect();
            let end = Some((1_000_010 + client as u64, Reply::List(users)));
            of.push(Seen { client, call: Call::List, begin: 1_000_003, end });
        };
        list(8, 5);
        list(9, 6);
        assert_eq!(
            history(&of[..of.len() - 1]).check(STEPS_MAX),
            Verdict::Linearizable,
            "seed {seed}"
        );
        assert!(matches!(history(&of).check(STEPS_MAX), Verdict::Violated(_)), "seed {seed}");
    }
}
