//! What must be true, kept beside the run by somebody who sees everything.
//!
//! A like is known here by its post and its user, as numbers. For each there is what clients have asked for
//! (nobody may hold more), what they have been told (somebody must hold as much in the end), and what each
//! disk has been made to keep (it must be there after a crash).

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use likewise_state::digest::{Digest, DigestKey};
use likewise_state::id::{Kind, Like, PostId};
use likewise_state::state::{Keys, State, TableKey};

use crate::chance::Fnv;

/// The kind of all likes here.
pub(crate) const KIND: &str = "like";

/// The key of digests, the same on all nodes.
pub(crate) const DIGEST_KEY: DigestKey = DigestKey::new(*b"a simulated key.");

/// A post and a user.
pub(crate) type Key = (usize, usize);

/// Lengths of some likes.
pub(crate) type Lengths = BTreeMap<Key, u32>;

/// What is wrong, in a sentence.
pub(crate) type Wrong = String;

pub(crate) struct Model {
    posts: Vec<String>,
    users: Vec<String>,
    by_name: BTreeMap<String, usize>,
    /// The slots of the posts, the same on all nodes: the others hold nothing.
    slots: Vec<usize>,
    /// The greatest length that what clients asked for can have led to.
    asked: Lengths,
    /// How many of those came after whatever there was, where voters were asked.
    sets: Lengths,
    /// What clients were told that it is done, as far as it has not been lost with its disk.
    told: Lengths,
    /// What each machine's disk keeps for sure.
    kept: Vec<Lengths>,
    /// What each machine was last seen to hold, in its present life.
    held: Vec<Lengths>,
    /// The entries that belong to each digest that was ever seen.
    digests: BTreeMap<u128, u64>,
    /// Likes that clients were told of.
    pub(crate) acknowledged: u64,
}

impl Model {
    pub(crate) fn new(posts: usize, users: usize, padding: usize) -> Self {
        let padding = "-".repeat(padding);
        let names = |what: &str, count| -> Vec<String> {
            (0..count).map(|number| format!("{what}{padding}{number}")).collect()
        };
        let (posts, users) = (names("post-", posts), names("user-", users));
        let state = State::new(Keys { digest: DIGEST_KEY, table: TableKey::new([0; 16]) });
        let slot = |post: &String| state.slot(PostId::new(post).expect("it is an id"));
        let slots: BTreeSet<usize> = posts.iter().map(slot).collect();
        let numbered = posts.iter().enumerate().chain(users.iter().enumerate());
        Self {
            by_name: numbered.map(|(number, name)| (name.clone(), number)).collect(),
            slots: slots.into_iter().collect(),
            posts,
            users,
            asked: Lengths::new(),
            sets: Lengths::new(),
            told: Lengths::new(),
            kept: Vec::new(),
            held: Vec::new(),
            digests: BTreeMap::new(),
            acknowledged: 0,
        }
    }

    pub(crate) fn add_machine(&mut self) {
        self.kept.push(Lengths::new());
        self.held.push(Lengths::new());
    }

    pub(crate) fn like(&self, (post, user): Key) -> Like<'_> {
        Like::new(&self.posts[post], KIND, &self.users[user]).expect("these are ids")
    }

    pub(crate) fn key(&self, like: Like<'_>) -> Key {
        (self.by_name[like.post.as_str()], self.by_name[like.user.as_str()])
    }

    /// A client asks for a length: no more than this may come of it.
    pub(crate) fn asked(&mut self, key: Key, length: u32) {
        let known = self.asked.entry(key).or_default();
        *known = length.max(*known);
    }

    /// A client asks for whatever comes after what the node holds: one more may come of each such request.
    pub(crate) fn asked_for_one_more(&mut self, key: Key) {
        *self.asked.entry(key).or_default() += 1;
    }

    /// A client asks voters for a length, or for whatever comes next: each of these may come on top.
    pub(crate) fn voted(&mut self, key: Key, length: Option<u32>) {
        let sets = self.sets.entry(key).or_default();
        match length {
            Some(length) => {
                let asked = length + *sets;
                self.asked(key, asked);
            }
            None => {
                *sets += 1;
                self.asked_for_one_more(key);
            }
        }
    }

    /// The number of a user.
    pub(crate) fn user(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A client has been told that a like has this length. Where the disk is to keep what was told, it must
    /// do so already.
    pub(crate) fn told(
        &mut self,
        machine: usize,
        key: Key,
        length: u32,
        is_durable: bool,
    ) -> Result<(), Wrong> {
        self.acknowledged += 1;
        let kept = self.kept[machine].get(&key).copied().unwrap_or(0);
        if is_durable && kept < length {
            return Err(format!(
                "{key:?} was acknowledged at {length} while the disk keeps only {kept}"
            ));
        }
        raise(&mut self.told, key, length);
        Ok(())
    }

    /// A peer has been told that these are durable.
    pub(crate) fn check_kept(&self, machine: usize, lengths: &Lengths) -> Result<(), Wrong> {
        let kept = &self.kept[machine];
        let is_kept = |(key, length): &(&Key, &u32)| kept.get(key) >= Some(length);
        match lengths.iter().find(|entry| !is_kept(entry)) {
            Some((key, length)) => Err(format!(
                "a peer was told that {key:?} is durable at {length}, the disk keeps {:?}",
                kept.get(key)
            )),
            None => Ok(()),
        }
    }

    /// The disk of a machine keeps this from now on.
    pub(crate) fn keeps(&mut self, machine: usize, lengths: &Lengths) {
        lengths.iter().for_each(|(&key, &length)| raise(&mut self.kept[machine], key, length));
    }

    /// A machine has started and found this.
    pub(crate) fn recovered(
        &mut self,
        machine: usize,
        state: &State,
        is_kept: bool,
    ) -> Result<(), Wrong> {
        let found = self.entries(state)?;
        let missing =
            self.kept[machine].iter().find(|&(key, length)| found.get(key) < Some(length));
        if let Some((key, length)) = missing {
            return Err(format!(
                "{key:?} was durable at {length}, after the start there is {:?}",
                found.get(key)
            ));
        }
        // What is there may be acknowledged again without a further write, so it must stay.
        self.kept[machine] = if is_kept { found.clone() } else { Lengths::new() };
        self.held[machine] = found;
        Ok(())
    }

    /// A disk has gone back to what is on this image, or to nothing. What nobody else keeps for sure is
    /// lost, and no promise was broken. `others` is what other nodes hold, as far as it counts.
    pub(crate) fn lost(
        &mut self,
        machine: usize,
        image: Option<&State>,
        others: &[&State],
    ) -> Option<Key> {
        self.kept[machine] = image.map_or_else(Lengths::new, |state| self.entries_or_none(state));
        self.lost_what_nobody_keeps(others)
    }

    /// What nobody keeps for sure is lost: the power went, or the only memory.
    /// Answers with one of those that were.
    pub(crate) fn lost_what_nobody_keeps(&mut self, others: &[&State]) -> Option<Key> {
        let mut lost = None;
        let mut somewhere = Lengths::new();
        let memories: Vec<Lengths> =
            others.iter().map(|state| self.entries_or_none(state)).collect();
        for (&key, &length) in self.kept.iter().chain(&memories).flatten() {
            raise(&mut somewhere, key, length);
        }
        for (key, length) in &mut self.told {
            let kept = somewhere.get(key).copied().unwrap_or(0);
            if kept < *length {
                *length = kept;
                lost = Some(*key);
            }
        }
        self.told.retain(|_, length| *length > 0);
        lost
    }

    /// Looks at all that a machine holds: nothing that nobody asked for, nothing less than before, each
    /// count as many as the set has, each digest of the same entries as ever.
    pub(crate) fn look(&mut self, machine: usize, state: &State) -> Result<(), Wrong> {
        let found = self.entries(state)?;
        let ahead = found.iter().find(|&(key, length)| self.asked.get(key) < Some(length));
        if let Some((key, length)) = ahead {
            let asked = self.asked.get(key);
            return Err(format!("{key:?} is at {length}, clients asked for {asked:?} at most"));
        }
        let back = self.held[machine].iter().find(|&(key, length)| found.get(key) < Some(length));
        if let Some((key, length)) = back {
            return Err(format!("{key:?} went back from {length} to {:?}", found.get(key)));
        }
        for (post, name) in self.posts.iter().enumerate() {
            let of_post = found.range((post, 0)..(post + 1, 0));
            let liked = of_post.filter(|(_, length)| *length % 2 == 1).count() as u64;
            let id = PostId::new(name).expect("it is an id");
            let kind = Kind::new(KIND).expect("it is a kind");
            let count = state.count(id, kind);
            let listed = state.likers(id, kind, None, self.users.len() + 1).len() as u64;
            if count != liked || listed != liked {
                return Err(format!("{name}: {liked} likes, counted {count}, listed {listed}"));
            }
        }
        self.check_digest(self.digest(state), &found)?;
        self.held[machine] = found;
        Ok(())
    }

    fn check_digest(&mut self, digest: u128, entries: &Lengths) -> Result<(), Wrong> {
        let mut hash = Fnv::default();
        for (&(post, user), &length) in entries {
            [post as u64, user as u64, u64::from(length)]
                .into_iter()
                .for_each(|n| hash.write_u64(n));
        }
        let hash = hash.finish();
        match self.digests.insert(digest, hash) {
            Some(other) if other != hash => {
                Err(format!("digest {:032x} stands for two states", digest))
            }
            _ => Ok(()),
        }
    }

    /// Where all is calm: a machine must hold everything that clients were told.
    pub(crate) fn check_nothing_lost(&self, machine: usize) -> Result<(), Wrong> {
        let held = &self.held[machine];
        match self.told.iter().find(|&(key, length)| held.get(key) < Some(length)) {
            Some((key, length)) => Err(format!(
                "{key:?} was acknowledged at {length} and is lost: there is {:?}",
                held.get(key)
            )),
            None => Ok(()),
        }
    }

    /// Two machines must hold the same.
    pub(crate) fn check_equal(&self, one: usize, other: usize) -> Result<(), Wrong> {
        let [one, other] = [one, other].map(|machine| &self.held[machine]);
        match one.iter().find(|&(key, length)| other.get(key) != Some(length)) {
            None if one.len() == other.len() => Ok(()),
            differs => Err(format!("the states differ: {differs:?}")),
        }
    }

    /// All entries of a state.
    fn entries(&self, state: &State) -> Result<Lengths, Wrong> {
        let mut found = Lengths::new();
        for &slot in &self.slots {
            for (post, kind, user, length) in state.entries(slot) {
                let key = self.by_name.get(&post).zip(self.by_name.get(&user));
                let Some((&post, &user)) = key.filter(|_| kind == KIND) else {
                    return Err(format!("nobody ever wrote about {post} and {user}"));
                };
                if length.value() > 0 {
                    found.insert((post, user), length.value());
                }
            }
        }
        Ok(found)
    }

    /// The same, where entries from nowhere are found by others.
    fn entries_or_none(&self, state: &State) -> Lengths {
        self.entries(state).unwrap_or_default()
    }

    /// The digest of all that a state holds. O(posts).
    pub(crate) fn digest(&self, state: &State) -> u128 {
        let sum: Digest = self.slots.iter().map(|&slot| state.slot_digest(slot)).sum();
        u128::from_le_bytes(sum.to_bytes())
    }
}

fn raise(lengths: &mut Lengths, key: Key, length: u32) {
    if length == 0 {
        return;
    }
    let known = lengths.entry(key).or_default();
    *known = length.max(*known);
}
