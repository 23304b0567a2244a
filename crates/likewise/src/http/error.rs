//! Why a request was not served: one match from the error to its problem, one place that writes it.

use std::collections::BTreeMap;
use std::fmt;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use likewise_replica::membership::ForgetError;
use likewise_replica::write::Refusal;
use likewise_state::id::IdError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::denial::Denial;
use crate::backup::error::BackupError;
use crate::http::access;
use crate::http::limits::{
    BULK_BYTES_MAX, JSON_BYTES_MAX, PACE_BYTES_MIN, QUERY_POSTS_MAX, URI_BYTES_MAX,
};
use crate::http::problem::{self, Problem};
use crate::http::votes::{self, Unvoted};
use crate::node::WriteError;

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not served. Its `Display` is the `detail` of the answer.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// A post, user or kind is no id.
    Id(IdError),
    /// A part of the path is not UTF-8 once percent-decoded.
    IdEncoding {
        field: &'static str,
        value: String,
    },
    /// A parameter is missing or has a value that it can't have.
    Parameter {
        name: &'static str,
        problem: String,
    },
    /// The route has no such parameter.
    UnknownParameter {
        name: String,
        known: &'static [&'static str],
    },
    /// The body is not what the route expects.
    Body(String),
    /// A query names too many posts.
    TooManyPosts(usize),
    /// No route has this path.
    NotFound(String),
    /// The route has no such method.
    MethodNotAllowed {
        method: Method,
        path: String,
    },
    /// The body took too long.
    BodyTimeout {
        bytes: u64,
        seconds: u64,
    },
    BulkTooSlow {
        bytes: u64,
        seconds: u64,
    },
    /// The node refuses this write for good.
    Refused(Refusal),
    /// The JSON body is too long.
    JsonTooLarge,
    /// The bulk body is too long.
    BulkTooLarge,
    /// Path and query are too long.
    UriTooLong(usize),
    /// The body is said to be something else than JSON.
    MediaType(String),
    /// The client has sent more requests than it may.
    RateLimited {
        seconds: u32,
    },
    /// There are too many requests, bulk requests or connections.
    TooMany {
        what: &'static str,
        max: usize,
    },
    /// The node takes no write now.
    Write(WriteError),
    /// The node has not answered in time.
    Unanswered {
        seconds: u64,
    },
    /// The voters do not stand behind the answer.
    Unvoted(Unvoted),
    /// The node should not be sent requests.
    NotReady(String),
    /// A member can't be forgotten.
    Forget {
        name: String,
        error: ForgetError,
    },
    /// The request is not let in.
    Denied(Denial),
    /// The body is no part of a backup.
    Backup(BackupError),
    /// A bulk request failed after some of it had been accepted.
    Midway {
        cause: Box<Self>,
        what: &'static str,
        accepted: u64,
    },
}

impl ApiError {
    /// The kind of problem: the only place that maps errors to statuses.
    pub(crate) fn problem(&self) -> &'static Problem {
        match self {
            Self::Id(_) | Self::IdEncoding { .. } => &problem::INVALID_ID,
            Self::Parameter { .. } => &problem::INVALID_PARAMETER,
            Self::UnknownParameter { .. } => &problem::UNKNOWN_PARAMETER,
            Self::Body(_) => &problem::INVALID_BODY,
            Self::TooManyPosts(_) => &problem::TOO_MANY_POSTS,
            Self::NotFound(_) => &problem::NOT_FOUND,
            Self::MethodNotAllowed { .. } => &problem::METHOD_NOT_ALLOWED,
            Self::BodyTimeout { .. } | Self::BulkTooSlow { .. } => &problem::REQUEST_TIMEOUT,
            Self::Refused(Refusal::SeenTooFar { .. }) => &problem::SEEN_TOO_FAR,
            Self::Refused(Refusal::Frozen) => &problem::FROZEN,
            Self::JsonTooLarge | Self::BulkTooLarge => &problem::BODY_TOO_LARGE,
            Self::UriTooLong(_) => &problem::URI_TOO_LONG,
            Self::MediaType(_) => &problem::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited { .. } => &problem::RATE_LIMITED,
            Self::TooMany { .. } | Self::Write(WriteError::Overloaded) => &problem::OVERLOADED,
            Self::Write(WriteError::ReadOnly { .. }) => &problem::READ_ONLY,
            Self::Write(WriteError::ShuttingDown) => &problem::SHUTTING_DOWN,
            Self::Unanswered { .. } => &problem::OUTCOME_UNKNOWN,
            Self::Unvoted(unvoted) => unvoted.problem(),
            Self::NotReady(_) => &problem::NOT_READY,
            Self::Forget { error: ForgetError::Unknown, .. } => &problem::NO_MEMBER,
            Self::Forget { error: ForgetError::Active, .. } => &problem::MEMBER_ACTIVE,
            Self::Denied(Denial::Missing) => &problem::MISSING_TOKEN,
            Self::Denied(Denial::Right(_) | Denial::User { .. }) => &problem::FORBIDDEN,
            Self::Denied(_) => &problem::INVALID_TOKEN,
            Self::Backup(_) => &problem::INVALID_BACKUP,
            Self::Midway { cause, .. } => cause.problem(),
        }
    }

    /// The same, told to a client whose bulk request had got so far.
    pub(crate) fn midway(self, what: &'static str, accepted: u64) -> Self {
        Self::Midway { cause: Box::new(self), what, accepted }
    }

    /// The body of the answer.
    pub(crate) fn document(&self) -> ProblemDocument {
        let problem = self.problem();
        let shortfall = match self {
            Self::Unvoted(Unvoted::Short { shortfall, .. }) => Some(shortfall),
            _ => None,
        };
        ProblemDocument {
            r#type: format!("/problems/{}", problem.slug),
            title: problem.title.to_owned(),
            status: problem.status.as_u16(),
            detail: self.to_string(),
            voters_needed: shortfall.map(|shortfall| shortfall.majority),
            voters_answered: shortfall.map(votes::answered),
            voters: shortfall.map(votes::parts),
        }
    }

    fn seconds_to_retry(&self) -> Option<u32> {
        match self {
            Self::RateLimited { seconds } => Some(*seconds),
            _ => self.problem().retry_after,
        }
    }

    fn status(&self) -> StatusCode {
        self.problem().status
    }
}

/// Every error, as RFC 9457 writes it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// The kind of problem, stable for programs: a path where a text about it stands.
    #[schema(example = "/problems/invalid-parameter")]
    pub(crate) r#type: String,
    /// What the kind is called.
    pub(crate) title: String,
    /// The status of the answer once more.
    pub(crate) status: u16,
    /// What was wrong, the value, and what to do, for people.
    pub(crate) detail: String,
    /// How many voters make a majority. Of `no-majority` and `contended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) voters_needed: Option<usize>,
    /// How many voters answered, in the last round where there were several. Of `no-majority` and `contended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) voters_answered: Option<usize>,
    /// What each voter did, in words, by its name. Of `no-majority` and `contended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"a": "answered", "b": "not reached", "c": "catching up, without a vote"}))]
    pub(crate) voters: Option<BTreeMap<String, String>>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.document()).expect("a problem is always valid JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.seconds_to_retry() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::Denied(denial) = &self {
            headers.insert(WWW_AUTHENTICATE, access::challenge(denial));
        }
        response
    }
}

impl From<IdError> for ApiError {
    fn from(error: IdError) -> Self {
        Self::Id(error)
    }
}

impl From<Unvoted> for ApiError {
    fn from(unvoted: Unvoted) -> Self {
        Self::Unvoted(unvoted)
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn too_large(f: &mut fmt::Formatter<'_>, max: u64) -> fmt::Result {
    write!(f, "body is longer than {max} bytes: send it in parts")
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(error) => error.fmt(f),
            Self::IdEncoding { field, value } => write!(
                f,
                "{field} {value:?} is not UTF-8 once it is percent-decoded: encode the id as UTF-8, then percent-encode it"
            ),
            Self::Parameter { name, problem } => write!(f, "parameter {name:?} {problem}"),
            Self::UnknownParameter { name, known } => unknown_parameter(name, known, f),
            Self::Body(detail) => write!(f, "body: {detail}"),
            Self::TooManyPosts(posts) => write!(
                f,
                "posts names {posts} posts: name at most {QUERY_POSTS_MAX} and send the rest in another query"
            ),
            Self::NotFound(path) => {
                write!(f, "path {path:?} is not known: see /openapi.json for those that are")
            }
            Self::MethodNotAllowed { method, path } => write!(
                f,
                "method {method} is not taken at path {path:?}: use one that the header Allow names"
            ),
            Self::BodyTimeout { bytes, seconds } => write!(
                f,
                "body stood at {bytes} bytes when {seconds} seconds were over: send it faster, a repeat is safe"
            ),
            Self::BulkTooSlow { bytes, seconds } => write!(
                f,
                "body stood at {bytes} bytes, and fewer than {PACE_BYTES_MIN} had come while it was waited for {seconds} seconds: send it faster, a repeat is safe"
            ),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::JsonTooLarge => too_large(f, JSON_BYTES_MAX as u64),
            Self::BulkTooLarge => too_large(f, BULK_BYTES_MAX),
            Self::UriTooLong(bytes) => {
                write!(f, "path and query have {bytes} bytes: use at most {URI_BYTES_MAX}")
            }
            Self::MediaType(value) => write!(
                f,
                "header Content-Type is {value:?}: send JSON and say so with application/json"
            ),
            Self::RateLimited { seconds } => write!(
                f,
                "the client has sent more requests than it may: wait {seconds} s, and send no faster than the header RateLimit-Policy says"
            ),
            Self::TooMany { what, max } => write!(
                f,
                "the node already has {max} {what} at once, its limit: try again in a second, or at another node"
            ),
            Self::Write(error) => error.fmt(f),
            Self::Unanswered { seconds } => write!(
                f,
                "the write was not durable after {seconds} seconds and may still become so: repeat it, that is safe"
            ),
            Self::Unvoted(unvoted) => unvoted.fmt(f),
            Self::NotReady(detail) => f.write_str(detail),
            Self::Forget { name, error } => write!(f, "member {name:?}: {error}"),
            Self::Denied(denial) => denial.fmt(f),
            Self::Backup(error) => {
                write!(
                    f,
                    "body: {error}; send the blocks of a backup behind its header, as they are"
                )
            }
            Self::Midway { cause, what, accepted } => write!(
                f,
                "{cause}; {accepted} {what} had been accepted before, and to repeat the whole request is safe"
            ),
        }
    }
}

fn unknown_parameter(name: &str, known: &[&str], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match known {
        [] => write!(f, "parameter {name:?} is not known: the route takes none, leave it out"),
        _ => write!(
            f,
            "parameter {name:?} is not known: leave it out, or use one of {}",
            known.join(", ")
        ),
    }
}
