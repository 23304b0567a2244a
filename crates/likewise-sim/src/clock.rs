//! The clock of one machine: it runs a little fast or slow, and may jump.

use std::time::Duration;

/// A clock. It never goes back: the node asks for time that has passed, not for the date.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// True time, and what the clock showed then.
    set: (Duration, Duration),
    rate: f64,
}

impl Clock {
    /// A clock that shows 0 `now`, and goes `rate` times as fast as time does.
    #[must_use]
    pub const fn new(now: Duration, rate: f64) -> Self {
        Self { set: (now, Duration::ZERO), rate }
    }

    /// What it shows.
    #[must_use]
    pub fn shows(&self, now: Duration) -> Duration {
        let (at, shown) = self.set;
        shown + now.saturating_sub(at).mul_f64(self.rate)
    }

    /// When it will show this time: never before `now`.
    #[must_use]
    pub fn when(&self, shows: Duration, now: Duration) -> Duration {
        let (at, shown) = self.set;
        // Rounded up, or whoever waits for that moment is woken just before it again and again.
        let wait = shows.saturating_sub(shown).div_f64(self.rate) + Duration::from_nanos(2);
        (at + wait).max(now)
    }

    /// Leaps ahead, as after the machine has slept.
    pub fn jump(&mut self, now: Duration, by: Duration) {
        self.set = (now, self.shows(now) + by);
    }
}
