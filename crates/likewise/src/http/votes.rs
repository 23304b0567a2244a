//! What a request asks of the voters, and what it is told where they fall short.
//!
//! ```text
//! PUT /v1/posts/p/likes/u?consistency=linearizable&timeout=500ms
//! ```
//!
//! The replica keeps the time, from the moment at which it takes the request: nothing in here gives up
//! before it does, because only the replica knows which voter did what.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use likewise_replica::quorum::request::{Agreed, Level, Operation, Part, Shortfall};

use crate::consistency::Consistency;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::limits::{VOTE_TIME_DEFAULT, VOTE_TIME_MAX, VOTE_TIME_MIN};
use crate::http::parameters::Parameters;
use crate::http::problem::{self, Problem};
use crate::node::VoteError;

/// What a request asks of the voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    /// What they are to stand behind.
    pub(crate) level: Level,
    /// How long that may take.
    pub(crate) timeout: Duration,
}

impl<const N: usize> Parameters<'_, N> {
    /// What is asked of the voters, of a request about one like; `None` where that is nothing. `default` is
    /// what the node does for whoever does not say.
    pub(crate) fn vote(&self, default: Consistency) -> Result<Option<Vote>, ApiError> {
        let asked = self.text("consistency").map(|text| {
            Consistency::parse(text).ok_or_else(|| ApiError::Parameter {
                name: "consistency",
                problem: format!("is {text:?}: use {}", Consistency::NAMES),
            })
        });
        let level = asked.transpose()?.unwrap_or(default).level();
        let timeout = self.text("timeout").map(timeout).transpose()?;
        match (level, timeout) {
            (Some(level), timeout) => {
                Ok(Some(Vote { level, timeout: timeout.unwrap_or(VOTE_TIME_DEFAULT) }))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => Err(ApiError::Parameter {
                name: "timeout",
                problem: "means nothing with the consistency local, which waits for no voter: leave it out, \
                          or ask for quorum or linearizable"
                    .to_owned(),
            }),
        }
    }

    /// The same of a request about whole posts: how long it may take, or `None` where no voter is asked.
    pub(crate) fn vote_on_posts(&self, default: Consistency) -> Result<Option<Duration>, ApiError> {
        match self.vote(default)? {
            None => Ok(None),
            Some(Vote { level: Level::Linearizable, timeout }) => Ok(Some(timeout)),
            Some(Vote { level: Level::Quorum, .. }) => {
                Err(Unvoted::NotOffered { is_default: self.text("consistency").is_none() }.into())
            }
        }
    }
}

fn timeout(text: &str) -> Result<Duration, ApiError> {
    let timeout = humantime::parse_duration(text).ok();
    let fits = |timeout: &Duration| (VOTE_TIME_MIN..=VOTE_TIME_MAX).contains(timeout);
    timeout.filter(fits).ok_or_else(|| ApiError::Parameter {
        name: "timeout",
        problem: format!(
            "is {text:?}: give a time from {VOTE_TIME_MIN:?} to {VOTE_TIME_MAX:?} with its unit, such as \
             500ms or 2s"
        ),
    })
}

impl Api {
    /// Does what the voters are to stand behind. `retry` is how to go on where a write may still take effect.
    pub(crate) async fn agree(
        &self,
        operation: Operation,
        timeout: Duration,
        retry: Retry,
    ) -> Result<Agreed, ApiError> {
        self.node.coordinate(operation, timeout).await.map_err(|error| match error {
            VoteError::NoVoters => Unvoted::NoVoters.into(),
            VoteError::Short(shortfall) => Unvoted::Short { shortfall, timeout, retry }.into(),
            VoteError::Refused(refusal) => ApiError::Refused(refusal),
            VoteError::Write(error) => ApiError::Write(error),
        })
    }
}

/// Why the voters do not stand behind an answer.
#[derive(Debug)]
pub(crate) enum Unvoted {
    /// They can't: this level is about one like, and the request is about many.
    NotOffered {
        /// Whether the node's settings asked for it, and not the client.
        is_default: bool,
    },
    /// The node knows of none.
    NoVoters,
    /// Too few of them answered, or never alike.
    Short {
        /// Who did what.
        shortfall: Shortfall,
        /// The time that they had.
        timeout: Duration,
        /// How to go on where a write may still take effect.
        retry: Retry,
    },
}

impl Unvoted {
    /// The kind of problem.
    pub(crate) fn problem(&self) -> &'static Problem {
        match self {
            Self::NotOffered { .. } => &problem::CONSISTENCY_NOT_OFFERED,
            Self::NoVoters => &problem::NO_VOTERS,
            Self::Short { shortfall, .. } if shortfall.is_contended => &problem::CONTENDED,
            Self::Short { .. } => &problem::NO_MAJORITY,
        }
    }
}

impl fmt::Display for Unvoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered { is_default } => write!(
                f,
                "the consistency quorum{} is about one like at a time, and this is about all likes of a post: \
                 add consistency=linearizable, or consistency=local for what this node has heard",
                if *is_default { ", which this node's settings make the default," } else { "" }
            ),
            Self::NoVoters => write!(
                f,
                "this node knows of no voters that could stand behind more than its own state: start all nodes \
                 with the same --voters, or ask for the consistency local"
            ),
            Self::Short { shortfall, timeout, retry } => {
                f.write_str(&detail(shortfall, *timeout, *retry))
            }
        }
    }
}

/// How to go on after a write of which nobody knows whether it takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It had `seen`: to repeat it as it was is safe.
    AsItWas,
    /// It had none: to repeat it could change the like once more, after somebody else did.
    ReadFirst,
}

/// What the voters did, in a sentence.
fn detail(shortfall: &Shortfall, timeout: Duration, retry: Retry) -> String {
    let parts = |(name, part): &(String, Part)| format!("{name} {}", part.as_str());
    let voters: Vec<String> = shortfall.voters.iter().map(parts).collect();
    let (count, majority) = (shortfall.voters.len(), shortfall.majority);
    if shortfall.is_contended {
        return format!(
            "others write to the post all the time, so that no majority of the {count} voters ever held the \
             same: try again ({})",
            voters.join(", ")
        );
    }
    let after = match (shortfall.may_take_effect, retry) {
        (false, _) => "try again, or ask for the consistency local",
        (true, Retry::AsItWas) => {
            "the write may still take effect, a repeat with the same `seen` is safe"
        }
        (true, Retry::ReadFirst) => {
            "the write may still take effect: read the version first, then write with it as `seen`, which is \
             safe to repeat"
        }
    };
    format!(
        "{majority} of {count} voters are needed and {} answered within {timeout:?}: {}; {after}",
        answered(shortfall),
        voters.join(", ")
    )
}

/// How many voters answered.
pub(crate) fn answered(shortfall: &Shortfall) -> usize {
    shortfall.voters.iter().filter(|(_, part)| *part == Part::Answered).count()
}

/// What each voter did, by its name.
pub(crate) fn parts(shortfall: &Shortfall) -> BTreeMap<String, String> {
    let parts = shortfall.voters.iter();
    parts.map(|(name, part)| (name.clone(), part.as_str().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::*;

    fn vote(query: &str, default: Consistency) -> Result<Option<Vote>, String> {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        let parameters = Parameters::parse(&uri, &["consistency", "timeout"]);
        parameters.and_then(|it| it.vote(default)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_asked_for_goes_over_what_the_node_does_by_itself() {
        let (local, linearizable) = (Consistency::Local, Consistency::Linearizable);
        let asks = |level, timeout| Ok(Some(Vote { level, timeout }));
        assert_eq!(vote("", local), Ok(None));
        assert_eq!(vote("consistency=local", linearizable), Ok(None));
        assert_eq!(vote("", linearizable), asks(Level::Linearizable, VOTE_TIME_DEFAULT));
        let quorum = asks(Level::Quorum, Duration::from_millis(1_500));
        assert_eq!(vote("consistency=quorum&timeout=1500ms", local), quorum);
        assert_eq!(vote("consistency=quorum&timeout=1s+500ms", linearizable), quorum);
        for timeout in ["1ms", "30s", "30000ms", "0.5s"] {
            assert!(vote(&format!("timeout={timeout}"), linearizable).is_ok(), "{timeout}");
        }
    }

    #[test]
    fn a_time_out_of_bounds_or_without_a_unit_is_told_what_to_be() {
        for timeout in ["", "0s", "999us", "30001ms", "1h", "2", "-1s", "soon"] {
            let problem = vote(&format!("timeout={timeout}"), Consistency::Quorum).unwrap_err();
            let expected =
                format!("parameter \"timeout\" is {timeout:?}: give a time from 1ms to 30s");
            assert!(problem.starts_with(&expected), "{problem}");
        }
        let problem = vote("timeout=1s", Consistency::Local).unwrap_err();
        assert!(problem.contains("leave it out"), "{problem}");
        let problem = vote("consistency=strong", Consistency::Local).unwrap_err();
        assert!(problem.contains("\"strong\": use local, quorum or linearizable"), "{problem}");
    }

    #[test]
    fn a_shortfall_says_who_did_what_and_what_to_do() {
        let voters = [("a", Part::Answered), ("b", Part::NoLink), ("c", Part::Fresh)];
        let voters = voters.map(|(name, part)| (name.to_owned(), part)).to_vec();
        let timeout = Duration::from_millis(500);
        let mut shortfall =
            Shortfall { majority: 2, voters, may_take_effect: true, is_contended: false };
        let expected = "2 of 3 voters are needed and 1 answered within 500ms: a answered, b not reached, \
                        c catching up, without a vote; the write may still take effect";
        for (retry, advice) in [
            (Retry::AsItWas, ", a repeat with the same `seen` is safe"),
            (Retry::ReadFirst, ": read the version first, then write with it as `seen`"),
        ] {
            let detail = detail(&shortfall, timeout, retry);
            assert!(detail.starts_with(&format!("{expected}{advice}")), "{detail}");
        }
        shortfall.may_take_effect = false;
        let detail = detail(&shortfall, timeout, Retry::ReadFirst);
        assert!(!detail.contains("effect") && detail.ends_with("consistency local"), "{detail}");
        shortfall.is_contended = true;
        let detail = super::detail(&shortfall, timeout, Retry::ReadFirst);
        assert!(detail.contains("others write to the post all the time"), "{detail}");
    }
}
