//! The shared state: readers of all kinds beside writers.

use std::sync::Arc;

use likewise_schedules::thread;
use likewise_state::chunk::ChunkLoader;
use likewise_state::id::Kind;
use likewise_state::state::{PostSummary, State, Totals};

use crate::{exhaust, explore, length, post, raise_to, state};

/// Posts of the first two slots, so that a walk over all slots meets them while others still write.
const P: &str = "post-783";
const Q: &str = "post-517";

/// Users of one shard of the dictionary, under the keys of the tests: whoever writes one of them may have
/// to wait for whoever reads another.
const ANN: &str = "user-64";
const BOB: &str = "user-77";
const CID: &str = "user-114";
const DAN: &str = "user-136";

/// What happens to one post: three likes, one taken back, one given again, and a fourth that makes the
/// post change its representation.
const HISTORY: [(&str, u32); 6] = [(ANN, 1), (BOB, 1), (ANN, 2), (CID, 1), (ANN, 3), (DAN, 1)];

/// What a reader may find: the post after each step of the history.
fn moments() -> Vec<(PostSummary, Vec<String>)> {
    let state = state();
    let mut moments = vec![look(&state)];
    for (user, length) in HISTORY {
        assert!(raise_to(&state, P, user, length));
        moments.push(look(&state));
    }
    moments
}

fn look(state: &State) -> (PostSummary, Vec<String>) {
    (state.post(post(P), Kind::LIKE), likers(state))
}

fn likers(state: &State) -> Vec<String> {
    state.likers(post(P), Kind::LIKE, None, 10)
}

/// What must hold once nobody writes: counts and digests are those of the entries, made anew.
fn assert_sums_agree(state: &State) {
    let copy = crate::state();
    let mut likes = 0;
    let mut users = std::collections::BTreeSet::new();
    let mut posts = std::collections::BTreeSet::new();
    for slot in 0..likewise_state::slot::SLOTS {
        for (post, _, user, length) in state.entries(slot) {
            raise_to(&copy, &post, &user, length.value());
            likes += u64::from(length.liked());
            users.insert(user);
            posts.insert(post);
        }
    }
    let totals = Totals { posts: posts.len() as u64, likes, users: users.len() as u64 };
    assert_eq!(state.totals(), totals);
    assert_eq!(state.root_digest(), copy.root_digest());
    for id in &posts {
        let (found, made) = (post(id), post(id));
        assert_eq!(state.post(found, Kind::LIKE), copy.post(made, Kind::LIKE));
    }
}

#[test]
fn a_summary_is_of_one_moment_in_every_order_of_a_write_and_two_reads() {
    exhaust(|| {
        let moments = moments();
        let state = Arc::new(state());
        for (user, length) in &HISTORY[..5] {
            raise_to(&state, P, user, *length);
        }
        let writer = {
            let state = state.clone();
            thread::spawn(move || raise_to(&state, P, HISTORY[5].0, HISTORY[5].1))
        };
        let found = [0; 2].map(|_| {
            let summary = state.post(post(P), Kind::LIKE);
            let moment = moments.iter().position(|(moment, _)| *moment == summary);
            moment.expect("count and digest are of one moment")
        });
        assert!(found[0] >= 5 && found[1] >= found[0], "back from {} to {}", found[0], found[1]);
        assert!(writer.join().unwrap());
    });
}

#[test]
fn a_user_gets_one_number_from_two_first_likes() {
    explore(4_000, || {
        let state = Arc::new(state());
        let other = {
            let state = state.clone();
            thread::spawn(move || raise_to(&state, P, ANN, 1))
        };
        assert!(raise_to(&state, Q, ANN, 1));
        assert!(other.join().unwrap());
        // With two numbers, one of the likes would be of a user that nobody finds.
        assert_eq!((length(&state, P, ANN), length(&state, Q, ANN)), (1, 1));
    });
}

#[test]
fn readers_of_all_kinds_meet_the_moments_in_their_order() {
    explore(1_000, || {
        let moments = Arc::new(moments());
        let state = Arc::new(state());
        let writer = {
            let state = state.clone();
            thread::spawn(move || {
                HISTORY.iter().all(|&(user, length)| raise_to(&state, P, user, length))
            })
        };
        let pages = {
            let (state, moments) = (state.clone(), moments.clone());
            thread::spawn(move || {
                in_order(|| moments.iter().position(|(_, page)| *page == likers(&state)));
            })
        };
        let lengths = {
            let state = state.clone();
            thread::spawn(move || in_order(|| Some(length(&state, P, ANN) as usize)))
        };
        in_order(|| {
            let summary = state.post(post(P), Kind::LIKE);
            moments.iter().position(|(moment, _)| *moment == summary)
        });
        assert!(writer.join().unwrap());
        pages.join().unwrap();
        lengths.join().unwrap();
        assert_sums_agree(&state);
    });
}

/// Reads again and again: what is found is a moment of the history, and none comes before an earlier one.
fn in_order(mut read: impl FnMut() -> Option<usize>) {
    let mut last = 0;
    for _ in 0..4 {
        let moment = read().expect("what is read was so at one moment");
        assert!(moment >= last, "from moment {last} back to {moment}");
        last = moment;
    }
}

#[test]
fn writers_that_repeat_each_other_leave_true_sums() {
    explore(1_000, || {
        let state = Arc::new(state());
        let writes = [
            [(P, ANN, 1), (Q, BOB, 1), (P, ANN, 2), (P, CID, 1)],
            [(Q, BOB, 1), (P, ANN, 3), (P, CID, 2), (P, ANN, 1)],
        ];
        let writers = writes.map(|writes| {
            let state = state.clone();
            thread::spawn(move || {
                for (post, user, length) in writes {
                    raise_to(&state, post, user, length);
                }
            })
        });
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(state.totals(), Totals { posts: 2, likes: 2, users: 3 });
        let lengths = [(P, ANN), (P, CID), (Q, BOB)].map(|(post, user)| length(&state, post, user));
        assert_eq!(lengths, [3, 2, 1]);
        assert_sums_agree(&state);
    });
}

#[test]
fn a_snapshot_holds_all_that_was_there_when_it_began_and_nothing_that_never_was() {
    explore(400, || {
        let state = Arc::new(state());
        let writer = {
            let state = state.clone();
            thread::spawn(move || {
                for (user, length) in HISTORY {
                    raise_to(&state, P, user, length);
                    raise_to(&state, Q, user, length);
                }
            })
        };
        let users = [ANN, BOB, CID, DAN];
        let lengths =
            |state: &State| [P, Q].map(|post| users.map(|user| length(state, post, user)));
        let before = lengths(&state);
        let chunks: Vec<Vec<u8>> = state.chunks().collect();
        let after = lengths(&state);
        let (copy, mut loader) = (crate::state(), ChunkLoader::default());
        for chunk in chunks {
            loader.load(&copy, &chunk).unwrap();
        }
        let found = lengths(&copy);
        let between = |post: usize, user: usize| {
            (before[post][user]..=after[post][user]).contains(&found[post][user])
        };
        let all = (0..2).all(|post| (0..users.len()).all(|user| between(post, user)));
        assert!(all, "{found:?} is not between {before:?} and {after:?}");
        assert_sums_agree(&copy);
        writer.join().unwrap();
        assert_sums_agree(&state);
        assert_eq!(
            (state.entries_in(0), state.entries_in(1)),
            (4, 4),
            "the posts are of other slots"
        );
    });
}

#[test]
fn loading_writing_and_looking_at_everything_never_wait_for_each_other_in_a_ring() {
    explore(300, || {
        let source = state();
        assert!(HISTORY.iter().all(|&(user, length)| raise_to(&source, P, user, length)));
        let chunks: Vec<Vec<u8>> = source.chunks().collect();
        let state = Arc::new(state());
        let spawn = |run: fn(&State, &[Vec<u8>])| {
            let (state, chunks) = (state.clone(), chunks.clone());
            thread::spawn(move || run(&state, &chunks))
        };
        let threads = [
            spawn(|state, chunks| {
                let mut loader = ChunkLoader::default();
                for chunk in chunks {
                    loader.load_telling(state, chunk, |_, _| {}).unwrap();
                }
            }),
            spawn(|state, _| {
                for (user, length) in HISTORY {
                    raise_to(state, P, user, length);
                    raise_to(state, Q, user, length);
                }
            }),
            spawn(|state, _| drop((0..3).map(|_| likers(state)).collect::<Vec<_>>())),
            spawn(|state, _| drop(state.chunks().collect::<Vec<_>>())),
            spawn(|state, _| drop((state.totals(), state.top(Kind::LIKE, 5)))),
        ];
        for thread in threads {
            thread.join().unwrap();
        }
        assert_sums_agree(&state);
    });
}
