//! The compact state is a map from like to length: whatever is done to both, both answer the same.

use std::collections::BTreeMap;

use likewise_state::chunk::{CHUNK_BYTES_MAX, ChunkLoader};
use likewise_state::delta::Delta;
use likewise_state::id::{Kind, Like, PostId};
use likewise_state::length::CausalLength;
use likewise_state::slot::SLOTS;
use likewise_state::state::{Keys, State};
use proptest::prelude::*;
use proptest::sample::Index;

type Model = BTreeMap<(String, String, String), u32>;

const KINDS: [&str; 2] = ["like", "heart"];

fn state() -> State {
    State::new(Keys::for_tests())
}

fn raise(state: &State, model: &mut Model, post: u32, kind: &str, user: u32, length: u32) {
    let (post, user) = (format!("post-{post}"), format!("user-{user}"));
    let like = Like::new(&post, kind, &user).unwrap();
    let raised = state.raise(like, |_| CausalLength::new(length));
    let held = model.entry((post.clone(), kind.to_owned(), user.clone())).or_default();
    assert_eq!(raised.before.value(), *held);
    *held = (*held).max(length);
    assert_eq!(raised.after.value(), *held);
    assert_eq!(raised.likes, count(model, &post, kind));
}

fn like_post_1(state: &State, user: u32) {
    let user = format!("user-{user}");
    let raised = state.raise(Like::new("post-1", "like", &user).unwrap(), |_| CausalLength::new(1));
    assert!(raised.changed());
}

fn count(model: &Model, post: &str, kind: &str) -> u64 {
    let odd = model.iter().filter(|((p, k, _), n)| p == post && k == kind && *n % 2 == 1);
    odd.count() as u64
}

fn entries(state: &State) -> Model {
    let all = (0..SLOTS).flat_map(|slot| state.entries(slot));
    all.map(|(post, kind, user, length)| ((post, kind, user), length.value())).collect()
}

fn check(state: &State, model: &Model) {
    assert_eq!(&entries(state), model);
    let odd = model.values().filter(|&&n| n % 2 == 1).count() as u64;
    assert_eq!(state.totals().likes, odd);
    let mut posts: Vec<(&str, &str)> =
        model.keys().map(|(post, kind, _)| (post.as_str(), kind.as_str())).collect();
    posts.dedup();
    assert_eq!(state.totals().posts, posts.len() as u64);
    for &(post, kind) in &posts {
        let liked = model.iter().filter(|((p, k, _), n)| p == post && k == kind && *n % 2 == 1);
        let mut users: Vec<&str> = liked.map(|((_, _, user), _)| user.as_str()).collect();
        users.sort_unstable();
        let (id, kind) = (PostId::new(post).unwrap(), Kind::new(kind).unwrap());
        assert_eq!(state.likers(id, kind, None, usize::MAX), users);
        assert_eq!(state.count(id, kind), users.len() as u64);
        assert_eq!(state.post(id, kind).likes, users.len() as u64);
    }
    for kind in KINDS {
        let mut top: Vec<(String, u64)> = posts
            .iter()
            .filter(|post| post.1 == kind)
            .map(|&(post, kind)| (post.to_owned(), count(model, post, kind)))
            .filter(|&(_, count)| count > 0)
            .collect();
        top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(3);
        assert_eq!(state.top(Kind::new(kind).unwrap(), 3), top);
    }
}

fn loaded(chunks: impl Iterator<Item = Vec<u8>>) -> State {
    let state = state();
    let mut loader = ChunkLoader::default();
    for chunk in chunks {
        assert!(chunk.len() <= CHUNK_BYTES_MAX);
        assert!(loader.load(&state, &chunk).unwrap() > 0);
    }
    state
}

proptest! {
    #[test]
    fn the_state_equals_a_map(
        steps in prop::collection::vec((0..4u32, 0..2usize, 0..12u32, 1..6u32), 0..120)
    ) {
        let (state, mut model) = (state(), Model::new());
        for (post, kind, user, length) in steps {
            raise(&state, &mut model, post, KINDS[kind], user, length);
        }
        check(&state, &model);
    }

    #[test]
    fn order_and_repetition_of_deltas_do_not_matter(
        steps in prop::collection::vec((0..3u32, 0..2usize, 0..6u32, 1..5u32), 1..40),
        order in prop::collection::vec(any::<Index>(), 1..80),
    ) {
        let (in_order, mut model) = (state(), Model::new());
        let deltas: Vec<Delta> = steps.iter().map(|&(post, kind, user, length)| {
            raise(&in_order, &mut model, post, KINDS[kind], user, length);
            let (post, user) = (format!("post-{post}"), format!("user-{user}"));
            let mut delta = Delta::default();
            let like = Like::new(&post, KINDS[kind], &user).unwrap();
            delta.push(like, CausalLength::new(length).unwrap());
            delta
        }).collect();
        let shuffled = state();
        for index in order {
            shuffled.merge_delta(index.get(&deltas));
        }
        for delta in deltas.iter().rev() {
            shuffled.merge_delta(delta);
        }
        check(&shuffled, &model);
        prop_assert_eq!(shuffled.root_digest(), in_order.root_digest());
        for slot in 0..SLOTS {
            prop_assert_eq!(shuffled.slot_digest(slot), in_order.slot_digest(slot));
        }
    }

    #[test]
    fn a_delta_comes_back_from_its_bytes(
        steps in prop::collection::vec((0..3u32, 0..2usize, ".{1,20}", 1..100_000u32), 0..40)
    ) {
        let mut delta = Delta::default();
        for (post, kind, user, length) in &steps {
            let post = format!("post-{post}");
            let like = Like::new(&post, KINDS[*kind], user).unwrap();
            delta.push(like, CausalLength::new(*length).unwrap());
        }
        let read = Delta::decode(delta.as_bytes().to_vec()).unwrap();
        prop_assert_eq!(read.len(), delta.len());
        prop_assert!(read.entries().eq(delta.entries()));
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read_and_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        let _ = Delta::decode(bytes.clone());
        let _ = ChunkLoader::default().load(&state(), &bytes);
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if let Ok(delta) = Delta::decode(bytes.clone()) {
            prop_assert_eq!(delta.entries().count(), delta.len());
        }
        let _ = ChunkLoader::default().load(&state(), &bytes);
    }
}

/// A post grows through every representation and back, with toggles on the way.
#[test]
fn a_post_of_five_thousand_users_equals_the_map_at_each_representation() {
    let (state, mut model) = (state(), Model::new());
    for user in 0..5_000 {
        // Numbers in an order that is neither that of the ids nor that of arrival.
        raise(&state, &mut model, 1, "like", user * 7_919 % 5_000, 1);
        if [3, 4, 1_024, 1_025, 4_096].contains(&(user + 1)) {
            check(&state, &model);
        }
    }
    for user in 0..4_990 {
        raise(&state, &mut model, 1, "like", user, 2 + user % 2);
    }
    check(&state, &model);
    let copy = loaded(state.chunks());
    check(&copy, &model);
    assert_eq!(copy.root_digest(), state.root_digest());
}

#[test]
fn a_post_digest_tells_states_apart_whatever_their_representation() {
    let post = PostId::new("post-1").unwrap();
    let (one, other) = (state(), state());
    for user in 0..2_000 {
        let digests = (one.post(post, Kind::LIKE).digest, other.post(post, Kind::LIKE).digest);
        assert_eq!(digests.0, digests.1, "before user {user}");
        like_post_1(&one, user);
        assert_ne!(one.post(post, Kind::LIKE).digest, other.post(post, Kind::LIKE).digest);
        like_post_1(&other, user);
    }
    let digest = one.post(post, Kind::LIKE).digest;
    assert_eq!(one.tag(digest), other.tag(other.post(post, Kind::LIKE).digest));
}

#[test]
fn pages_of_likers_have_no_gap_and_no_repeat() {
    let state = state();
    for user in 0..2_500 {
        like_post_1(&state, user);
    }
    let post = PostId::new("post-1").unwrap();
    let all = state.likers(post, Kind::LIKE, None, usize::MAX);
    let mut paged: Vec<String> = Vec::new();
    loop {
        let after = paged.last().cloned();
        let page = state.likers(post, Kind::LIKE, after.as_deref(), 999);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

#[test]
fn a_chunk_never_outgrows_its_bound_even_with_the_longest_ids() {
    let state = state();
    let post = "p".repeat(512);
    for user in 0..3_000 {
        let user = format!("{user:0>512}");
        let like = Like::new(&post, "like", &user).unwrap();
        let _ = state.raise(like, |_| CausalLength::new(CausalLength::MAX.value()));
    }
    let copy = loaded(state.chunks());
    assert_eq!(copy.root_digest(), state.root_digest());
}
