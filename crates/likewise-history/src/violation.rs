//! What can't be explained, for people.

use std::fmt;

use crate::history::Operation;

/// The shortest prefix of the completed operations, by completion time, that is already not linearizable.
///
/// It shows as a line an operation: those that had ended by then, and the writes that were still under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// In the order in which they began.
    operations: Vec<Operation>,
    /// The last to end.
    last: Operation,
}

impl Violation {
    pub(crate) fn new(mut operations: Vec<Operation>, last: Operation) -> Self {
        operations.retain(|it| it.end.is_some() || it.call.writes());
        operations.sort_by_key(|it| it.begin);
        Self { operations, last }
    }

    /// How many completed operations the prefix has. Without the last of them all can be explained, unless that
    /// could not be decided.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.operations.iter().filter(|it| it.end.is_some()).count()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let completed = self.completed();
        writeln!(
            f,
            "no order explains the replies of these {completed} operations (`>` ended last):"
        )?;
        for it in &self.operations {
            let mark = if *it == self.last { '>' } else { ' ' };
            let (end, reply) = match &it.end {
                Some((at, reply)) => (at.to_string(), reply.to_string()),
                None => ("...".to_owned(), "(under way)".to_owned()),
            };
            let Operation { client, call, begin, .. } = it;
            let call = call.to_string();
            writeln!(f, "{mark} client {client:<3} {begin:>9} to {end:<9} {call:<20} -> {reply}")?;
        }
        Ok(())
    }
}
