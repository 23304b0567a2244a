//! What is wrong with others is logged once in a while, not a thousand times a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Time between two complaints of the same kind about the same address.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Complaints that are remembered. When there are more, all are forgotten, and a few may be made twice.
const COMPLAINTS_MAX: usize = 256;

/// What was complained of lately.
#[derive(Default)]
pub(crate) struct Complaints(HashMap<(IpAddr, &'static str), Instant>);

impl Complaints {
    /// Whether it is time to say this.
    pub(crate) fn is_due(&mut self, about: IpAddr, reason: &'static str, now: Instant) -> bool {
        let last = self.0.get(&(about, reason));
        if last.is_some_and(|&last| now < last + COMPLAINT_INTERVAL) {
            return false;
        }
        if self.0.len() >= COMPLAINTS_MAX {
            self.0.clear();
        }
        self.0.insert((about, reason), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_complaint_is_made_once_a_minute_and_memory_is_bounded() {
        let mut complaints = Complaints::default();
        let now = Instant::now();
        let about = |n: u8| IpAddr::from([10, 0, 0, n]);
        assert!(complaints.is_due(about(1), "a", now));
        assert!(!complaints.is_due(about(1), "a", now));
        assert!(complaints.is_due(about(1), "b", now));
        assert!(complaints.is_due(about(2), "a", now));
        assert!(complaints.is_due(about(1), "a", now + COMPLAINT_INTERVAL));
        (0..=255).for_each(|n| assert!(complaints.is_due(about(n), "c", now)));
        assert!(complaints.0.len() <= COMPLAINTS_MAX);
    }
}
