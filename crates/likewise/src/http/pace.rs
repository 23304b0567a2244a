//! How slowly a long body may come: what takes one of the few places for bulk requests must make use of it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::http::limits::PACE_BYTES_MIN;

/// Watches over a body that is read piece by piece. Only the time that is spent waiting for the client
/// counts: while the node is busy with what has come, nobody is slow.
pub(crate) struct Pace {
    /// How long the client may take for [`PACE_BYTES_MIN`].
    time: Duration,
    waited: Duration,
    bytes: usize,
}

impl Pace {
    pub(crate) const fn new(time: Duration) -> Self {
        Self { time, waited: Duration::ZERO, bytes: 0 }
    }

    /// Waits for the next piece; `None` where it takes too long.
    pub(crate) async fn wait_for<T>(&mut self, piece: impl Future<Output = T>) -> Option<T> {
        let began = Instant::now();
        let piece = timeout(self.time.saturating_sub(self.waited), piece).await.ok();
        self.waited += began.elapsed();
        piece
    }

    /// So much has come.
    pub(crate) const fn came(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= PACE_BYTES_MIN {
            self.bytes = 0;
            self.waited = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const TIME: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_too_slow() {
        let mut pace = Pace::new(TIME);
        let mut came = 0;
        while pace.wait_for(sleep(Duration::from_secs(1))).await.is_some() {
            pace.came(1);
            came += 1;
            assert!(came < 60, "it goes on for ever");
        }
        assert!(came >= 29, "{came} bytes in time");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_keeps_up_may_go_on_and_the_time_of_the_node_does_not_count() {
        let mut pace = Pace::new(TIME);
        for _ in 0..100 {
            assert!(pace.wait_for(sleep(TIME / 2)).await.is_some());
            pace.came(PACE_BYTES_MIN);
            sleep(TIME * 2).await;
        }
        assert!(pace.wait_for(pending::<()>()).await.is_none());
    }
}
