//! Bodies in, bounded in bytes and in time, and bodies out.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::Serialize;
use tokio::time::timeout;

use crate::http::error::ApiError;
use crate::http::limits::{JSON_BYTES_MAX, ServeLimits};

/// The whole body, at most [`JSON_BYTES_MAX`] bytes of it.
pub(crate) async fn read(mut body: Body, limits: &ServeLimits) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > JSON_BYTES_MAX as u64 {
        return Err(ApiError::JsonTooLarge);
    }
    let mut gathered = Gathered::default();
    let gather = async {
        while let Some(frame) = body.frame().await {
            gathered.push(frame.map_err(broken)?.into_data().unwrap_or_default())?;
        }
        Ok(())
    };
    match timeout(limits.body_time, gather).await {
        Ok(result) => result.map(|()| gathered.into_bytes()),
        Err(_) => Err(ApiError::BodyTimeout {
            bytes: gathered.len() as u64,
            seconds: limits.body_time.as_secs(),
        }),
    }
}

/// What becomes of a body that breaks off. The client is rarely there to read it.
pub(crate) fn broken(error: axum::Error) -> ApiError {
    ApiError::Body(format!("it broke off ({error}): send all of it"))
}

/// The frames of a body: most have one, which is then not copied.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    more: BytesMut,
}

impl Gathered {
    fn push(&mut self, data: Bytes) -> Result<(), ApiError> {
        if self.len() + data.len() > JSON_BYTES_MAX {
            return Err(ApiError::JsonTooLarge);
        }
        if self.len() == 0 {
            self.first = data;
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&self.first);
            }
            self.more.extend_from_slice(&data);
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.first.len().max(self.more.len())
    }

    fn into_bytes(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

/// A 200 with `value` as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    let mut bytes = Vec::with_capacity(256);
    serde_json::to_writer(&mut bytes, value).expect("our own answers are always valid JSON");
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A 200 with `value` as JSON and `tag` as its ETag, or a 304 where the client holds it already.
pub(crate) fn tagged_json<T: Serialize>(headers: &HeaderMap, tag: &str, value: &T) -> Response {
    let held = headers.get_all(IF_NONE_MATCH).iter().any(|list| list_holds(list, tag));
    let mut response = if held {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        json(value)
    };
    let tag = HeaderValue::from_str(tag).expect("tags are digits and letters");
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Whether an If-None-Match holds `tag`, by the weak comparison that RFC 9110 asks for there.
fn list_holds(list: &HeaderValue, tag: &str) -> bool {
    let strong = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let list = list.to_str().unwrap_or_default();
    // Our tags hold no comma, so splitting at commas can't split one that would match.
    list.trim() == "*" || list.split(',').any(|held| strong(held.trim()) == strong(tag))
}

/// A 200 with plain text.
pub(crate) fn text(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// Whether the client asks for JSON by name.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| {
        let accept = accept.to_str().unwrap_or_default();
        accept.split(',').any(|range| {
            let name = range.split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("application/json")
        })
    })
}

/// Refuses a body that is said to be something else than JSON. One of which nothing is said is tried.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let name = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if name == "application/json" || (name.starts_with("application/") && name.ends_with("+json")) {
        return Ok(());
    }
    Err(ApiError::MediaType(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_takes_lists_and_stars_and_weak_tags() {
        let holds = |list: &'static str, tag| list_holds(&HeaderValue::from_static(list), tag);
        assert!(
            holds("*", "\"1\"") && holds("\"0\", W/\"1\"", "\"1\"") && holds("\"a\"", "W/\"a\"")
        );
        assert!(!holds("\"0\",\"11\"", "\"1\"") && !holds("", "\"1\"") && !holds("1", "\"1\""));
    }

    #[test]
    fn only_a_client_that_names_json_gets_json() {
        let wants = |accept: &'static str| {
            wants_json(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(wants("application/json") && wants("text/html, Application/JSON;q=0.9"));
        assert!(!wants("*/*") && !wants("application/json5"));
    }
}
