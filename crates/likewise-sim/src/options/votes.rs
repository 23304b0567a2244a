//! What voters a run has, and what clients ask of them.

use std::fmt;

use likewise_journal::journal::Durability;

use crate::chance::Chance;

/// The part of runs that have voters.
const VOTING: f64 = 0.5;

/// The voters of a run. They are the first machines.
#[derive(Clone, Debug)]
pub struct Votes {
    /// How many there are; fewer, where there are fewer machines.
    pub voters: usize,
    /// What each of them keeps.
    pub durability: Vec<Option<Durability>>,
    /// Posts that voters stand behind, a few at a time.
    pub posts: usize,
    /// Posts that are asked about at the same time.
    pub at_once: usize,
    /// Clients that ask about one post at the same time.
    pub clients: usize,
    /// Users that like these posts.
    pub users: usize,
    /// Requests about each post.
    pub requests: usize,
    /// The part of posts at which each like stands for itself.
    pub quorum: f64,
    /// The part of requests that are writes to one node only.
    pub local: f64,
    /// How often a voter is alone with another machine and loses its disk then.
    pub successions: usize,
}

impl Votes {
    /// The voters that belong to a seed, among about so many machines; or none.
    pub(super) fn of(seed: u64, machines: usize) -> Option<Self> {
        let mut chance = Chance::new(seed, "votes");
        if !chance.is(VOTING) {
            return None;
        }
        let voters = *chance.pick(&[3, 3, 3, 3, 5]);
        let voters = if chance.is(0.1) { machines.min(voters) } else { voters };
        let memory = *chance.pick(&[0.0, 0.0, 0.0, 0.5, 1.0]);
        let durability = |_| if chance.is(memory) { None } else { Some(Durability::Always) };
        Some(Self {
            voters,
            durability: (0..voters).map(durability).collect(),
            posts: 8 + chance.below(12),
            at_once: 1 + chance.below(3),
            clients: 2 + chance.below(4),
            users: 2 + chance.below(4),
            requests: 20 + chance.below(40),
            quorum: *chance.pick(&[0.0, 0.25, 0.25, 1.0]),
            local: *chance.pick(&[0.0, 0.0, 0.1]),
            successions: *chance.pick(&[0, 0, 1, 2]),
        })
    }
}

impl fmt::Display for Votes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "votes       {} voters; {} posts, {} at once, {} clients and {} requests each, {} users, \
             {:.0}% for single likes, {:.0}% of requests local",
            self.voters,
            self.posts,
            self.at_once,
            self.clients,
            self.requests,
            self.users,
            self.quorum * 100.0,
            self.local * 100.0
        )
    }
}
