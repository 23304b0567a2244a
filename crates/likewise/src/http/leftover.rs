//! The part of a body that nobody read before the answer was an error.
//!
//! hyper closes a connection whose request has an unread body. Where the client is still sending then,
//! its system throws the answer away together with the connection, and the client learns nothing. So what
//! is left of a short body is read and forgotten before an error is answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::EXPECT;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

use crate::http::limits::{LEFTOVER_BYTES_MAX, LEFTOVER_TIME};

/// Where a body comes back to.
#[derive(Default)]
pub(crate) struct Leftover(Option<Returned>);

type Returned = Arc<Mutex<Option<Body>>>;

/// A body that comes back when whoever has it is done with it.
struct Lent {
    body: Body,
    returned: Returned,
}

impl Leftover {
    /// Keeps track of the body of `request`.
    pub(crate) fn of(request: Request) -> (Request, Self) {
        // A client that waits for 100 Continue sends nothing before somebody asks for it.
        let is_sent = !request.headers().contains_key(EXPECT);
        if hyper::body::Body::is_end_stream(request.body()) || !is_sent {
            return (request, Self(None));
        }
        let returned = Returned::default();
        let (parts, body) = request.into_parts();
        let lent = Body::new(Lent { body, returned: returned.clone() });
        (Request::from_parts(parts, lent), Self(Some(returned)))
    }

    /// Reads what is left, within bounds; beyond them the connection ends as hyper ends it.
    pub(crate) async fn forget(self) {
        let returned = self.0.and_then(|slot| lock(&slot).take());
        let Some(mut body) = returned else { return };
        let mut left = LEFTOVER_BYTES_MAX;
        if hyper::body::Body::size_hint(&body).lower() > left {
            return;
        }
        let read = async {
            while let Some(Ok(frame)) = body.frame().await {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                let Some(rest) = left.checked_sub(bytes) else { break };
                left = rest;
            }
        };
        // Where time runs out, so be it.
        let _ = timeout(LEFTOVER_TIME, read).await;
    }
}

fn lock(slot: &Mutex<Option<Body>>) -> std::sync::MutexGuard<'_, Option<Body>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl hyper::body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *lock(&self.returned) = Some(std::mem::take(&mut self.body));
    }
}
