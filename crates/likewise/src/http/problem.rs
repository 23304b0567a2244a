//! The catalogue of problems: a stable name, a status and a page of text for each.
//!
//! Source: RFC 9457. Clients may match on `type`, so a slug, once released, is never changed.

use axum::http::StatusCode;

/// One kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The last part of its `type`, `/problems/SLUG`.
    pub(crate) slug: &'static str,
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// What it is called.
    pub(crate) title: &'static str,
    /// Seconds after which to try again, where that can help.
    pub(crate) retry_after: Option<u32>,
    /// What it means and what to do.
    pub(crate) about: &'static str,
}

macro_rules! problems {
    ($($name:ident = $slug:literal, $status:ident, $title:literal, $retry:expr, $about:literal;)*) => {
        $(pub(crate) static $name: Problem = Problem {
            slug: $slug,
            status: StatusCode::$status,
            title: $title,
            retry_after: $retry,
            about: $about,
        };)*

        /// All problems.
        pub(crate) static ALL: &[&Problem] = &[$(&$name),*];
    };
}

problems! {
    INVALID_ID = "invalid-id", BAD_REQUEST, "An id or a kind is not valid", None,
        "Post and user ids are 1 to 512 bytes of UTF-8. In a path they are percent-encoded. A kind is 1 to 32 characters out of a to z, 0 to 9, '_' and '-'.";
    INVALID_PARAMETER = "invalid-parameter", BAD_REQUEST, "A query parameter is not valid", None,
        "A parameter is missing, given twice or has a value out of its range. The detail names it.";
    UNKNOWN_PARAMETER = "unknown-parameter", BAD_REQUEST, "A query parameter is not known", None,
        "Parameters that the route does not know are refused, so that a typing error is not silently ignored.";
    INVALID_BODY = "invalid-body", BAD_REQUEST, "The body is not valid", None,
        "The body is not the JSON that the route expects. The detail says where. /openapi.json describes each body.";
    INVALID_BACKUP = "invalid-backup", BAD_REQUEST, "The body is no backup, or a damaged one", None,
        "POST /v1/restore takes the blocks of a backup behind its header, as GET /v1/backup gave them. The detail says at which byte of the body it was something else. `likewise restore --check FILE` checks a file; use another copy of it or another backup.";
    TOO_MANY_POSTS = "too-many-posts", BAD_REQUEST, "Too many posts in one query", None,
        "A query names at most 1000 posts. Send the rest in another query.";
    MISSING_TOKEN = "missing-token", UNAUTHORIZED, "The request shows no token", None,
        "The node lets only those in who show a token: send it in the header Authorization, as Bearer TOKEN. The node's operator makes tokens with `likewise token`, or names the issuer whose JWTs are taken. /openapi.json says what each route needs.";
    INVALID_TOKEN = "invalid-token", UNAUTHORIZED, "The token is not valid", None,
        "The token is none that the node knows, or it is a JWT that has expired, was signed by another key, or is of another issuer or for another audience. The detail says what to do.";
    FORBIDDEN = "forbidden", FORBIDDEN, "The token does not give the right", None,
        "The token is valid, and does not give the right that the request needs: read, write (which includes read) or admin (which includes both). A JWT gives read, and lets its own user, whom its sub names, like and unlike.";
    NOT_FOUND = "not-found", NOT_FOUND, "There is no such route", None,
        "The path is none that this service knows. /openapi.json lists all of them. Ids in a path must not be empty, and a slash within an id is written %2F.";
    METHOD_NOT_ALLOWED = "method-not-allowed", METHOD_NOT_ALLOWED, "The route does not take this method", None,
        "The header Allow lists the methods that the route takes.";
    REQUEST_TIMEOUT = "request-timeout", REQUEST_TIMEOUT, "The body took too long to arrive", None,
        "A JSON body has 30 seconds to arrive as a whole, and a bulk body may stand still for 30 seconds. Writes may be repeated safely.";
    SEEN_TOO_FAR = "seen-too-far", CONFLICT, "The version seen is too far ahead", None,
        "`seen` is the version that an earlier answer gave for the same post, kind and user. One that is far beyond what the node holds can't have come from there.";
    FROZEN = "frozen", CONFLICT, "The like can't change any more", None,
        "This one like has changed 2147483647 times, which is the most that a like can. It stays as it is.";
    BODY_TOO_LARGE = "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large", None,
        "A JSON body has at most 1 MiB, a bulk body at most 1 GiB. Send it in parts.";
    URI_TOO_LONG = "uri-too-long", URI_TOO_LONG, "The path and query are too long", None,
        "Path and query together have at most 8 KiB.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body is not said to be JSON", None,
        "Send the body with the header Content-Type: application/json.";
    RATE_LIMITED = "rate-limited", TOO_MANY_REQUESTS, "The client sends too many requests", Some(1),
        "The client has sent more requests than this node answers to one client, and nothing was done about this one. Try again after the seconds in Retry-After. The header RateLimit-Policy says how many requests (q) fit in how many seconds (w), RateLimit how many are left (r). Many likes in one bulk request count as one request.";
    OVERLOADED = "overloaded", SERVICE_UNAVAILABLE, "The node is overloaded", Some(1),
        "The node has as much work as it can bear and has done nothing about this request. Try again after the seconds in Retry-After, or at another node.";
    READ_ONLY = "read-only", SERVICE_UNAVAILABLE, "The node can't write", Some(5),
        "The node's disk is full or fails. It goes on answering reads. What was acknowledged before is safe. Writes may be repeated safely, here later or at another node.";
    OUTCOME_UNKNOWN = "outcome-unknown", SERVICE_UNAVAILABLE, "The write has not become durable in time", Some(1),
        "The write may or may not happen. To repeat it is safe, and with the same `seen` it counts once whatever else happens meanwhile.";
    SHUTTING_DOWN = "shutting-down", SERVICE_UNAVAILABLE, "The node is shutting down", Some(1),
        "The node takes no more writes. Go to another node, or come back when it has restarted.";
    CONSISTENCY_NOT_OFFERED = "consistency-not-offered", BAD_REQUEST, "The consistency is not offered here", None,
        "The consistency quorum makes each like by itself as if there were one copy of it, and promises nothing of several likes together. A count, a list or a query is about several: ask for linearizable, or for local.";
    NO_VOTERS = "no-voters", BAD_REQUEST, "The node knows of no voters", None,
        "A majority of a fixed list of voters stands behind answers at the consistencies quorum and linearizable. Start all nodes with the same --voters, or ask for the consistency local.";
    NO_MAJORITY = "no-majority", SERVICE_UNAVAILABLE, "No majority of the voters answered in time", Some(1),
        "Too few voters answered within the timeout; `voters` says what each of them did. Reads may be repeated. A write of which the detail says that it may still take effect is safe to repeat with the same `seen`; if it had none, read the version first and write with it as `seen`. Nodes go on answering at the consistency local.";
    CONTENDED = "contended", SERVICE_UNAVAILABLE, "Others write to the post all the time", Some(1),
        "Enough voters answered, and in no round did a majority of them hold the same likes of the post, because others wrote to it meanwhile. Nothing was done. Try again.";
    NO_MEMBER = "no-member", NOT_FOUND, "There is no such member", None,
        "The node knows no member of this name or id. /v1/cluster lists all that it knows.";
    MEMBER_ACTIVE = "member-active", CONFLICT, "The member takes part in the cluster", None,
        "Only a member that is down or has left can be forgotten. Stop it first.";
    NOT_READY = "not-ready", SERVICE_UNAVAILABLE, "The node is not ready", Some(1),
        "The node is alive, but should not be sent requests now. The detail says why.";
}

/// The problem with this slug.
pub(crate) fn find(slug: &str) -> Option<&'static Problem> {
    ALL.iter().copied().find(|problem| problem.slug == slug)
}

impl Problem {
    /// What `GET /problems/SLUG` answers.
    pub(crate) fn page(&self) -> String {
        format!("{} ({})\n\n{}\n", self.title, self.status.as_u16(), self.about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_fit_a_path() {
        for (index, problem) in ALL.iter().enumerate() {
            assert_eq!(find(problem.slug), Some(ALL[index]));
            assert!(problem.slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        }
    }
}
