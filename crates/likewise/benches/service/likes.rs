//! The likes that are written: which user likes which post, the same in each run.

use std::collections::HashSet;

/// A like by its numbers; the ids are `post-123456` and `user-123456`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Like {
    pub(crate) post: u32,
    pub(crate) user: u32,
}

/// Users of the shapes where each likes several posts.
const USERS: u32 = 300_000;

/// The numbers of splitmix64: by Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (self.next() % u64::from(bound)) as u32
    }

    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One post that `likes` users like.
pub(crate) fn one_post(likes: u32) -> Vec<Like> {
    shuffled((0..likes).map(|user| Like { post: 0, user }).collect())
}

/// `posts` posts with `each` likes by users who like several.
pub(crate) fn even(posts: u32, each: u32) -> Vec<Like> {
    let mut random = Random::new(1);
    let mut likes = HashSet::new();
    for post in 0..posts {
        let wanted = likes.len() + each as usize;
        while likes.len() < wanted {
            likes.insert(Like { post, user: random.below(USERS) });
        }
    }
    shuffled(likes.into_iter().collect())
}

/// `draws` draws of a post by Zipf's law with exponent 1.1, and of any user; without repetitions.
pub(crate) fn zipf(draws: u32, posts: u32) -> Vec<Like> {
    let mut sum = 0.0;
    let weights = (1..=posts).map(|rank| f64::from(rank).powf(-1.1));
    let cumulative: Vec<f64> = weights
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    let mut random = Random::new(2);
    let mut likes = HashSet::new();
    for _ in 0..draws {
        let at = random.share() * sum;
        let post = cumulative.partition_point(|&until| until <= at) as u32;
        likes.insert(Like { post, user: random.below(USERS) });
    }
    shuffled(likes.into_iter().collect())
}

/// An order of its own, the same in each run although it comes from a hash set.
fn shuffled(mut likes: Vec<Like>) -> Vec<Like> {
    let key = |like: &Like| Random::new(u64::from(like.post) << 32 | u64::from(like.user)).next();
    likes.sort_unstable_by_key(key);
    likes
}
