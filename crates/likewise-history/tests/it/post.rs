//! A post in memory, written down once more, without looking at the checker's.

use std::collections::{BTreeMap, BTreeSet};

use likewise_history::{Call, Reply};

/// The length of each like that was ever touched.
pub(crate) type Lengths = BTreeMap<usize, u32>;

/// Does what is asked, and answers.
pub(crate) fn answer(lengths: &mut Lengths, call: Call) -> Reply {
    let liked = |lengths: &Lengths| -> BTreeSet<usize> {
        lengths.iter().filter(|(_, length)| *length % 2 == 1).map(|(user, _)| *user).collect()
    };
    match call {
        Call::Raise { user, to } => {
            let length = lengths.entry(user).or_default();
            *length = to.max(*length);
            Reply::Done
        }
        Call::Set { user, liked } => {
            let length = lengths.entry(user).or_default();
            if (*length % 2 == 1) != liked {
                *length += 1;
            }
            Reply::Version(*length)
        }
        Call::Version { user } => Reply::Version(lengths.get(&user).copied().unwrap_or_default()),
        Call::Count => Reply::Count(liked(lengths).len() as u64),
        Call::List => Reply::List(liked(lengths)),
    }
}
