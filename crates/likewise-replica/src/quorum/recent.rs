//! What changed lately, in order: where voters differ it is nearly always in this, because the mail brings
//! everything else within milliseconds.

use std::collections::VecDeque;

use likewise_state::place::Place;
use likewise_state::slot::SLOTS;

use crate::limits::RECENT_KEPT;
use crate::output::BatchId;

/// The newest changes of a node, and which batch makes each slot durable.
pub(crate) struct Recent {
    places: VecDeque<Place>,
    /// The last batch that holds a change of the slot.
    batches: Box<[BatchId; SLOTS]>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { places: VecDeque::new(), batches: Box::new([BatchId::default(); SLOTS]) }
    }
}

impl Recent {
    /// An entry has changed, and will be durable with this batch.
    pub(crate) fn push(&mut self, place: Place, batch: BatchId) {
        if self.places.len() >= RECENT_KEPT {
            self.places.pop_front();
        }
        self.places.push_back(place);
        self.batches[place.slot()] = batch;
    }

    /// Something in a slot has changed, and will be durable with this batch.
    pub(crate) fn changed(&mut self, slot: usize, batch: BatchId) {
        self.batches[slot] = batch;
    }

    /// The batch with which all of a slot is durable.
    pub(crate) fn batch_of(&self, slot: usize) -> BatchId {
        self.batches[slot]
    }

    /// How many changes are remembered.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The newest changes, newest last.
    pub(crate) fn places(&self) -> impl DoubleEndedIterator<Item = Place> {
        self.places.iter().copied()
    }
}
