//! What one post in the memory of one machine would answer: the sequential specification.

use crate::steps::{Act, Step};

/// A post: the length of each user's like.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    lengths: Vec<u32>,
    liked: u64,
}

/// What it would mean that a step is done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It would have got another reply; or it has got none, and nobody would notice it.
    None,
    /// It gets the reply that it got, and changes nothing.
    Agrees,
    /// It gets the reply that it got, if any, and raises the like of this user.
    Raises {
        /// Whose like.
        user: usize,
        /// From this length.
        from: u32,
        /// To this one, which is larger.
        to: u32,
    },
}

impl Post {
    /// A post of so many users that nobody ever touched.
    pub(crate) fn new(users: usize) -> Self {
        Self { lengths: vec![0; users], liked: 0 }
    }

    pub(crate) fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    pub(crate) fn put(&mut self, user: usize, length: u32) {
        self.liked -= u64::from(self.lengths[user] % 2);
        self.liked += u64::from(length % 2);
        self.lengths[user] = length;
    }

    pub(crate) fn effect(&self, step: &Step) -> Effect {
        let agrees = |agrees| if agrees { Effect::Agrees } else { Effect::None };
        match &step.act {
            &Act::Raise { user, to } => self.raise(user, to, step.ended),
            &Act::Set { user, liked, told } => self.set(user, liked, told),
            &Act::Version { user, told } => agrees(self.lengths[user] == told),
            &Act::Count { told } => agrees(self.liked == told),
            Act::List { told } => agrees(
                self.lengths.iter().zip(told).all(|(length, &liked)| (length % 2 == 1) == liked),
            ),
        }
    }

    fn raise(&self, user: usize, to: u32, ended: bool) -> Effect {
        let from = self.lengths[user];
        match (to > from, ended) {
            (true, _) => Effect::Raises { user, from, to },
            (false, true) => Effect::Agrees,
            (false, false) => Effect::None,
        }
    }

    fn set(&self, user: usize, liked: bool, told: Option<u32>) -> Effect {
        let from = self.lengths[user];
        let to = if (from % 2 == 1) == liked { Some(from) } else { from.checked_add(1) };
        match (to, told) {
            (Some(to), Some(told)) if to != told => Effect::None,
            (Some(to), _) if to > from => Effect::Raises { user, from, to },
            (Some(_), Some(_)) => Effect::Agrees,
            (Some(_), None) | (None, _) => Effect::None,
        }
    }
}
