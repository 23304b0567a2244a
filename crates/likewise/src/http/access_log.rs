//! One event a request, for those who want to know who asked for what.
//!
//! Off unless it is asked for: a path holds the ids of posts and users. The query is not logged: a cursor in it
//! is a user too, and nothing else in it tells more than the path.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Body;

use crate::http::client_address::ClientAddress;

/// What the events are filed under; `--log likewise::access=warn` has none of them.
const TARGET: &str = "likewise::access";

/// Bytes of a path that are shown: two of the longest ids, with every byte percent-encoded. The rest is left out.
const PATH_BYTES_MAX: usize = 4 << 10;

/// Bytes of a request's own id that is taken up. A longer one is left alone.
const REQUEST_ID_BYTES_MAX: usize = 128;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Logs one request, once the head of its answer is there. `node` is the node's name.
pub(crate) async fn log(State(node): State<HeaderValue>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let client = request.extensions().get::<ClientAddress>().copied();
    let id = request_id(&request);
    let mut response = next.run(request).await;
    let shown = |id: &HeaderValue| id.to_str().map(str::to_owned).ok();
    tracing::info!(
        target: TARGET,
        method = %method,
        path = shortened(uri.path()),
        status = response.status().as_u16(),
        microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        bytes = response.body().size_hint().exact(),
        client = client.map(|client| tracing::field::display(client.0)),
        node = shown(&node),
        request_id = id.as_ref().and_then(shown),
        "request"
    );
    if let Some(id) = id {
        response.headers_mut().insert(X_REQUEST_ID.clone(), id);
    }
    response
}

/// The id that somebody further out has given the request, where it can be shown and repeated as it is.
fn request_id(request: &Request) -> Option<HeaderValue> {
    let id = request.headers().get(&X_REQUEST_ID)?;
    let fits = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len());
    (fits && id.as_bytes().iter().all(u8::is_ascii_graphic)).then(|| id.clone())
}

fn shortened(path: &str) -> &str {
    &path[..path.floor_char_boundary(PATH_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_and_printable_id_is_taken_up() {
        let id = |id: &str| {
            let value = HeaderValue::from_bytes(id.as_bytes()).unwrap();
            let request = Request::builder().header(&X_REQUEST_ID, value).body(().into()).unwrap();
            request_id(&request).is_some()
        };
        assert!(id("7f-3") && id(&"x".repeat(128)));
        for other in ["", "a b", "\u{e9}", "a\tb", &"x".repeat(129)] {
            assert!(!id(other), "{other:?}");
        }
    }

    #[test]
    fn a_long_path_is_cut() {
        assert_eq!(shortened(&"x".repeat(5_000)).len(), PATH_BYTES_MAX);
        assert_eq!(shortened("/livez"), "/livez");
        assert_eq!(shortened(&"\u{20ac}".repeat(2_000)).len(), PATH_BYTES_MAX - 1);
    }
}
