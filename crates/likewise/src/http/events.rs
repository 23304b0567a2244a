//! What happens to members, as it happens: Server-Sent Events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::cluster::MemberEvent;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::limits::{EVENT_HEARTBEAT, EVENT_STREAMS_MAX};
use crate::http::parameters::Parameters;
use crate::node::WriteError;

/// Keeps proxies from holding events back.
static NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How often a stream looks whether the node is about to stop.
const STOPPING_INTERVAL: Duration = Duration::from_millis(250);

/// The data of one event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MemberEvent)]
pub(crate) struct EventData {
    /// The member's name, where it is known.
    name: Option<String>,
    /// The id of its data.
    id: String,
    /// Where it takes gossip and links.
    address: String,
    /// How it is now.
    state: &'static str,
    /// Which of its lives it is in.
    incarnation: u64,
    /// When it happened, as RFC 3339 writes it.
    at: String,
}

/// Streams what happens to members from now on.
///
/// Events are `joined`, `introduced` (there is a link, and so a name), `suspected`, `recovered`, `down`,
/// `left`, `restarted`, `renewed` and `forgotten`; a reader that is too slow gets `missed` with the number
/// of those that it did not get.
#[utoipa::path(
    get, path = "/v1/cluster/events", tag = "operation",
    responses((status = 200, description = "Server-Sent Events", body = EventData, content_type = "text/event-stream")),
)]
pub(crate) async fn stream(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    if api.node.is_draining() {
        // An empty stream would be opened again and again.
        return Err(WriteError::ShuttingDown.into());
    }
    let Ok(permit) = api.event_streams.clone().try_acquire_owned() else {
        return Err(ApiError::TooMany { what: "event streams", max: EVENT_STREAMS_MAX });
    };
    let events = api.cluster.events();
    let (sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(send(api, events, sender, permit));
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NO_BUFFERING.clone(), HeaderValue::from_static("no"));
    Ok(response)
}

/// Sends until the listener goes away or the node is about to stop: an open stream must not hold it up.
async fn send(
    api: Api,
    mut events: Receiver<MemberEvent>,
    mut to: Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
) {
    let mut quiet = EVENT_HEARTBEAT;
    while !api.node.is_draining() {
        let text = match timeout(STOPPING_INTERVAL, events.recv()).await {
            Ok(Ok(event)) => text(event),
            Ok(Err(RecvError::Lagged(missed))) => format!("event: missed\ndata: {missed}\n\n"),
            Ok(Err(RecvError::Closed)) => return,
            // The first comment goes out at once, so that the listener knows that it is heard.
            Err(_) if quiet >= EVENT_HEARTBEAT => ": live\n\n".to_owned(),
            Err(_) => {
                quiet += STOPPING_INTERVAL;
                continue;
            }
        };
        quiet = Duration::ZERO;
        if to.send_data(text.into()).await.is_err() {
            return;
        }
    }
}

fn text(event: MemberEvent) -> String {
    let MemberEvent { what, member, at } = event;
    let data = EventData {
        name: member.name,
        id: member.identity.node.to_string(),
        address: member.identity.address.to_string(),
        state: member.state.name(),
        incarnation: member.identity.incarnation,
        at: humantime::format_rfc3339_millis(at).to_string(),
    };
    let data = serde_json::to_string(&data).expect("an event is always valid JSON");
    format!("event: {what}\ndata: {data}\n\n")
}
