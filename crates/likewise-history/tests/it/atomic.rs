//! Large histories of a post that is really atomic: each operation takes effect at one instant of its interval.

use likewise_history::{Call, Reply};

use crate::chance::Chance;
use crate::post::{Lengths, answer};
use crate::seen::Seen;

/// How large, and of what kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) operations: u64,
    pub(crate) clients: u64,
    pub(crate) users: u64,
    /// How many writes end with an unknown outcome.
    pub(crate) unended: u64,
    /// Whether nothing is ever unliked, so that counts and lists only grow.
    pub(crate) only_likes: bool,
    /// Whether writes are told nothing and all reads are counts: replies say as little as they can.
    pub(crate) blind: bool,
}

/// A history of this shape. An operation is long or short; clients ask again at once or after a while. A client
/// that does not learn an outcome goes on under a new number.
pub(crate) fn lines(chance: &mut Chance, shape: Shape) -> Vec<Seen> {
    let mut lines: Vec<Seen> = Vec::new();
    let mut instants = Vec::new();
    let mut clock: Vec<(u64, usize)> =
        (0..shape.clients).map(|client| (0, client as usize)).collect();
    let mut unended = 0;
    for number in 0..shape.operations {
        let turn = chance.below(shape.clients) as usize;
        let (now, client) = clock[turn];
        let call = call(chance, shape, number);
        let begin = now + chance.below(20);
        let instant = begin + duration(chance);
        let end = instant + duration(chance);
        let due = (number + 1) * shape.unended / shape.operations > unended;
        if due && !matches!(call, Call::Version { .. } | Call::Count | Call::List) {
            unended += 1;
            lines.push(Seen { client, call, begin, end: None });
            if chance.is(60) {
                instants.push((instant + chance.below(400), lines.len() - 1));
            }
            clock[turn] = (end, shape.clients as usize + unended as usize);
        } else {
            lines.push(Seen { client, call, begin, end: Some((end, Reply::Done)) });
            instants.push((instant, lines.len() - 1));
            clock[turn] = (end, client);
        }
    }
    instants.sort_unstable();
    let mut lengths = Lengths::new();
    for (_, line) in instants {
        let reply = answer(&mut lengths, lines[line].call);
        if let Some((_, told)) = &mut lines[line].end {
            *told = reply;
        }
    }
    lines
}

fn duration(chance: &mut Chance) -> u64 {
    let longest = if chance.is(10) { 100 } else { 15 };
    chance.below(longest)
}

fn call(chance: &mut Chance, shape: Shape, number: u64) -> Call {
    let user = chance.below(shape.users) as usize;
    let liked = shape.only_likes || chance.is(50);
    let near = 2 + number / (3 * shape.users);
    match chance.below(10) {
        0..=6 if shape.blind && !shape.only_likes => {
            Call::Raise { user, to: 1 + chance.below(near) as u32 }
        }
        0..=6 if shape.blind => Call::Raise { user, to: 1 },
        _ if shape.blind => Call::Count,
        0 | 1 if shape.only_likes => Call::Raise { user, to: 1 },
        0 | 1 => Call::Raise { user, to: chance.below(1 + near) as u32 },
        2..=5 => Call::Set { user, liked },
        6 | 7 => Call::Version { user },
        8 => Call::Count,
        _ => Call::List,
    }
}
