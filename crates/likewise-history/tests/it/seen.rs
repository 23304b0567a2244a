//! A line of a history, before it becomes one.

use likewise_history::{Call, History, Reply};

/// More situations than any history here needs.
pub(crate) const STEPS_MAX: u64 = 200_000;

/// What a client saw: who, what, from when, and until when with which reply.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) client: usize,
    pub(crate) call: Call,
    pub(crate) begin: u64,
    pub(crate) end: Option<(u64, Reply)>,
}

/// The history of these lines.
pub(crate) fn history(of: &[Seen]) -> History {
    let mut history = History::default();
    for seen in of {
        let operation = history.begin(seen.client, seen.call, seen.begin);
        if let Some((at, reply)) = seen.end.clone() {
            history.end(operation, reply, at);
        }
    }
    history
}
