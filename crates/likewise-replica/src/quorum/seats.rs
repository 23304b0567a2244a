//! Who holds the seat of each voter. A voter is a name; its seat is held by one node in one of its lives.
//!
//! The seats are a join-semilattice like everything else here: each goes to the greatest that anybody has
//! heard of, so nodes may tell each other what they know in any order and any number of times. A node that
//! comes back with its data keeps its term and has a later boot number. One that comes without claims the
//! next term. Whoever has heard of the later one takes no vote from the earlier one.

use likewise_state::codec::{DecodeCause, DecodeError, Reader, put_varint};
use likewise_state::lattice::{Changed, Lattice};

use crate::limits::VOTERS_MAX;
use crate::member::NodeId;

/// Who holds a seat, and since when in the order of claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// How often the seat has gone to a node that had nothing; 0 while it never had a holder.
    pub term: u64,
    /// The node.
    pub node: NodeId,
    /// How often the node has been started, as its store counts.
    pub boot: u64,
}

impl Seat {
    /// The seat of a voter that nobody has ever been.
    pub const EMPTY: Self = Self { term: 0, node: NodeId(0), boot: 0 };
}

/// The seats of all voters, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seats(Vec<Seat>);

impl Seats {
    /// So many empty seats.
    #[must_use]
    pub fn empty(count: usize) -> Self {
        Self(vec![Seat::EMPTY; count])
    }

    /// The seat of a voter.
    #[must_use]
    pub fn of(&self, voter: usize) -> Seat {
        self.0[voter]
    }

    /// Gives the seat of a voter to the greater of its holder and `seat`.
    pub fn raise(&mut self, voter: usize, seat: Seat) -> Changed {
        let changed = seat > self.0[voter];
        self.0[voter] = self.0[voter].max(seat);
        Changed(changed)
    }

    /// How many seats there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn put(&self, bytes: &mut Vec<u8>) {
        put_varint(bytes, self.0.len() as u64);
        for seat in &self.0 {
            put_varint(bytes, seat.term);
            bytes.extend_from_slice(&seat.node.0.to_le_bytes());
            put_varint(bytes, seat.boot);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.varint()?;
        if count > VOTERS_MAX as u64 {
            return Err(reader.error(DecodeCause::NumberTooLarge));
        }
        let mut seats = Vec::new();
        for _ in 0..count {
            let term = number(reader)?;
            let node = NodeId(u64::from_le_bytes(reader.array()?));
            seats.push(Seat { term, node, boot: number(reader)? });
        }
        Ok(Self(seats))
    }
}

/// A number that has been counted up from 0 by one at a time: a larger one than this is a mistake, and would
/// leave nothing to count on with.
fn number(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let number = reader.varint()?;
    if number < 1 << 62 { Ok(number) } else { Err(reader.error(DecodeCause::NumberTooLarge)) }
}

impl Lattice for Seats {
    /// Lists of different lengths belong to different voters, and are never merged: messages carry a hash of
    /// the voters' names.
    fn merge(&mut self, other: &Self) -> Changed {
        let mut changed = false;
        for (mine, &theirs) in self.0.iter_mut().zip(&other.0) {
            changed |= theirs > *mine;
            *mine = theirs.max(*mine);
        }
        Changed(changed)
    }
}

/// What a voter keeps on its disk about the seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The hash of the list of voters. Under another list nothing of this means anything.
    pub list: u64,
    /// Whether this node's data holds all that its seat has ever voted for. If not, it may not vote.
    pub is_whole: bool,
    /// What it knows of the seats.
    pub seats: Seats,
}

const VERSION: u8 = 1;

impl Kept {
    /// The bytes that are kept.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.list.to_le_bytes());
        bytes.push(u8::from(self.is_whole));
        self.seats.put(&mut bytes);
        bytes
    }

    /// Reads them back.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::versioned(bytes, VERSION)?;
        let list = u64::from_le_bytes(reader.array()?);
        let is_whole = reader.byte()? != 0;
        let seats = Seats::read(&mut reader)?;
        if reader.is_at_end() {
            Ok(Self { list, is_whole, seats })
        } else {
            Err(reader.error(DecodeCause::NumberTooLarge))
        }
    }
}

#[cfg(test)]
mod tests {
    use likewise_state::lattice_laws;
    use proptest::prelude::*;

    use super::*;

    fn any_seat() -> impl Strategy<Value = Seat> {
        (0..4u64, 0..3u64, 0..4u64).prop_map(|(term, node, boot)| Seat {
            term,
            node: NodeId(node),
            boot,
        })
    }

    fn any_seats() -> impl Strategy<Value = Seats> {
        prop::collection::vec(any_seat(), 3).prop_map(Seats)
    }

    lattice_laws!(seats, any_seats());

    proptest! {
        #[test]
        fn what_is_kept_comes_back(seats in any_seats(), list: u64, is_whole: bool) {
            let kept = Kept { list, is_whole, seats };
            let bytes = kept.encode();
            prop_assert_eq!(Kept::decode(&bytes), Ok(kept));
            prop_assert!(Kept::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn a_later_claim_beats_a_later_boot() {
        let before = Seat { term: 1, node: NodeId(9), boot: 40 };
        assert!(Seat { term: 1, node: NodeId(9), boot: 41 } > before);
        assert!(Seat { term: 2, node: NodeId(3), boot: 1 } > before);
        assert!(Seat::EMPTY < Seat { term: 1, node: NodeId(1), boot: 1 });
    }
}
