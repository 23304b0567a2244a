//! What is wrong with others is logged once in a while, not a thousand times a second.
//!
//! Whoever has no secret can write any source address on a packet. So one complaint an address is not
//! enough of a bound: there is one over all addresses too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Time between two complaints of the same kind about the same address.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Complaints that are made within one such interval, over all addresses. When there are more, one line
/// says so, and the rest is only counted in the metrics.
const COMPLAINTS_MAX: u32 = 20;

/// What was complained of lately.
#[derive(Default)]
pub(crate) struct Complaints {
    /// When each was made last. As many as two intervals have room for.
    made: HashMap<(IpAddr, &'static str), Instant>,
    /// When the interval began that is counted.
    began: Option<Instant>,
    /// Complaints in it, those included that were not made for want of room.
    count: u32,
}

/// What to do about a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Say it.
    Say,
    /// Say that there are more than will be said.
    SayThatThereAreMore,
    /// Say nothing: it was said lately, or too much was.
    BeSilent,
}

impl Complaints {
    /// Whether it is time to say this. Where it is only one too many, a line in the log says so.
    pub(crate) fn is_due(&mut self, about: IpAddr, reason: &'static str, now: Instant) -> bool {
        let verdict = self.judge(about, reason, now);
        if verdict == Verdict::SayThatThereAreMore {
            tracing::warn!(
                "and more, not logged: see the metrics gossip_refused, link_refused and link_broken"
            );
        }
        verdict == Verdict::Say
    }

    fn judge(&mut self, about: IpAddr, reason: &'static str, now: Instant) -> Verdict {
        if self.began.is_none_or(|began| now >= began + COMPLAINT_INTERVAL) {
            self.began = Some(now);
            self.count = 0;
            self.made.retain(|_, &mut last| now < last + COMPLAINT_INTERVAL);
        }
        let last = self.made.get(&(about, reason));
        if last.is_some_and(|&last| now < last + COMPLAINT_INTERVAL) {
            return Verdict::BeSilent;
        }
        self.count = self.count.saturating_add(1);
        if self.count > COMPLAINTS_MAX {
            let is_first = self.count == COMPLAINTS_MAX + 1;
            return if is_first { Verdict::SayThatThereAreMore } else { Verdict::BeSilent };
        }
        self.made.insert((about, reason), now);
        Verdict::Say
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(n: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + n).to_be_bytes())
    }

    #[test]
    fn each_complaint_is_made_once_a_minute() {
        let mut complaints = Complaints::default();
        let now = Instant::now();
        assert!(complaints.is_due(about(1), "a", now));
        assert!(!complaints.is_due(about(1), "a", now));
        assert!(complaints.is_due(about(1), "b", now));
        assert!(complaints.is_due(about(2), "a", now));
        assert!(complaints.is_due(about(1), "a", now + COMPLAINT_INTERVAL));
    }

    #[test]
    fn a_flood_from_everywhere_is_a_few_lines_a_minute_and_little_memory() {
        let mut complaints = Complaints::default();
        let start = Instant::now();
        for minute in 0..3 {
            let now = start + minute * COMPLAINT_INTERVAL;
            let verdicts: Vec<Verdict> =
                (0..1_000).map(|n| complaints.judge(about(n), "a", now)).collect();
            let (said, rest) = verdicts.split_at(COMPLAINTS_MAX as usize);
            assert!(said.iter().all(|&verdict| verdict == Verdict::Say));
            assert_eq!(rest[0], Verdict::SayThatThereAreMore);
            assert!(rest[1..].iter().all(|&verdict| verdict == Verdict::BeSilent));
            assert!(complaints.made.len() <= 2 * COMPLAINTS_MAX as usize);
        }
    }
}
