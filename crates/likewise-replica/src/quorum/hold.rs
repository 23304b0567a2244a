//! Posts to which writes wait for a few milliseconds, so that a reader finds the voters equal.
//!
//! A hold only ever delays: nothing that is safe without it becomes unsafe with it, and each ends by itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;

use crate::limits::{HOLD_REST, HOLD_TIME, HOLDS_MAX};
use crate::member::LinkId;
use crate::quorum::ballot::AskId;
use crate::quorum::request::Subject;
use crate::write::{RequestId, Writes};

/// What waits for a hold to end.
pub(crate) enum Held {
    /// Writes of a client.
    Writes(RequestId, Writes),
    /// A write that is to go to the voters.
    Write { request: RequestId, subject: Subject, user: String, target: CausalLength },
    /// What a coordinator wants joined; without a link it is this node.
    Merge { from: Option<LinkId>, id: AskId, entries: Delta },
}

struct Hold {
    /// Until when writes wait, as long as they do.
    until: Option<Duration>,
    /// When the next hold may begin.
    rest: Duration,
}

/// The holds of a node, and what waits for them.
#[derive(Default)]
pub(crate) struct Holds {
    posts: BTreeMap<Subject, Hold>,
    waiting: VecDeque<Held>,
}

impl Holds {
    /// Holds a post, unless it was held a moment ago. Whether it is a new hold.
    pub(crate) fn begin(&mut self, subject: &Subject, now: Duration) -> bool {
        if self.posts.get(subject).is_some_and(|hold| now < hold.rest) {
            return false;
        }
        self.posts.retain(|_, hold| now < hold.rest);
        if self.posts.len() >= HOLDS_MAX {
            return false;
        }
        let hold = Hold { until: Some(now + HOLD_TIME), rest: now + HOLD_REST };
        self.posts.insert(subject.clone(), hold);
        true
    }

    /// Ends a hold before its time.
    pub(crate) fn release(&mut self, subject: &Subject, now: Duration) {
        if let Some(hold) = self.posts.get_mut(subject) {
            hold.until = hold.until.map(|until| until.min(now));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// Whether writes to a post wait now.
    pub(crate) fn holds(&self, subject: &Subject, now: Duration) -> bool {
        self.posts.get(subject).is_some_and(|hold| hold.is_on(now))
    }

    /// Whether any of these likes is of a post that is held. O(likes) while anything is held.
    pub(crate) fn holds_any<'a>(
        &self,
        mut likes: impl Iterator<Item = Like<'a>>,
        now: Duration,
    ) -> bool {
        let is_held = |like: Like<'_>| {
            self.posts.iter().any(|(subject, hold)| hold.is_on(now) && subject.is_of(like))
        };
        !self.posts.is_empty() && likes.any(is_held)
    }

    /// Puts something behind a hold.
    pub(crate) fn wait(&mut self, held: Held) {
        self.waiting.push_back(held);
    }

    /// How much waits.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What is to be tried again because a hold has ended. Some of it may have to wait for another one.
    pub(crate) fn ended(&mut self, now: Duration) -> VecDeque<Held> {
        let mut has_ended = self.posts.is_empty();
        for hold in self.posts.values_mut() {
            has_ended |= hold.until.take_if(|until| *until <= now).is_some();
        }
        self.posts.retain(|_, hold| now < hold.rest);
        if has_ended { std::mem::take(&mut self.waiting) } else { VecDeque::new() }
    }

    /// When the first hold ends.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.posts.values().filter_map(|hold| hold.until).min()
    }
}

impl Hold {
    fn is_on(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use likewise_state::id::{Kind, PostId};

    use super::*;

    fn subject(post: &str) -> Subject {
        Subject::new(PostId::new(post).unwrap(), Kind::LIKE)
    }

    #[test]
    fn a_hold_ends_by_itself_and_writers_get_their_turn_before_the_next() {
        let (mut holds, hot, ms) = (Holds::default(), subject("hot"), Duration::from_millis);
        assert!(holds.begin(&hot, ms(0)) && holds.holds(&hot, ms(4)));
        assert!(!holds.holds(&hot, ms(5)) && !holds.holds(&subject("other"), ms(1)));
        assert!(!holds.begin(&hot, ms(9)), "writers have not had their turn");
        assert!(holds.begin(&hot, ms(10)));
        holds.release(&hot, ms(11));
        assert!(!holds.holds(&hot, ms(11)) && !holds.begin(&hot, ms(12)));
    }

    #[test]
    fn what_waits_goes_on_when_any_hold_has_ended() {
        let (mut holds, ms) = (Holds::default(), Duration::from_millis);
        holds.begin(&subject("hot"), ms(0));
        holds.wait(Held::Writes(RequestId(1), Writes::default()));
        assert!(holds.ended(ms(4)).is_empty());
        assert_eq!(holds.next_deadline(), Some(ms(5)));
        assert_eq!(holds.ended(ms(5)).len(), 1);
        assert_eq!((holds.waiting(), holds.next_deadline()), (0, None));
    }

    #[test]
    fn holds_are_bounded() {
        let mut holds = Holds::default();
        let begun = (0..2 * HOLDS_MAX)
            .filter(|n| holds.begin(&subject(&format!("post-{n}")), Duration::ZERO));
        assert_eq!(begun.count(), HOLDS_MAX);
    }
}
