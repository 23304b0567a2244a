//! One client, which is its own coordinator: what it asks, and what it makes of the votes.
//!
//! ```text
//! Join(u, c)   Spread {u: c} ──────────────────────────────> done
//! a read       Collect, round 0, 1, .. ── one state at Q ──> answer
//! Set(u, ..)   Collect ── one state at Q ── parity is right ──> version
//!                                    └── Spread {u: version + 1} ──> version + 1
//! ```
//!
//! [`decide`] is the whole of it, and the wrong rules too.

use crate::post::{Answer, Op, Post, User};
use crate::protocol::{OneUser, Protocol, Reads, Sets};

/// What a client is busy with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Step {
    /// Its next operation has not begun.
    #[default]
    Idle,
    /// It asks all voters what they hold (`Pull`), and gives them what it has heard so far.
    Collect {
        /// Which round it is. Answers of an earlier one do not count.
        round: u8,
        /// The join of what was heard in the rounds before.
        push: Post,
    },
    /// It asks all voters to hold something (`Merge`).
    Spread {
        /// What.
        push: Post,
        /// What comes once a quorum holds it.
        then: Then,
    },
    /// Wrong, see [`Sets::GuessFirst`]: both at once.
    Guess {
        /// The guessed target.
        push: Post,
    },
}

/// What comes once a quorum holds what was spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// The client is answered.
    Answer(Answer),
    /// What was written back is what the read has learned.
    Learned(Post),
}

impl Step {
    /// What a question of this step writes at a voter.
    #[must_use]
    pub fn push(self) -> Post {
        match self {
            Self::Idle => Post::default(),
            Self::Collect { push, .. } | Self::Spread { push, .. } | Self::Guess { push } => push,
        }
    }

    /// Whether the operation itself, and no write-back, can be seen by others from this step on.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Spread { then: Then::Answer(_), .. } | Self::Guess { .. })
    }
}

/// One client and how far it has come with its operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// How many of its operations are done.
    pub done: u8,
    /// What it is busy with.
    pub step: Step,
}

/// What the votes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    Wait,
    /// Another question.
    Ask(Step),
    /// The client is answered.
    Answer(Answer),
}

/// The first question of an operation. `known` is what the coordinator happens to hold: a guess.
#[must_use]
pub fn begin(protocol: &Protocol, op: Op, known: Post) -> Step {
    match op {
        Op::Join(user, length) => {
            Step::Spread { push: Post::of(user, length), then: Then::Answer(Answer::Done) }
        }
        Op::Set(user, liked) if protocol.sets == Sets::GuessFirst => {
            match target(known.length(user), liked) {
                Some(guess) => Step::Guess { push: Post::of(user, guess) },
                None => Step::Collect { round: 0, push: Post::default() },
            }
        }
        _ => Step::Collect { round: 0, push: Post::default() },
    }
}

/// What a client makes of the votes that it holds in a step: one of each seat, not all of them yet.
#[must_use]
pub fn decide(protocol: &Protocol, op: Op, step: Step, votes: &[Post], quorum: usize) -> Decision {
    if votes.len() < quorum {
        return Decision::Wait;
    }
    match step {
        Step::Idle => Decision::Wait,
        Step::Spread { then: Then::Answer(answer), .. } => Decision::Answer(answer),
        Step::Spread { then: Then::Learned(post), .. } => learned(op, post),
        Step::Collect { .. } => match (by_itself(protocol, op), protocol.reads) {
            (Some(user), _) => collected_one(op, user, votes),
            (None, Reads::SameState) => match same_state(votes, quorum) {
                Some(post) => learned(op, post),
                None => Decision::Wait,
            },
            (None, Reads::Merge) => learned(op, joined(votes)),
            (None, Reads::WriteBack) => write_back(joined(votes)),
        },
        Step::Guess { push } => match op {
            Op::Set(user, _) if votes.iter().all(|vote| vote.length(user) == push.length(user)) => {
                Decision::Answer(Answer::Version(push.length(user)))
            }
            _ => Decision::Ask(Step::Collect { round: 0, push: Post::default() }),
        },
    }
}

/// The next round, where there may be one: a quorum has answered, and not with one state.
#[must_use]
pub fn next_round(protocol: &Protocol, op: Op, client: Client, votes: &[Post]) -> Option<Step> {
    let Step::Collect { round, mut push } = client.step else {
        return None;
    };
    if protocol.reads != Reads::SameState || by_itself(protocol, op).is_some() {
        return None;
    }
    push.join(joined(votes));
    Some(Step::Collect { round: round + 1, push })
}

/// The state that a quorum holds, if there is one.
fn same_state(votes: &[Post], quorum: usize) -> Option<Post> {
    let holders = |post: &Post| votes.iter().filter(|vote| *vote == post).count();
    votes.iter().find(|post| holders(post) >= quorum).copied()
}

/// The operation's answer, or its write, from the state of the post.
fn learned(op: Op, post: Post) -> Decision {
    match op {
        Op::Join(..) => Decision::Answer(Answer::Done),
        Op::List => Decision::Answer(Answer::Users(post.liked_by())),
        Op::Count => Decision::Answer(Answer::Count(post.liked_by().count_ones())),
        Op::Is(user) => Decision::Answer(Answer::Version(post.length(user))),
        Op::Set(user, liked) => match target(post.length(user), liked) {
            None => Decision::Answer(Answer::Version(post.length(user))),
            Some(target) => Decision::Ask(Step::Spread {
                push: Post::of(user, target),
                then: Then::Answer(Answer::Version(target)),
            }),
        },
    }
}

/// The version that makes it so, unless it is so.
fn target(length: u8, liked: bool) -> Option<u8> {
    ((length % 2 == 1) != liked).then_some(length + 1)
}

fn by_itself(protocol: &Protocol, op: Op) -> Option<User> {
    match op {
        Op::Is(user) | Op::Set(user, _) => (protocol.one_user == OneUser::ByItself).then_some(user),
        Op::Join(..) | Op::List | Op::Count => None,
    }
}

fn collected_one(op: Op, user: User, votes: &[Post]) -> Decision {
    let largest = Post::of(user, joined(votes).length(user));
    if votes.iter().all(|vote| vote.length(user) == largest.length(user)) {
        learned(op, largest)
    } else {
        write_back(largest)
    }
}

const fn write_back(post: Post) -> Decision {
    Decision::Ask(Step::Spread { push: post, then: Then::Learned(post) })
}

fn joined(votes: &[Post]) -> Post {
    let mut post = Post::default();
    votes.iter().for_each(|vote| post.join(*vote));
    post
}
