//! Where a write belongs in a trace, which is carried along with its entries so that every node that they
//! reach can say when it had them.
//!
//! Nothing here looks into a context: to this crate it is bytes that go where the entries go. It never decides
//! anything, and where it gets lost nothing is missing but a line in somebody's trace. So it has no repair:
//! entries that travel as a repair have no context, and neither have those of a link whose peer does not ask
//! for contexts.
//!
//! Source: <https://www.w3.org/TR/trace-context/>, which says what the ids and the flags mean.

use likewise_state::codec::{DecodeCause, DecodeError, Reader, put_varint};

use crate::limits::CONTEXTS_MAX;

/// A span, and the trace that it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The id of the trace.
    pub trace: [u8; 16],
    /// The id of the span that caused what follows.
    pub span: [u8; 8],
    /// The flags of the trace.
    pub flags: u8,
}

impl TraceContext {
    /// The bytes that each takes on the wire.
    pub const BYTES: usize = 25;

    /// The context as bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace);
        bytes[16..24].copy_from_slice(&self.span);
        bytes[24] = self.flags;
        bytes
    }

    /// What [`Self::to_bytes`] made. Any bytes are a context.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let mut context = Self { trace: [0; 16], span: [0; 8], flags: bytes[24] };
        context.trace.copy_from_slice(&bytes[..16]);
        context.span.copy_from_slice(&bytes[16..24]);
        context
    }
}

/// Appends contexts behind the number of their frame.
pub(crate) fn put_contexts(bytes: &mut Vec<u8>, frame: u64, contexts: &[TraceContext]) {
    put_varint(bytes, frame);
    contexts.iter().for_each(|context| bytes.extend_from_slice(&context.to_bytes()));
}

/// Reads contexts up to the end.
pub(crate) fn read_contexts(reader: &mut Reader<'_>) -> Result<Vec<TraceContext>, DecodeError> {
    let mut contexts = Vec::new();
    while !reader.is_at_end() {
        if contexts.len() >= CONTEXTS_MAX {
            return Err(reader.error(DecodeCause::NumberTooLarge));
        }
        contexts.push(TraceContext::from_bytes(reader.array()?));
    }
    Ok(contexts)
}

/// The contexts of writes whose entries wait in an outbox. Takes no memory as long as there is none.
#[derive(Default)]
pub(crate) struct Waiting(Vec<(usize, TraceContext)>);

impl Waiting {
    /// Adds the context of the write whose last entry is the `entries`-th that waits.
    pub(crate) fn push(&mut self, entries: usize, context: TraceContext) {
        if self.0.len() < CONTEXTS_MAX {
            self.0.push((entries, context));
        }
    }

    /// The first `entries` entries leave the outbox: the contexts of the writes that are complete with them.
    pub(crate) fn take(&mut self, entries: usize) -> Vec<TraceContext> {
        let complete = self.0.partition_point(|&(last, _)| last <= entries);
        let contexts = self.0.drain(..complete).map(|(_, context)| context).collect();
        self.0.iter_mut().for_each(|(last, _)| *last -= entries);
        contexts
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(number: u8) -> TraceContext {
        TraceContext { trace: [number; 16], span: [number; 8], flags: 1 }
    }

    #[test]
    fn a_context_leaves_with_the_last_entry_of_its_write() {
        let mut waiting = Waiting::default();
        for (entries, number) in [(1, 1), (3, 2), (3, 3), (7, 4)] {
            waiting.push(entries, context(number));
        }
        assert_eq!(waiting.take(2), [context(1)]);
        assert_eq!(waiting.take(1), [context(2), context(3)]);
        assert_eq!(waiting.take(3), []);
        assert_eq!(waiting.take(1), [context(4)]);
        assert_eq!(waiting.take(9), []);
    }

    #[test]
    fn more_contexts_than_the_bound_are_dropped() {
        let mut waiting = Waiting::default();
        (0..=CONTEXTS_MAX).for_each(|number| waiting.push(number + 1, context(number as u8)));
        let taken = waiting.take(usize::MAX);
        assert_eq!(taken.len(), CONTEXTS_MAX);
        assert_eq!(taken.last(), Some(&context(CONTEXTS_MAX as u8 - 1)));
    }
}
