//! Going, cleanly: in steps, and nothing that comes in meanwhile is listened to.

use std::time::Duration;

use super::notice::Notice;
use super::{Membership, Output};
use crate::limits::{LEAVE_STEP, LEAVE_STEPS};

/// A leave goes in steps, so that whoever has a link hears first that it is meant.
pub(super) struct Leaving {
    steps: u32,
    pub(super) next: Duration,
}

impl Membership {
    /// Goes, cleanly. Call [`Self::tick`] until [`Self::has_left`].
    pub fn leave(&mut self, now: Duration) {
        self.now = now;
        if self.leaving.is_none() {
            self.leaving = Some(Leaving { steps: 0, next: now });
            self.step_out();
        }
    }

    /// Whether everybody has been told that this node goes.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.leaving.as_ref().is_some_and(|leaving| leaving.steps >= LEAVE_STEPS)
    }

    pub(super) fn step_out(&mut self) {
        let me = *self.me();
        let Some(leaving) = self.leaving.as_mut().filter(|leaving| leaving.next <= self.now) else {
            return;
        };
        let step = leaving.steps;
        leaving.steps += 1;
        leaving.next = self.now + LEAVE_STEP;
        // Packets get lost, so the news goes out more than once. Nobody is left to be told of an error.
        let _ = match step {
            0 => {
                self.outputs.push_back(Output::Tell { notice: Notice::Leaving(me).encode() });
                Ok(())
            }
            1 => self.foca.leave_cluster(&mut self.runtime),
            _ => self.foca.gossip(&mut self.runtime),
        };
        self.settle();
    }
}
