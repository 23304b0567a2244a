//! Locks, atomics and channels.

pub use shuttle::sync::{Arc, Mutex, PoisonError, atomic};

/// Channels with receivers that do time out: those of shuttle wait for ever.
pub mod mpsc {
    pub use shuttle::sync::mpsc::{
        RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryRecvError, TrySendError,
    };
    use std::cell::Cell;
    use std::time::Duration;

    use shuttle::rand::{Rng, thread_rng};

    use crate::thread::yield_now;
    use crate::time::Instant;

    /// How often in a row a receiver may be asked to wait for no time at all before the test fails: it
    /// is used by a loop that burns a core. A deadline that passes on the way to the wait happens, ten
    /// in a row don't.
    const IDLE_TURNS_MAX: u32 = 10;

    /// The receiving end.
    pub struct Receiver<T> {
        inner: shuttle::sync::mpsc::Receiver<T>,
        idle_turns: Cell<u32>,
    }

    /// A channel without a bound.
    #[must_use]
    pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let (sender, inner) = shuttle::sync::mpsc::channel();
        (sender, Receiver { inner, idle_turns: Cell::new(0) })
    }

    /// A channel that holds `bound` messages.
    #[must_use]
    pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
        let (sender, inner) = shuttle::sync::mpsc::sync_channel(bound);
        (sender, Receiver { inner, idle_turns: Cell::new(0) })
    }

    impl<T> Receiver<T> {
        /// Waits for a message.
        ///
        /// # Errors
        /// Where no one is left to send one.
        pub fn recv(&self) -> Result<T, RecvError> {
            self.idle_turns.set(0);
            self.inner.recv()
        }

        /// Waits for a message or for the time, whichever the schedule lets come first.
        ///
        /// # Errors
        /// Where the time has come, or no one is left to send anything.
        ///
        /// # Panics
        /// Where it is called again and again without a time to wait for.
        pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
            let deadline = Instant::at_present() + timeout;
            loop {
                match self.inner.try_recv() {
                    Ok(message) => {
                        self.idle_turns.set(0);
                        return Ok(message);
                    }
                    Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                    Err(TryRecvError::Empty) => {}
                }
                if Instant::at_present() >= deadline || thread_rng().r#gen() {
                    Instant::reach(deadline);
                    self.count_idle_turn(timeout);
                    return Err(RecvTimeoutError::Timeout);
                }
                yield_now();
            }
        }

        fn count_idle_turn(&self, timeout: Duration) {
            let turns = if timeout.is_zero() { self.idle_turns.get() + 1 } else { 0 };
            self.idle_turns.set(turns);
            assert!(turns <= IDLE_TURNS_MAX, "{turns} waits in a row had no time to wait for");
        }

        /// What is there, without waiting.
        pub fn try_iter(&self) -> impl Iterator<Item = T> {
            std::iter::from_fn(|| self.inner.try_recv().ok())
        }

        /// All messages, until no one is left to send one.
        pub fn iter(&self) -> impl Iterator<Item = T> {
            std::iter::from_fn(|| self.recv().ok())
        }
    }
}
