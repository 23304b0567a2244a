//! What the clients of one post saw, call by call.

use crate::call::{Call, Reply};
use crate::check::{Outcome, Search};
use crate::steps::Steps;
use crate::violation::Violation;

/// What the clients of one post saw.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
}

/// A call with its interval, and the reply if one came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) client: usize,
    pub(crate) call: Call,
    pub(crate) begin: u64,
    pub(crate) end: Option<(u64, Reply)>,
}

/// Whether a history is linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains each reply.
    Linearizable,
    /// There is none.
    Violated(Violation),
    /// The search was given up before it knew.
    Undecided,
}

impl History {
    /// Notes that a client called at this time, and answers with the number of the operation.
    pub fn begin(&mut self, client: usize, call: Call, at: u64) -> usize {
        self.operations.push(Operation { client, call, begin: at, end: None });
        self.operations.len() - 1
    }

    /// Notes the reply to an operation, and when it came. An operation without an end has an unknown outcome:
    /// a write may take effect at any time after it began, or never; a read is of no interest.
    ///
    /// # Panics
    ///
    /// Where the caller has mixed something up: the operation has never begun, has ended before, ends before
    /// it began, or is told what answers another call.
    pub fn end(&mut self, operation: usize, reply: Reply, at: u64) {
        let begun = self.operations.len();
        let Some(it) = self.operations.get_mut(operation) else {
            panic!(
                "operation {operation} can't end, as only {begun} have begun: end what `begin` gave"
            );
        };
        assert!(it.end.is_none(), "operation {operation} ends twice: {it:?}, then {reply:?}");
        assert!(it.begin <= at, "operation {operation} ends at {at}, before it began: {it:?}");
        assert!(
            it.call.is_answered_by(&reply),
            "operation {operation}: {reply:?} to {:?}",
            it.call
        );
        it.end = Some((at, reply));
    }

    /// Only the calls about the like of this user: what level `quorum` promises something about.
    #[must_use]
    pub fn of_user(&self, user: usize) -> Self {
        let about = self.operations.iter().filter(|it| it.call.user() == Some(user));
        Self { operations: about.cloned().collect() }
    }

    /// Whether there is an order of the operations, in which none comes before one that had ended strictly
    /// before it began, that explains each reply.
    ///
    /// The search looks at `steps_max` situations at most and remembers each of them, some dozens of bytes
    /// plus a bit an operation and four bytes a user; beyond that the verdict is [`Verdict::Undecided`].
    /// What it costs to find the shortest prefix of a history that is violated is bounded by as many steps
    /// for each halving of the history.
    #[must_use]
    pub fn check(&self, steps_max: u64) -> Verdict {
        let ended = self.by_end();
        match self.check_prefix(&ended, steps_max) {
            Outcome::Explained => Verdict::Linearizable,
            Outcome::Undecided => Verdict::Undecided,
            Outcome::Impossible => Verdict::Violated(self.shortest_violation(&ended, steps_max)),
        }
    }

    /// The operations that have ended, the first to end first.
    fn by_end(&self) -> Vec<usize> {
        let mut ended: Vec<(u64, usize)> = self
            .operations
            .iter()
            .enumerate()
            .filter_map(|(number, it)| it.end.as_ref().map(|&(at, _)| (at, number)))
            .collect();
        ended.sort_unstable();
        ended.into_iter().map(|(_, number)| number).collect()
    }

    /// What was known when the last of these replies had come: the operations that have one, and the others
    /// that had begun by then, without.
    fn until(&self, ended: &[usize]) -> Vec<Operation> {
        let Some(&last) = ended.last() else { return Vec::new() };
        let now = self.operations[last].end.as_ref().map_or(0, |&(at, _)| at);
        let mut known = vec![false; self.operations.len()];
        ended.iter().for_each(|&number| known[number] = true);
        let begun = self.operations.iter().zip(known).filter(|(it, _)| it.begin <= now);
        begun
            .map(
                |(it, known)| {
                    if known { it.clone() } else { Operation { end: None, ..it.clone() } }
                },
            )
            .collect()
    }

    fn check_prefix(&self, ended: &[usize], steps_max: u64) -> Outcome {
        Search::new(Steps::new(&self.until(ended)), steps_max).run()
    }

    /// Where a prefix is not linearizable, no longer one is: a reply only ever adds to what has to be
    /// explained. So halving finds the shortest. A prefix that could not be decided counts as one that can be
    /// explained, so that what is shown is violated for certain.
    fn shortest_violation(&self, ended: &[usize], steps_max: u64) -> Violation {
        let (mut explained, mut violated) = (0, ended.len());
        while explained + 1 < violated {
            let middle = explained.midpoint(violated);
            if self.check_prefix(&ended[..middle], steps_max) == Outcome::Impossible {
                violated = middle;
            } else {
                explained = middle;
            }
        }
        Violation::new(self.until(&ended[..violated]), self.operations[ended[violated - 1]].clone())
    }
}
