//! All that a node holds, version by version.

use std::collections::BTreeMap;

use likewise_replica::limits::SEEN_AHEAD_MAX;
use serde_json::Value;

use super::ask::fetch;
use super::record::{Lengths, Record, post_of};

/// The version of each user of each post.
pub(crate) type Held = BTreeMap<String, BTreeMap<String, u32>>;

/// All that the node at `url` holds, and what it holds twice.
pub(crate) fn held(url: &str) -> (Held, Vec<String>) {
    let (status, lines) = fetch(&format!("{url}/v1/export")).unwrap();
    assert_eq!(status, 200, "{lines}");
    let (mut held, mut twice) = (Held::new(), Vec::new());
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let (post, user) = (text("post"), text("user"));
        let version = u32::try_from(line["seen"].as_u64().unwrap()).unwrap();
        let name = format!("{user} at {post}");
        // A long way takes a line for each step that a node takes at once, and only then comes the end.
        let is_step = |before: u32| before.is_multiple_of(SEEN_AHEAD_MAX) && before < version;
        let before = held.entry(post).or_default().insert(user, version);
        if before.is_some_and(|before| !is_step(before)) {
            twice.push(name);
        }
    }
    (held, twice)
}

/// What of all that was acknowledged a node does not hold.
pub(crate) fn lacking(held: &Held, record: &Record) -> Vec<String> {
    let lacks = |&(&user, known): &(&usize, &Lengths)| version(held, user) < known.acknowledged;
    let of = |(user, known): (&usize, &Lengths)| {
        format!("user-{user}: {} instead of {}", version(held, *user), known.acknowledged)
    };
    record.likes.iter().filter(lacks).map(of).collect()
}

fn version(held: &Held, user: usize) -> u32 {
    let users = held.get(&format!("post-{}", post_of(user)));
    users.and_then(|users| users.get(&format!("user-{user}"))).copied().unwrap_or(0)
}
