//! The entries of some slots under the names that a sketch gives them, and their symbols.
//!
//! To hash a large state takes seconds. So it is done a piece at a time, and the node goes on with all its
//! other work in between.

use likewise_state::place::{Place, SlotReader};
use likewise_state::sketch::{Encoder, word};
use likewise_state::state::State;

/// Entries of some slots, as they were when each was read.
pub(crate) struct Gathered {
    salt: u64,
    /// How many entries are read at once.
    piece: usize,
    slots: Vec<u16>,
    /// How many of the slots have been read.
    read: usize,
    /// The one that is being read.
    reader: Option<SlotReader>,
    places: Vec<(u64, Place)>,
    encoder: Encoder,
}

impl Gathered {
    pub(crate) fn new(slots: Vec<u16>, salt: u64, piece: usize) -> Self {
        let (places, encoder) = (Vec::new(), Encoder::default());
        Self { salt, piece, slots, read: 0, reader: None, places, encoder }
    }

    pub(crate) fn slots(&self) -> &[u16] {
        &self.slots
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether all slots have been read.
    pub(crate) fn is_read(&self) -> bool {
        self.read == self.slots.len()
    }

    /// Does a piece of the work for the symbols up to number `until`, or of the reading alone where it is
    /// not known how many are wanted. Whether nothing is left of it.
    pub(crate) fn advance(&mut self, state: &State, until: Option<usize>) -> bool {
        let mut left = self.piece;
        while left > 0 && !self.is_read() {
            let slot = usize::from(self.slots[self.read]);
            let reader = self.reader.get_or_insert_with(|| state.reader(slot));
            // An empty slot is work too.
            left -= 1;
            let Some((hash, place)) = reader.next(state) else {
                self.reader = None;
                self.read += 1;
                continue;
            };
            let word = word(hash, self.salt);
            self.places.push((word, place));
            self.encoder.insert(word);
        }
        match until {
            _ if !self.is_read() => false,
            Some(until) => self.encoder.advance(until, left) < left,
            None => true,
        }
    }

    /// How many symbols have been made.
    pub(crate) fn symbols_made(&self) -> usize {
        self.encoder.made()
    }

    /// The symbols since the last, up to number `until`.
    pub(crate) fn symbols(&mut self, until: usize) -> Vec<u64> {
        self.encoder.symbols(until)
    }

    /// The entries whose words are wanted. O(entries).
    pub(crate) fn find(
        &self,
        is_wanted: impl Fn(u64) -> bool,
    ) -> impl Iterator<Item = (u64, Place)> {
        self.places.iter().copied().filter(move |&(word, _)| is_wanted(word))
    }
}

#[cfg(test)]
mod tests {
    use likewise_state::id::Like;
    use likewise_state::length::CausalLength;
    use likewise_state::slot::SLOTS;
    use likewise_state::state::Keys;

    use super::*;

    /// Entries at once.
    const PIECE: usize = 1_000;

    #[test]
    fn what_is_gathered_in_pieces_has_the_same_symbols_as_at_once() {
        let state = State::new(Keys::for_tests());
        for n in 0..3 * PIECE {
            // One slot alone has more than a piece.
            let post = if n % 2 == 0 { "hot".to_owned() } else { format!("post-{}", n / 10) };
            let user = format!("user-{n}");
            let like = Like::new(&post, "like", &user).expect("these are ids");
            let _ = state.raise(like, |_| Some(CausalLength::LIKED_ONCE));
        }
        let slots: Vec<u16> = (0..SLOTS as u16).collect();
        let mut pieces = Gathered::new(slots.clone(), 7, PIECE);
        let mut count = 1;
        while !pieces.advance(&state, Some(100)) {
            count += 1;
        }
        assert!(count >= 6, "all was read and made in {count} pieces");
        let mut at_once = Gathered::new(slots, 7, usize::MAX);
        while !at_once.advance(&state, None) {}
        assert_eq!(pieces.symbols(100), at_once.symbols(100));
        assert_eq!(pieces.len(), 3 * PIECE);
    }
}
