//! Writes to a post that wait for a few milliseconds, so that a reader finds the voters equal.
//!
//! A hold is of the post's slot: it takes in a thousandth of all other posts, and costs nothing to look up. It
//! only ever delays, and each thing once: nothing that is safe without it becomes unsafe with it.

use std::collections::VecDeque;
use std::time::Duration;

use likewise_state::delta::Delta;
use likewise_state::slot::SLOTS;

use crate::limits::{HOLD_REST, HOLD_TIME};
use crate::member::LinkId;
use crate::quorum::ballot::AskId;
use crate::quorum::writing::Target;
use crate::write::{RequestId, Writes};

/// What waits for a hold to end.
pub(crate) enum Held {
    /// Writes of a client.
    Writes(RequestId, Writes),
    /// A write that is to go to the voters.
    Write(Target),
    /// What a coordinator wants joined; without a link it is this node.
    Merge { from: Option<LinkId>, id: AskId, entries: Delta },
}

impl Held {
    /// The bytes that it takes, about.
    fn bytes(&self) -> usize {
        match self {
            Self::Writes(_, writes) => writes.bytes(),
            Self::Write(target) => target.user.len(),
            Self::Merge { entries, .. } => entries.as_bytes().len(),
        }
    }
}

/// The holds of a node, and what waits for them.
pub(crate) struct Holds {
    /// Until when writes to each slot wait.
    until: Box<[Duration; SLOTS]>,
    /// When the next hold of each slot may begin.
    rest: Box<[Duration; SLOTS]>,
    /// The ends of all holds, oldest first: each is as long as the others.
    ends: VecDeque<(Duration, usize)>,
    waiting: VecDeque<Held>,
    waiting_bytes: usize,
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            until: Box::new([Duration::ZERO; SLOTS]),
            rest: Box::new([Duration::ZERO; SLOTS]),
            ends: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }
}

impl Holds {
    /// Holds a slot, unless it was held a moment ago. Whether it is a new hold.
    pub(crate) fn begin(&mut self, slot: usize, now: Duration) -> bool {
        if now < self.rest[slot] {
            return false;
        }
        self.until[slot] = now + HOLD_TIME;
        self.rest[slot] = now + HOLD_REST;
        self.ends.push_back((self.until[slot], slot));
        true
    }

    /// Ends a hold before its time.
    pub(crate) fn release(&mut self, slot: usize, now: Duration) {
        if now < self.until[slot] {
            self.until[slot] = now;
            self.ends.retain(|&(_, held)| held != slot);
            self.ends.push_front((now, slot));
        }
    }

    /// Whether nothing is held, and nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.waiting.is_empty()
    }

    /// Whether writes to a slot wait now.
    pub(crate) fn holds(&self, slot: usize, now: Duration) -> bool {
        now < self.until[slot]
    }

    /// Whether writes to any of these slots wait now. Looks at none of them while nothing is held.
    pub(crate) fn holds_any(&self, mut slots: impl Iterator<Item = usize>, now: Duration) -> bool {
        !self.ends.is_empty() && slots.any(|slot| self.holds(slot, now))
    }

    /// Puts something behind the holds.
    pub(crate) fn wait(&mut self, held: Held) {
        self.waiting_bytes += held.bytes();
        self.waiting.push_back(held);
    }

    /// How much waits, and how many bytes it takes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting_bytes)
    }

    /// What is to be done because a hold has ended: all that waits, or what waits for one hold and then for
    /// another could wait for ever.
    pub(crate) fn ended(&mut self, now: Duration) -> VecDeque<Held> {
        let before = self.ends.len();
        while self.ends.front().is_some_and(|&(end, _)| end <= now) {
            self.ends.pop_front();
        }
        if self.ends.len() == before && before > 0 {
            return VecDeque::new();
        }
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    /// When the first hold ends.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.ends.front().map(|&(end, _)| end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOT: usize = 7;

    #[test]
    fn a_hold_ends_by_itself_and_writers_get_their_turn_before_the_next() {
        let (mut holds, ms) = (Holds::default(), Duration::from_millis);
        assert!(holds.begin(HOT, ms(0)) && holds.holds(HOT, ms(4)));
        assert!(!holds.holds(HOT, ms(5)) && !holds.holds(8, ms(1)));
        assert!(holds.holds_any([8, HOT].into_iter(), ms(4)));
        assert!(!holds.begin(HOT, ms(9)), "writers have not had their turn");
        assert!(holds.begin(HOT, ms(10)));
        holds.release(HOT, ms(11));
        assert!(!holds.holds(HOT, ms(11)) && !holds.begin(HOT, ms(12)));
    }

    #[test]
    fn what_waits_goes_on_when_any_hold_has_ended() {
        let (mut holds, ms) = (Holds::default(), Duration::from_millis);
        holds.begin(HOT, ms(0));
        holds.begin(8, ms(3));
        holds.wait(Held::Writes(RequestId(1), Writes::default()));
        assert!(holds.ended(ms(4)).is_empty());
        assert_eq!(holds.next_deadline(), Some(ms(5)));
        assert_eq!(holds.ended(ms(5)).len(), 1);
        assert_eq!((holds.waiting(), holds.next_deadline()), ((0, 0), Some(ms(8))));
        holds.wait(Held::Writes(RequestId(2), Writes::default()));
        holds.release(8, ms(6));
        assert_eq!(holds.ended(ms(6)).len(), 1);
        assert!(holds.is_empty());
    }
}
