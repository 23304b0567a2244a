//! Histories whose verdict a person can see: the ways in which likes services have gone wrong, and beside
//! each the nearest history in which nothing is wrong.

use std::collections::BTreeSet;

use likewise_history::{Call, Call::*, History, Reply, Verdict};

use crate::seen::{STEPS_MAX, Seen, history};

use Reply::{Count as Counted, Done, Version as V};

const A: usize = 0;
const B: usize = 1;

/// A line of a history: this client called from this time until that one.
fn saw(client: usize, begin: u64, end: u64, call: Call, reply: Reply) -> Seen {
    Seen { client, call, begin, end: Some((end, reply)) }
}

/// A line without an end.
fn asked(client: usize, begin: u64, call: Call) -> Seen {
    Seen { client, call, begin, end: None }
}

fn list(users: &[usize]) -> Reply {
    Reply::List(users.iter().copied().collect::<BTreeSet<usize>>())
}

fn like(user: usize) -> Call {
    Set { user, liked: true }
}

fn unlike(user: usize) -> Call {
    Set { user, liked: false }
}

fn assert_fine(of: &[Seen]) {
    assert_eq!(history(of).check(STEPS_MAX), Verdict::Linearizable, "{of:#?}");
}

/// Asserts that no order explains it, and that this is so as soon as so many have ended.
fn assert_wrong(of: &[Seen], completed: usize) {
    let Verdict::Violated(violation) = history(of).check(STEPS_MAX) else {
        panic!("nothing is found wrong: {of:#?}");
    };
    assert_eq!(violation.completed(), completed, "{violation}");
}

#[test]
fn nothing_at_all_is_linearizable_and_needs_no_steps() {
    assert_eq!(History::default().check(0), Verdict::Linearizable);
    assert_fine(&[asked(0, 1, like(A)), asked(1, 1, Count)]);
}

#[test]
fn a_quiet_day_is_linearizable() {
    assert_fine(&[
        saw(0, 1, 2, Version { user: A }, V(0)),
        saw(0, 3, 4, like(A), V(1)),
        saw(0, 5, 6, like(A), V(1)),
        saw(0, 7, 8, Raise { user: B, to: 3 }, Done),
        saw(0, 9, 10, List, list(&[A, B])),
        saw(0, 11, 12, unlike(B), V(4)),
        saw(0, 13, 14, Raise { user: B, to: 2 }, Done),
        saw(0, 15, 16, Version { user: B }, V(4)),
        saw(0, 17, 18, Count, Counted(1)),
    ]);
}

/// Two readers merge majorities that can't be compared: one sees a's like and not x's unlike, the other the
/// reverse. A post that x liked has gone through {x}, then either {x, a} or {}: not through both.
#[test]
fn incomparable_reads_are_wrong() {
    let day = |first, second| {
        [
            saw(0, 1, 2, Raise { user: B, to: 1 }, Done),
            saw(1, 10, 30, Raise { user: A, to: 1 }, Done),
            saw(2, 10, 30, Raise { user: B, to: 2 }, Done),
            saw(3, 11, 20, Count, first),
            saw(4, 11, 21, Count, second),
        ]
    };
    assert_wrong(&day(Counted(2), Counted(0)), 3);
    assert_fine(&day(Counted(2), Counted(1)));
    assert_fine(&day(Counted(0), Counted(1)));
}

/// A majority is merged, written back and answered: one reader with two reads sees likes of two who never
/// waited for each other, then one of a third who had finished before either.
#[test]
fn a_torn_cut_is_wrong_even_for_one_reader() {
    let day = |seen| {
        [
            saw(0, 1, 4, Raise { user: A, to: 1 }, Done),
            saw(1, 5, 30, Raise { user: B, to: 1 }, Done),
            saw(2, 3, 20, List, seen),
        ]
    };
    assert_wrong(&day(list(&[B])), 2);
    assert_fine(&day(list(&[A])));
    assert_fine(&day(list(&[A, B])));
    assert_fine(&day(list(&[])));
}

/// An unlike that began after a like was done can't be seen without the like.
#[test]
fn a_count_that_goes_down_before_it_has_gone_up_is_wrong() {
    let day = |middle: u64| {
        [
            saw(0, 1, 2, Raise { user: B, to: 1 }, Done),
            saw(0, 3, 4, Count, Counted(1)),
            saw(1, 5, 10, like(A), V(1)),
            saw(2, 11, 40, Raise { user: B, to: 2 }, Done),
            saw(0, 6, 20, Count, Counted(middle)),
        ]
    };
    assert_wrong(&day(0), 4);
    assert_fine(&day(1));
    assert_fine(&day(2));
}

/// What a majority of the living, a voter that was wiped and votes, or an answer before the disk has it come
/// to: a write is done, and a later read does not know it.
#[test]
fn a_read_after_a_write_that_does_not_see_it_is_wrong() {
    for (call, stale, fresh) in [
        (Count, Counted(0), Counted(1)),
        (List, list(&[]), list(&[A])),
        (Version { user: A }, V(0), V(1)),
    ] {
        let day = |reply, begin| {
            [saw(0, 1, 5, Raise { user: A, to: 1 }, Done), saw(1, begin, 9, call, reply)]
        };
        assert_wrong(&day(stale.clone(), 6), 2);
        assert_fine(&day(fresh, 6));
        // Only what ended strictly before is waited for.
        assert_fine(&day(stale, 5));
    }
}

#[test]
fn reads_that_go_back_are_wrong() {
    for (call, first, second) in [
        (Count, Counted(1), Counted(0)),
        (List, list(&[A]), list(&[])),
        (Version { user: A }, V(1), V(0)),
    ] {
        let day = |first, second| {
            [
                saw(0, 1, 30, Raise { user: A, to: 1 }, Done),
                saw(1, 2, 5, call, first),
                saw(2, 6, 9, call, second),
            ]
        };
        assert_wrong(&day(first.clone(), second.clone()), 2);
        assert_fine(&day(second, first));
    }
}

/// A target that was guessed, then a read and a target again: one request that likes twice.
#[test]
fn a_toggle_that_takes_effect_twice_is_wrong() {
    let day = |told, later| {
        [
            saw(0, 1, 10, like(A), told),
            saw(1, 2, 10, unlike(A), V(2)),
            saw(1, 11, 12, Version { user: A }, later),
        ]
    };
    assert_wrong(&day(V(1), V(3)), 3);
    assert_fine(&day(V(1), V(2)));
    // Told 3, it must have been done before the unlike as well as after it.
    assert_wrong(&day(V(3), V(3)), 1);
}

#[test]
fn a_write_of_unknown_outcome_happens_late_once_or_never() {
    let after = |first, second, third| {
        [
            asked(0, 1, like(A)),
            saw(1, 10, 20, Version { user: A }, first),
            saw(1, 30, 40, Count, second),
            saw(1, 50, 60, List, third),
        ]
    };
    assert_fine(&after(V(0), Counted(0), list(&[])));
    assert_fine(&after(V(0), Counted(1), list(&[A])));
    assert_fine(&after(V(0), Counted(0), list(&[A])));
    assert_wrong(&after(V(1), Counted(0), list(&[A])), 2);
    assert_wrong(&after(V(0), Counted(1), list(&[])), 3);
    // It can't happen before it began.
    assert_wrong(&[saw(1, 1, 2, Count, Counted(1)), asked(0, 3, like(A))], 1);
}

/// The like by user 1, then the raise without a reply, the like by user 2 to 3, the list, and the other like.
#[test]
fn the_only_order_is_found_where_a_write_without_a_reply_is_between_writes_of_two_users() {
    let day = |told| {
        [
            saw(0, 1, 10, like(3), V(1)),
            saw(1, 1, 11, like(1), V(1)),
            saw(2, 1, 12, like(2), V(told)),
            saw(3, 1, 13, List, list(&[1, 2])),
            asked(4, 1, Raise { user: 2, to: 2 }),
        ]
    };
    assert_fine(&day(3));
    assert_wrong(&day(5), 3);
}

#[test]
fn a_list_with_the_later_of_two_likes_alone_is_wrong() {
    let day = |seen: &[usize]| {
        [saw(0, 1, 5, like(A), V(1)), saw(1, 6, 30, like(B), V(1)), saw(2, 2, 20, List, list(seen))]
    };
    assert_wrong(&day(&[B]), 2);
    assert_fine(&day(&[A]));
    assert_fine(&day(&[A, B]));
    assert_fine(&day(&[]));
}

/// Each like by itself is linearizable, which is all that level `quorum` promises; together they are not.
#[test]
fn reads_of_one_like_mixed_with_a_list_can_be_wrong_though_each_like_is_fine() {
    let day = [
        saw(0, 1, 50, Raise { user: A, to: 1 }, Done),
        saw(1, 1, 50, Raise { user: B, to: 1 }, Done),
        saw(2, 2, 3, Version { user: A }, V(1)),
        saw(2, 4, 5, Version { user: B }, V(0)),
        saw(3, 2, 6, List, list(&[B])),
    ];
    assert_wrong(&day, 3);
    for user in [A, B] {
        assert_eq!(history(&day).of_user(user).check(STEPS_MAX), Verdict::Linearizable);
    }
    assert_fine(&day[..4]);
}

#[test]
fn replies_that_no_post_could_give_are_wrong() {
    assert_wrong(&[saw(0, 1, 2, like(A), V(2))], 1);
    assert_wrong(&[saw(0, 1, 2, unlike(A), V(1)), asked(1, 1, like(A))], 1);
    assert_wrong(&[saw(0, 1, 2, List, list(&[7]))], 1);
    assert_wrong(&[saw(0, 1, 2, Count, Counted(1))], 1);
    assert_wrong(
        &[asked(1, 1, Raise { user: A, to: u32::MAX - 1 }), saw(0, 1, 2, like(A), V(u32::MAX - 2))],
        1,
    );
    // There is no length after the largest.
    assert_wrong(
        &[saw(0, 1, 2, Raise { user: A, to: u32::MAX }, Done), saw(0, 3, 4, unlike(A), V(0))],
        2,
    );
}

#[test]
fn what_can_not_be_decided_in_so_many_steps_is_said_to_be_undecided() {
    let day = [
        saw(0, 1, 50, Raise { user: A, to: 1 }, Done),
        saw(1, 1, 50, Raise { user: B, to: 1 }, Done),
        saw(2, 2, 3, Count, Counted(1)),
        saw(2, 4, 5, List, list(&[B])),
    ];
    let day = history(&day);
    assert_eq!(day.check(0), Verdict::Undecided);
    assert_eq!(day.check(1), Verdict::Undecided);
    assert_eq!(day.check(100), Verdict::Linearizable);
}

#[test]
fn a_violation_shows_who_saw_what_and_when_until_nothing_explains_it() {
    let day = [
        saw(0, 1, 5, Raise { user: A, to: 1 }, Done),
        asked(1, 3, unlike(B)),
        asked(2, 3, List),
        saw(7, 6, 9, Count, Counted(0)),
        saw(7, 7, 20, like(B), V(1)),
        asked(8, 10, like(B)),
    ];
    let Verdict::Violated(violation) = history(&day).check(STEPS_MAX) else {
        panic!("{:?}", history(&day).check(STEPS_MAX))
    };
    let shown = "\
no order explains the replies of these 2 operations (`>` ended last):
  client 0           1 to 5         raise user 0 to 1    -> done
  client 1           3 to ...       unlike by user 1     -> (under way)
> client 7           6 to 9         count                -> 0
  client 7           7 to ...       like by user 1       -> (under way)
";
    assert_eq!(violation.to_string(), shown);
}

#[test]
fn whoever_mixes_up_operations_is_told() {
    let mixed_up = |then: fn(&mut History)| {
        let mut history = History::default();
        history.begin(0, Count, 5);
        std::panic::catch_unwind(move || then(&mut history)).is_err()
    };
    assert!(!mixed_up(|history| history.end(0, Counted(0), 5)));
    assert!(mixed_up(|history| history.end(1, Counted(0), 6)));
    assert!(mixed_up(|history| history.end(0, Counted(0), 4)));
    assert!(mixed_up(|history| history.end(0, Done, 6)));
    assert!(mixed_up(|history| {
        history.end(0, Counted(0), 6);
        history.end(0, Counted(0), 7);
    }));
}
