//! Exactly once, under toggles too: what `seen` is for.

use likewise_replica::limits::SEEN_AHEAD_MAX;
use likewise_replica::write::Refusal;
use likewise_state::length::Action;
use likewise_state::length::Action::{Like, Unlike};
use proptest::prelude::*;

use super::*;

fn length_of(bench: &mut Bench, request: u64) -> u32 {
    bench.persist_all();
    match bench.answers.remove(&request) {
        Some(Answer::Done(outcomes)) => outcomes[0].unwrap().length.value(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_late_duplicate_of_a_like_leaves_the_post_unliked() {
    let mut bench = Bench::new();
    let first = bench.like("ann", Like, Some(0));
    assert_eq!(length_of(&mut bench, first), 1);
    let unlike = bench.like("ann", Unlike, Some(1));
    assert_eq!(length_of(&mut bench, unlike), 2);
    let duplicate = bench.like("ann", Like, Some(0));
    assert_eq!(length_of(&mut bench, duplicate), 2);
    assert!(!bench.state.length(like("ann")).liked());
}

#[test]
fn a_node_that_missed_the_toggles_jumps_to_the_target() {
    let mut bench = Bench::new();
    let request = bench.like("ann", Unlike, Some(7));
    assert_eq!(length_of(&mut bench, request), 8);
}

#[test]
fn without_seen_plain_toggles_work() {
    let mut bench = Bench::new();
    for (action, length) in [(Like, 1), (Like, 1), (Unlike, 2), (Unlike, 2), (Like, 3)] {
        let request = bench.like("ann", action, None);
        assert_eq!(length_of(&mut bench, request), length);
    }
}

#[test]
fn to_unlike_what_was_never_liked_changes_nothing() {
    let mut bench = Bench::new();
    let request = bench.like("ann", Unlike, None);
    assert_eq!(length_of(&mut bench, request), 0);
    assert_eq!(bench.state.totals().posts, 0, "and makes no post");
}

#[test]
fn a_seen_too_far_ahead_is_refused_alone() {
    let mut bench = Bench::new();
    let mut writes = Writes::default();
    let seen = |n| CausalLength::new(n);
    writes.push(like("ann"), Like, seen(SEEN_AHEAD_MAX + 1));
    writes.push(like("bob"), Like, seen(SEEN_AHEAD_MAX));
    let request = bench.write(writes);
    bench.persist_all();
    let Some(Answer::Done(outcomes)) = bench.answers.remove(&request) else { panic!("no answer") };
    let refusal = outcomes[0].unwrap_err();
    assert_eq!(
        refusal,
        Refusal::SeenTooFar { seen: seen(1_001).unwrap(), held: CausalLength::UNTOUCHED }
    );
    assert!(refusal.to_string().contains("1001"));
    assert_eq!(outcomes[1].unwrap().length.value(), 1_001);
    assert_eq!(bench.length("ann"), 0);
}

/// One user's changes of mind, each sent with the version that the last answer gave, and each of those
/// requests repeated any number of times, at any later moment.
#[derive(Debug, Clone)]
struct Story {
    actions: Vec<bool>,
    repeats: Vec<(prop::sample::Index, prop::sample::Index)>,
}

fn any_story() -> impl Strategy<Value = Story> {
    let index = any::<prop::sample::Index>;
    let repeats = prop::collection::vec((index(), index()), 0..30);
    (prop::collection::vec(any::<bool>(), 1..15), repeats)
        .prop_map(|(actions, repeats)| Story { actions, repeats })
}

proptest! {
    #[test]
    fn whatever_is_repeated_the_last_wish_stands(story in any_story()) {
        let mut bench = Bench::new();
        let mut version = 0;
        let mut sent: Vec<(Action, u32)> = Vec::new();
        for (step, &liked) in story.actions.iter().enumerate() {
            let action = if liked { Like } else { Unlike };
            sent.push((action, version));
            let request = bench.like("ann", action, Some(version));
            version = length_of(&mut bench, request);
            for (when, which) in &story.repeats {
                if when.index(story.actions.len()) == step {
                    let (action, seen) = *which.get(&sent);
                    let repeat = bench.like("ann", action, Some(seen));
                    prop_assert_eq!(length_of(&mut bench, repeat), version);
                }
            }
            prop_assert_eq!(version % 2 == 1, liked);
        }
        let likes = bench.state.count(like("ann").post, like("ann").kind);
        prop_assert_eq!(likes, u64::from(version % 2 == 1));
    }
}
