//! All likes out of the node, as lines that `POST /v1/likes` takes.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use likewise_replica::limits::SEEN_AHEAD_MAX;
use likewise_state::id::Kind;
use likewise_state::slot::SLOTS;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::limits::{EXPORT_PIECE_BYTES, EXPORTS_MAX};
use crate::http::parameters::Parameters;

/// One line of an export.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportedLike)]
pub(crate) struct ExportLine<'a> {
    /// The post.
    post: &'a str,
    /// The kind of the like, where it is not `like`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    /// The user.
    user: &'a str,
    /// Whether the user likes the post.
    liked: bool,
    /// The version of the like.
    #[schema(minimum = 1, maximum = 2_147_483_647)]
    seen: u32,
}

/// Gives all likes, and all that were taken back.
///
/// The answer is NDJSON, one like a line, in the form that `POST /v1/likes` takes: sent there, on any node,
/// it raises each like to exactly the version that it has here. So an import merges, and may be repeated.
/// A like whose version is above 1,000 takes a line for each thousand. Likes that arrive meanwhile may or
/// may not be among them. An answer that breaks off is not whole.
#[utoipa::path(
    get, path = "/v1/export", tag = "operation",
    responses((status = 200, description = "All likes", body = ExportLine<'static>, content_type = "application/x-ndjson")),
)]
pub(crate) async fn export(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let Ok(permit) = api.exports.clone().try_acquire_owned() else {
        return Err(ApiError::TooMany { what: "exports", max: EXPORTS_MAX });
    };
    let (sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(send(api, sender, permit));
    let mut response = Response::new(Body::new(body));
    let ndjson = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, ndjson);
    Ok(response)
}

/// Sends slot by slot, so that only one at a time is held in memory; ends when the client goes away.
async fn send(api: Api, mut to: Sender<Bytes>, _permit: OwnedSemaphorePermit) {
    for slot in 0..SLOTS {
        let pieces = api.scan(move |state| {
            let mut pieces = Pieces::default();
            for (post, kind, user, length) in state.entries(slot) {
                pieces.push(&post, &kind, &user, length.value());
            }
            pieces.finish()
        });
        for piece in pieces.await {
            if to.send_data(piece).await.is_err() {
                return;
            }
        }
    }
}

/// Lines, in pieces of a size that the network likes.
#[derive(Default)]
struct Pieces {
    whole: Vec<Bytes>,
    last: Vec<u8>,
}

impl Pieces {
    /// Adds a like.
    ///
    /// A node takes no `seen` that is too far ahead of what it holds, so a long length is reached in
    /// steps, each of which raises the like to its own `seen`.
    fn push(&mut self, post: &str, kind: &str, user: &str, length: u32) {
        let kind = (kind != Kind::LIKE.as_str()).then_some(kind);
        let steps = (1..).map(|step| SEEN_AHEAD_MAX * step).take_while(|&step| step < length);
        for seen in steps.chain([length]) {
            let line = ExportLine { post, kind, user, liked: seen % 2 == 1, seen };
            serde_json::to_writer(&mut self.last, &line).expect("a line is always valid JSON");
            self.last.push(b'\n');
        }
        if self.last.len() >= EXPORT_PIECE_BYTES {
            self.whole.push(Bytes::from(std::mem::take(&mut self.last)));
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        if !self.last.is_empty() {
            self.whole.push(Bytes::from(self.last));
        }
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use likewise_state::length::{Action, CausalLength};

    use super::*;
    use crate::http::lines::WriteLine;

    /// The length that a like reaches when the lines of its export are written to a node.
    fn imported(length: u32) -> (usize, CausalLength) {
        let mut pieces = Pieces::default();
        pieces.push("p", "heart", "u", length);
        let text = pieces.finish().concat();
        let mut held = CausalLength::UNTOUCHED;
        let mut lines = 0;
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let line = WriteLine::parse(line).unwrap();
            let seen = line.seen().unwrap();
            assert!(seen.value() - held.value() <= SEEN_AHEAD_MAX, "a node would refuse it");
            assert_eq!(line.action() == Action::Like, seen.liked());
            held = seen.target(line.action()).unwrap();
            lines += 1;
        }
        (lines, held)
    }

    #[test]
    fn an_export_leads_to_exactly_the_same_length() {
        for (length, lines) in [(1, 1), (2, 1), (999, 1), (1_000, 1), (1_001, 2), (12_345, 13)] {
            assert_eq!(imported(length), (lines, CausalLength::new(length).unwrap()));
        }
    }
}
