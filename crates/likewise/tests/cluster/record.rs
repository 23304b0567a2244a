//! What clients know of the likes that they sent, and whether a cluster holds exactly that.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{PATIENCE, check, get, until};
use super::nodes::Node;

/// Posts that the likes are spread over.
pub(crate) const POSTS: usize = 13;

/// Causal lengths of one like: that to which a request was acknowledged, and the highest that one aimed
/// at. A request that was not acknowledged may have been done, or may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) acknowledged: u32,
    pub(crate) attempted: u32,
}

impl Lengths {
    /// Whether the user may be in the list of the post, and whether it may be missing there.
    const fn allows(self, listed: bool) -> bool {
        self.attempted > self.acknowledged || listed == (self.acknowledged % 2 == 1)
    }
}

/// What is known of each like, by the number of its user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) likes: BTreeMap<usize, Lengths>,
}

/// The post that a user likes. Each likes one.
pub(crate) fn post_of(user: usize) -> usize {
    user % POSTS
}

impl Record {
    /// A request that aims at `length` is about to be sent.
    pub(crate) fn attempted(&mut self, user: usize, length: u32) {
        let known = self.likes.entry(user).or_default();
        known.attempted = known.attempted.max(length);
    }

    /// It was acknowledged.
    pub(crate) fn acknowledged(&mut self, user: usize, length: u32) {
        let known = self.likes.entry(user).or_default();
        known.attempted = known.attempted.max(length);
        known.acknowledged = known.acknowledged.max(length);
    }

    /// Adds what other clients know.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (&user, lengths) in &other.likes {
            let known = self.likes.entry(user).or_default();
            known.attempted = known.attempted.max(lengths.attempted);
            known.acknowledged = known.acknowledged.max(lengths.acknowledged);
        }
    }

    /// How many likes have an acknowledgement of the last request that was sent for them.
    pub(crate) fn certain(&self) -> usize {
        self.likes.values().filter(|known| known.acknowledged == known.attempted).count()
    }

    /// Waits until all of `nodes` say that they hold the same, then asks each for everything: all that was
    /// acknowledged, once, and nothing that nobody sent.
    pub(crate) fn assert_exactly(&self, nodes: &[&Node]) {
        let uncertain = self.likes.len() - self.certain();
        eprintln!("{} likes, {uncertain} of them without an answer", self.likes.len());
        assert!(self.certain() > uncertain, "too few acknowledgements to show anything");
        until_equal(nodes);
        let held: Vec<_> = nodes.iter().map(|node| self.held_by(&node.url)).collect();
        for (node, held_there) in nodes.iter().zip(&held) {
            assert_eq!(held_there, &held[0], "{} and {}", node.setup.name, nodes[0].setup.name);
        }
    }

    /// Checks what a node holds now, and answers with it.
    pub(crate) fn held_by(&self, url: &str) -> BTreeSet<usize> {
        let mut held = BTreeSet::new();
        for post in 0..POSTS {
            let listed = users(url, post);
            let count = get(&format!("{url}/v1/posts/post-{post}")).unwrap()["likes"].clone();
            assert_eq!(count, listed.len(), "post-{post} at {url}: its count and its list");
            held.extend(listed);
        }
        for user in &held {
            assert!(self.likes.contains_key(user), "nobody sent a like of user-{user}, see {url}");
        }
        let wrong: Vec<_> = self
            .likes
            .iter()
            .filter(|(user, known)| !known.allows(held.contains(user)))
            .map(|(user, known)| format!("user-{user} {known:?}"))
            .collect();
        let shown = &wrong[..wrong.len().min(10)];
        assert!(wrong.is_empty(), "{} likes are wrong at {url}, as {shown:?}", wrong.len());
        held
    }
}

/// Waits until all nodes show the same digest, and know it of each other.
pub(crate) fn until_equal(nodes: &[&Node]) {
    until("all nodes are equal", PATIENCE, || {
        let views: Vec<_> = nodes.iter().map(|node| node.view()).collect::<Result<_, _>>()?;
        let same = views.iter().all(|view| view.equal && view.digest == views[0].digest);
        check(same, || format!("{views:#?}"))
    });
}

/// Users of a post by the pages of its list.
fn users(url: &str, post: usize) -> BTreeSet<usize> {
    let mut users = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = get(&format!("{url}/v1/posts/post-{post}/likes?limit=1000{cursor}")).unwrap();
        for user in page["users"].as_array().unwrap() {
            let user = user.as_str().unwrap().strip_prefix("user-").unwrap().parse().unwrap();
            assert!(users.insert(user), "user-{user} is listed twice");
            assert_eq!(post_of(user), post, "user-{user} is listed at another post");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return users,
        }
    }
}
