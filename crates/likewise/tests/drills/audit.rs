//! Compares all that a node holds, version by version, with what clients know.

use std::collections::BTreeMap;

use super::ask::get;
use super::holdings::{Held, held, lacking};
use super::nodes::Node;
use super::record::{POSTS, Record, post_of, until_equal};
use super::tally::Tally;

impl Tally {
    /// What was acknowledged before must be there now, and nothing beyond what was sent by now: for a node
    /// that is being written to.
    pub(crate) fn audit(&mut self, url: &str, before: &Record, now: impl FnOnce() -> Record) {
        let held = self.listed(url);
        self.judge(url, &held, before, &now());
    }

    /// Waits until all of `nodes` say that they hold the same, then audits each, its counts too.
    pub(crate) fn audit_all(&mut self, nodes: &[&Node], record: &Record) {
        until_equal(nodes);
        for node in nodes {
            let held = self.listed(&node.url);
            self.judge(&node.url, &held, record, record);
            self.judge_counts(&node.url, &held);
        }
    }

    /// All that a node holds. What it holds twice is told of.
    fn listed(&mut self, url: &str) -> Held {
        let (held, twice) = held(url);
        self.doubled.extend(twice.into_iter().map(|like| format!("{like}, listed twice at {url}")));
        held
    }

    fn judge(&mut self, url: &str, held: &Held, before: &Record, now: &Record) {
        self.lost.extend(lacking(held, before).into_iter().map(|like| format!("{like}, at {url}")));
        let ours = held.iter().filter(|(post, _)| post.starts_with("post-"));
        for (post, users) in ours {
            for (user, &version) in users {
                let number = user.strip_prefix("user-").and_then(|number| number.parse().ok());
                let known = number.and_then(|number: usize| {
                    let is_its = *post == format!("post-{}", post_of(number));
                    now.likes.get(&number).filter(|_| is_its)
                });
                let sent = known.map_or(0, |known| known.attempted);
                if version > sent {
                    let like = format!("{user} at {post} at {url}: {version} instead of {sent}");
                    self.doubled.push(like);
                }
            }
        }
    }

    /// The count of each post is that of the users who like it. For a node that nobody writes to.
    fn judge_counts(&mut self, url: &str, held: &Held) {
        for post in 0..POSTS {
            let post = format!("post-{post}");
            let count = get(&format!("{url}/v1/posts/{post}")).unwrap()["likes"].as_u64().unwrap();
            let likers = held.get(&post).into_iter().flat_map(BTreeMap::values);
            let listed = likers.filter(|&&version| version % 2 == 1).count() as u64;
            let difference = format!("{post} at {url}: counts {count}, holds {listed}");
            match count.cmp(&listed) {
                std::cmp::Ordering::Less => self.lost.push(difference),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => self.doubled.push(difference),
            }
        }
    }
}
