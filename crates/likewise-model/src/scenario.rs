//! Who asks for what, and what may go wrong meanwhile.

use crate::post::{Op, Post, User};
use crate::protocol::VOTERS;

/// What a world is made of, apart from its rules.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name in the table.
    pub name: &'static str,
    /// What every voter holds at first.
    pub start: Post,
    /// For each client, what it does, one after the other.
    pub clients: Vec<Vec<Op>>,
    /// After so many rounds a read gives up; its client is told so and goes home.
    pub rounds: u8,
    /// So many times a voter may lose what is not on its disk.
    pub crashes: u8,
    /// How many seats change hands: seat 0, then seat 1. Who takes over has an empty disk. The old holder may
    /// be gone or not: a process that nothing reaches any more is as good as gone.
    pub newcomers: usize,
    /// Which voters each client sees, one bit each, if not all.
    pub visible: Option<Vec<u8>>,
}

impl Scenario {
    /// A scenario in which only messages are late and lost.
    #[must_use]
    pub const fn new(name: &'static str, start: Post, clients: Vec<Vec<Op>>) -> Self {
        Self { name, start, clients, rounds: 2, crashes: 0, newcomers: 0, visible: None }
    }

    /// The same with reads that give up after so many rounds.
    #[must_use]
    pub fn rounds(self, rounds: u8) -> Self {
        Self { rounds, ..self }
    }

    /// The same with crashes.
    #[must_use]
    pub fn crashes(self, crashes: u8) -> Self {
        Self { crashes, ..self }
    }

    /// The same with seats that change hands.
    #[must_use]
    pub fn newcomers(self, newcomers: usize) -> Self {
        Self { newcomers, ..self }
    }

    /// The same with clients that see some voters only.
    #[must_use]
    pub fn visible(self, visible: Vec<u8>) -> Self {
        Self { visible: Some(visible), ..self }
    }

    /// Whether the client sees the voter.
    #[must_use]
    pub fn sees(&self, client: usize, voter: usize) -> bool {
        self.visible.as_ref().is_none_or(|visible| visible[client] & (1 << voter) != 0)
    }

    /// How many voters the client sees.
    #[must_use]
    pub fn visible_to(&self, client: usize) -> usize {
        (0..VOTERS).filter(|voter| self.sees(client, *voter)).count()
    }

    /// The place of a client's operation in the history.
    #[must_use]
    pub fn place(&self, client: usize, op: usize) -> usize {
        self.clients[..client].iter().map(Vec::len).sum::<usize>() + op
    }

    /// How many operations there are.
    #[must_use]
    pub fn ops(&self) -> usize {
        self.clients.iter().map(Vec::len).sum()
    }
}

use Op::{Count, Is, Join, List, Set};
use User::{A, B, X};

fn nothing() -> Post {
    Post::default()
}

/// T1: two likes at once, and two lists.
#[must_use]
pub fn two_likes_two_lists() -> Scenario {
    let clients = vec![vec![Join(A, 1)], vec![Join(B, 1)], vec![List], vec![List]];
    Scenario::new("T1: like a / like b / list / list", nothing(), clients)
}

/// T2: two likes at once, and two counts.
#[must_use]
pub fn two_likes_two_counts() -> Scenario {
    let clients = vec![vec![Join(A, 1)], vec![Join(B, 1)], vec![Count], vec![Count]];
    Scenario::new("T2: like a / like b / count / count", nothing(), clients)
}

/// T3: a like and an unlike at once, and two counts.
#[must_use]
pub fn like_and_unlike_two_counts() -> Scenario {
    let clients = vec![vec![Join(A, 1)], vec![Join(X, 2)], vec![Count], vec![Count]];
    Scenario::new("T3: like a / unlike x / count / count", Post::of(X, 1), clients)
}

/// T4: two likes one after the other, and one list: even one reader sees a mistake.
#[must_use]
pub fn likes_in_order_one_list() -> Scenario {
    let clients = vec![vec![Join(A, 1), Join(B, 1)], vec![List]];
    Scenario::new("T4: like a, like b / list", nothing(), clients)
}

/// T5: a like and then an unlike, and one count.
#[must_use]
pub fn like_then_unlike_one_count() -> Scenario {
    let clients = vec![vec![Join(A, 1), Join(X, 2)], vec![Count]];
    Scenario::new("T5: like a, unlike x / count", Post::of(X, 1), clients)
}

/// T6: two likes at once, somebody who looks at one user after the other, and a list.
#[must_use]
pub fn one_user_after_the_other_and_a_list() -> Scenario {
    let clients = vec![vec![Join(A, 1)], vec![Join(B, 1)], vec![Is(A), Is(B)], vec![List]];
    Scenario::new("T6: like a / like b / is a, is b / list", nothing(), clients)
}

/// T8: a like without `seen` that finds its work done, an unlike, and two lists.
#[must_use]
pub fn set_and_unlike_two_lists() -> Scenario {
    let clients = vec![vec![Set(A, true)], vec![Join(A, 2)], vec![List, List]];
    Scenario::new("T8: set a liked / unlike a / list, list", Post::of(A, 1), clients)
}

/// T8b: the same after a like of somebody else by the same client.
#[must_use]
pub fn like_then_set_and_unlike_two_lists() -> Scenario {
    let clients = vec![vec![Join(B, 1), Set(A, true)], vec![Join(A, 2)], vec![List, List]];
    Scenario::new("T8b: like b, set a liked / unlike a / list, list", Post::of(A, 1), clients)
}

/// T12: a like and an unlike of one user, both without `seen`, and two lists.
#[must_use]
pub fn set_against_set_two_lists() -> Scenario {
    let clients = vec![vec![Set(A, true)], vec![Set(A, false)], vec![List, List]];
    Scenario::new("T12: set a liked / set a not liked / list, list", nothing(), clients)
}

/// T13: requests about one user only, as the level `quorum` has them.
#[must_use]
pub fn one_user_only() -> Scenario {
    let clients = vec![vec![Set(A, true)], vec![Join(A, 2)], vec![Is(A), Is(A)]];
    Scenario::new("T13: set a liked / unlike a / is a, is a", nothing(), clients)
}

/// T14: one like, and two lists: what is lost with a disk or behind a partition shows here.
#[must_use]
pub fn one_like_two_lists() -> Scenario {
    let clients = vec![vec![Join(A, 1)], vec![List], vec![List]];
    Scenario::new("T14: like a / list / list", nothing(), clients)
}

/// T15: one like and one list, for worlds in which much goes wrong.
#[must_use]
pub fn one_like_one_list() -> Scenario {
    let clients = vec![vec![Join(A, 1)], vec![List]];
    Scenario::new("T15: like a / list", nothing(), clients)
}
