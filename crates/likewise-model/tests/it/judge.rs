//! The judge itself: what it must accept, and what it must not.

use likewise_model::history::History;
use likewise_model::post::Op::{Join, List, Set};
use likewise_model::post::User::{A, B};
use likewise_model::post::{Answer, Post};

const ONLY_B: Answer = Answer::Users(0b010);
const NOBODY: Answer = Answer::Users(0);

/// The first call is over before the second begins; a list runs beside both.
fn a_list_beside_two_likes(listed: Answer) -> History {
    let mut history = History::new(3);
    history.call(2, 1, List);
    history.call(0, 0, Join(A, 1));
    history.shows(0);
    history.answer(0, Answer::Done);
    history.call(1, 0, Join(B, 1));
    history.shows(1);
    history.answer(2, listed);
    history
}

#[test]
fn the_later_of_two_likes_is_not_seen_alone() {
    assert!(a_list_beside_two_likes(NOBODY).is_linearizable(Post::default()));
    assert!(!a_list_beside_two_likes(ONLY_B).is_linearizable(Post::default()));
}

#[test]
fn what_was_over_before_a_list_began_is_in_it() {
    for (first, fine) in [(0, false), (1, true)] {
        let mut history = History::new(2);
        for place in [first, 1 - first] {
            match place {
                0 => history.call(0, 0, Join(A, 1)),
                _ => history.call(1, 1, List),
            }
            history.shows(place);
            history.answer(place, if place == 0 { Answer::Done } else { NOBODY });
        }
        assert_eq!(history.is_linearizable(Post::default()), fine);
    }
}

/// A like without `seen` that has not chosen its target is no excuse for a list that shows it.
#[test]
fn what_has_written_nothing_is_seen_by_nobody() {
    for shows in [false, true] {
        let mut history = History::new(2);
        history.call(0, 0, Set(B, true));
        if shows {
            history.shows(0);
        }
        history.call(1, 1, List);
        history.answer(1, ONLY_B);
        assert_eq!(history.is_linearizable(Post::default()), shows);
    }
}

#[test]
fn a_request_toggles_once() {
    let told = |version| {
        let mut history = History::new(1);
        history.call(0, 0, Set(A, true));
        history.shows(0);
        history.answer(0, Answer::Version(version));
        history.is_linearizable(Post::default())
    };
    assert!(told(1));
    assert!(!told(3));
}
