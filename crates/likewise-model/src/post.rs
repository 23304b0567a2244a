//! A post as its users see it: the one thing that all of the machinery has to look like.
//!
//! A [`Post`] says for each user how often that user has changed their mind: odd is liked, even is not. It
//! is both what a voter holds and, through [`SequentialSpec`], the judge: a single copy that does one
//! operation at a time. A history is linearizable if the judge could have given the same answers.

use std::fmt::{Debug, Formatter, Result};

use stateright::semantics::SequentialSpec;

/// How many users there are in the model. Three are enough for every scenario; more would only be slower.
pub const USERS: usize = 3;

/// Somebody who likes. `A` and `B` begin without a like, `X` often begins with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum User {
    /// The first.
    A,
    /// The second.
    B,
    /// The third.
    X,
}

impl User {
    const ALL: [Self; USERS] = [Self::A, Self::B, Self::X];
}

/// The causal length of each user. Only [`Post::join`] changes it where the protocol runs, and it only grows.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Post([u8; USERS]);

impl Post {
    /// A post with this one entry.
    #[must_use]
    pub fn of(user: User, length: u8) -> Self {
        let mut post = Self::default();
        post.0[user as usize] = length;
        post
    }

    /// How often the user has changed their mind.
    #[must_use]
    pub const fn length(&self, user: User) -> u8 {
        self.0[user as usize]
    }

    /// Takes the larger length of each user.
    pub fn join(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = theirs.max(*mine);
        }
    }

    /// Whether a join with the other would change nothing.
    #[must_use]
    pub fn covers(&self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(mine, theirs)| *mine >= theirs)
    }

    /// Who likes it, one bit a user.
    #[must_use]
    pub fn liked_by(&self) -> u8 {
        User::ALL.into_iter().filter(|user| self.length(*user) % 2 == 1).fold(0, with)
    }
}

const fn with(users: u8, user: User) -> u8 {
    users | (1 << user as u8)
}

impl Debug for Post {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let held = User::ALL.into_iter().filter(|user| self.length(*user) > 0);
        f.debug_map().entries(held.map(|user| (user, self.length(user)))).finish()
    }
}

/// What a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A like or an unlike with `seen`: the target is known, and it is reached by whoever comes first.
    Join(User, u8),
    /// A like (true) or an unlike without `seen`: changes the user's mind only if it has to.
    Set(User, bool),
    /// Who likes the post.
    List,
    /// How many like the post.
    Count,
    /// The user's version, and so whether they like it.
    Is(User),
}

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The write is done.
    Done,
    /// The causal length that the request found or made.
    Version(u8),
    /// Who likes the post, one bit a user.
    Users(u8),
    /// How many like it.
    Count(u32),
}

impl Debug for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Done => write!(f, "done"),
            Self::Version(version) => write!(f, "version {version}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Users(bits) => {
                let listed = User::ALL.into_iter().filter(|user| bits & with(0, *user) != 0);
                f.debug_set().entries(listed).finish()
            }
        }
    }
}

impl SequentialSpec for Post {
    type Op = Op;
    type Ret = Answer;

    fn invoke(&mut self, op: &Op) -> Answer {
        match *op {
            Op::Join(user, length) => {
                self.join(Self::of(user, length));
                Answer::Done
            }
            Op::Set(user, liked) => {
                let length = self.length(user);
                let target = if (length % 2 == 1) == liked { length } else { length + 1 };
                self.join(Self::of(user, target));
                Answer::Version(target)
            }
            Op::List => Answer::Users(self.liked_by()),
            Op::Count => Answer::Count(self.liked_by().count_ones()),
            Op::Is(user) => Answer::Version(self.length(user)),
        }
    }
}
