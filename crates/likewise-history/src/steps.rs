//! A history made ready for the search: users and operations numbered so that comparing is cheap.

use std::collections::BTreeSet;

use crate::call::{Call, Reply};
use crate::history::Operation;

/// The operations that matter. First those that have ended, the first to end first; then the writes that have
/// not, the first to begin first. So a step with a smaller number never has to wait for one with a larger.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) steps: Vec<Step>,
    pub(crate) ended: usize,
    pub(crate) users: usize,
    /// Whether there is a reply that no post whatever could give.
    pub(crate) absurd: bool,
}

/// An operation.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) begin: u64,
    /// The time of its end where it has one; else the largest there is.
    pub(crate) end: u64,
    pub(crate) ended: bool,
}

/// A call and what it was told.
#[derive(Debug)]
pub(crate) enum Act {
    Raise { user: usize, to: u32 },
    Set { user: usize, liked: bool, told: Option<u32> },
    Version { user: usize, told: u32 },
    Count { told: u64 },
    List { told: Vec<bool> },
}

impl Steps {
    pub(crate) fn new(operations: &[Operation]) -> Self {
        let users: Vec<usize> = operations
            .iter()
            .filter_map(|it| it.call.user())
            .collect::<BTreeSet<usize>>()
            .into_iter()
            .collect();
        let mut absurd = false;
        let mut steps: Vec<Step> = operations
            .iter()
            .filter(|it| it.end.is_some() || it.call.writes())
            .map(|it| {
                absurd |= is_absurd(it, &users);
                Step::new(it, &users)
            })
            .collect();
        // The sort is stable, so operations with equal times stay as they were noted.
        steps.sort_by_key(|step| (!step.ended, step.end, step.begin));
        let ended = steps.iter().filter(|step| step.ended).count();
        Self { steps, ended, users: users.len(), absurd }
    }
}

/// A list can't name a user whom nobody ever wrote for, nor can a like be liked at an even length.
fn is_absurd(operation: &Operation, users: &[usize]) -> bool {
    match (&operation.call, &operation.end) {
        (Call::Set { liked, .. }, Some((_, Reply::Version(told)))) => (told % 2 == 1) != *liked,
        (_, Some((_, Reply::List(told)))) => {
            told.iter().any(|user| users.binary_search(user).is_err())
        }
        _ => false,
    }
}

impl Step {
    fn new(operation: &Operation, users: &[usize]) -> Self {
        let number = |user: usize| users.partition_point(|&other| other < user);
        let reply = operation.end.as_ref().map(|(_, reply)| reply);
        let told = match reply {
            Some(&Reply::Version(told)) => Some(told),
            _ => None,
        };
        let act = match operation.call {
            Call::Raise { user, to } => Act::Raise { user: number(user), to },
            Call::Set { user, liked } => Act::Set { user: number(user), liked, told },
            Call::Version { user } => {
                Act::Version { user: number(user), told: told.unwrap_or_default() }
            }
            Call::Count => match reply {
                Some(&Reply::Count(told)) => Act::Count { told },
                _ => Act::Count { told: 0 },
            },
            Call::List => match reply {
                Some(Reply::List(told)) => {
                    Act::List { told: users.iter().map(|user| told.contains(user)).collect() }
                }
                _ => Act::List { told: Vec::new() },
            },
        };
        let end = operation.end.as_ref().map_or(u64::MAX, |&(at, _)| at);
        Self { act, begin: operation.begin, end, ended: reply.is_some() }
    }

    /// The length that the like of a user must have when this is done, where the reply tells.
    pub(crate) fn pins(&self) -> Option<(usize, u32)> {
        match self.act {
            Act::Set { user, told: Some(told), .. } | Act::Version { user, told } => {
                Some((user, told))
            }
            _ => None,
        }
    }

    /// Whether both, of which each would change the post now, ask for the same change: raises to one length, or
    /// sets of one like, which as they change it now both want what it is not.
    pub(crate) fn is_twin_of(&self, other: &Self) -> bool {
        match (&self.act, &other.act) {
            (Act::Raise { user, to }, Act::Raise { user: other, to: other_to }) => {
                user == other && to == other_to
            }
            (Act::Set { user, .. }, Act::Set { user: other, .. }) => user == other,
            _ => false,
        }
    }
}
