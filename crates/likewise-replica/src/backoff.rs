//! Waits between attempts to open a link: they grow, each with a share of chance, so that nodes do not all
//! come back at once.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::limits::{BACKOFF_MAX, BACKOFF_MIN};
use crate::member::NodeId;

/// The waits of one node for another.
pub struct Backoff {
    random: SmallRng,
    wait: Duration,
}

impl Backoff {
    /// The waits of `me` for `other`. Both ids count: the nodes that wait for one restarted node must not
    /// all draw the same waits.
    #[must_use]
    pub fn new(me: NodeId, other: NodeId) -> Self {
        let seed = me.0.rotate_left(32) ^ other.0;
        Self { random: SmallRng::seed_from_u64(seed), wait: BACKOFF_MIN }
    }

    /// A link that was open for `lasted` has ended. One that lasted was a good one, so the waits are short
    /// again.
    pub fn link_ended(&mut self, lasted: Duration) {
        if lasted > BACKOFF_MAX {
            self.wait = BACKOFF_MIN;
        }
    }

    /// How long to wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.wait.mul_f64(self.random.random_range(0.5..1.0));
        self.wait = (self.wait * 2).min(BACKOFF_MAX);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_wait_for_the_same_one_wait_for_different_times() {
        let waits = |me, other| {
            let mut backoff = Backoff::new(NodeId(me), NodeId(other));
            [(); 8].map(|()| backoff.next_wait())
        };
        assert_eq!(waits(1, 9), waits(1, 9));
        assert_ne!(waits(1, 9), waits(2, 9));
        assert_ne!(waits(1, 9), waits(9, 1));
        assert!(waits(1, 9).iter().all(|wait| (BACKOFF_MIN / 2..BACKOFF_MAX).contains(wait)));
    }

    #[test]
    fn only_a_link_that_lasted_makes_the_waits_short_again() {
        let mut backoff = Backoff::new(NodeId(1), NodeId(2));
        let long = (0..10).map(|_| backoff.next_wait()).max();
        assert!(long > Some(BACKOFF_MAX / 2));
        backoff.link_ended(BACKOFF_MAX);
        assert!(backoff.next_wait() >= BACKOFF_MAX / 2);
        backoff.link_ended(BACKOFF_MAX + BACKOFF_MIN);
        assert!(backoff.next_wait() <= BACKOFF_MIN);
    }
}
