//! A clock that the schedule moves. Between any two looks at it there may have been no time, or more
//! than any deadline asks for; a wait ends when its time has come or before. So whatever holds here
//! holds on a machine of any speed, with a disk of any speed.

use std::cell::Cell;
use std::ops::Add;

pub use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};

/// How often the clock has moved since the last look, as one in so many.
const JUMP_ODDS: u32 = 12;

/// How far it moves then: less than any wait of the journal, more than a sync is put off, more than a
/// full disk is given.
const JUMPS: [Duration; 3] =
    [Duration::from_millis(1), Duration::from_millis(150), Duration::from_millis(2_500)];

thread_local! {
    /// Of the test that runs on this thread. It goes on from one schedule to the next, which nobody can
    /// see: only differences count.
    static CLOCK: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

impl Instant {
    /// The present moment, some time after the last look or none.
    #[must_use]
    pub fn now() -> Self {
        let mut random = thread_rng();
        if random.gen_ratio(1, JUMP_ODDS) {
            let jump = JUMPS[random.gen_range(0..JUMPS.len())];
            Self::reach(Self::at_present() + jump);
        }
        Self::at_present()
    }

    pub(crate) fn at_present() -> Self {
        Self(CLOCK.get())
    }

    /// Moves the clock to `moment`, unless it is there already.
    pub(crate) fn reach(moment: Self) {
        CLOCK.set(CLOCK.get().max(moment.0));
    }

    /// The time since then.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    /// The time from `earlier` on, none where that is later.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}
