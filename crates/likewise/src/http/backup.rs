//! All likes out of the node as a backup: made on a thread of its own, sent as fast as the client reads.

use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use likewise_state::slot::SLOTS;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::backup::format::Header;
use crate::backup::restore::MEDIA_TYPE;
use crate::backup::writer::Writer;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::limits::BACKUPS_MAX;
use crate::http::parameters::Parameters;

/// Gives all likes as a backup, with all that were taken back.
///
/// A backup is a file in a format of its own, compressed and checksummed, which `likewise restore` and
/// `POST /v1/restore` take. Every like that this node had acknowledged, or had heard of, before the request came is
/// in it; one that came meanwhile may or may not be. An answer that breaks off, or lacks the footer that ends it, is
/// not whole: `likewise restore --check` finds out.
#[utoipa::path(
    get, path = "/v1/backup", tag = "operation",
    responses((status = 200, description = "The backup", body = [u8], content_type = "application/vnd.likewise.backup")),
)]
pub(crate) async fn read(State(api): State<Api>, uri: Uri) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let Ok(permit) = api.backups.clone().try_acquire_owned() else {
        return Err(ApiError::TooMany { what: "backups", max: BACKUPS_MAX });
    };
    let (sender, body) = Channel::new(1);
    let (made, blocks) = mpsc::channel(1);
    tokio::spawn(send(blocks, sender, api.limits.backup_block_time));
    tokio::task::spawn_blocking(move || make(&api, &made, permit));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}

/// Makes the backup: one slot is held as a copy at a time, and one block. Ends where nobody takes the next one.
fn make(api: &Api, to: &mpsc::Sender<Bytes>, _permit: OwnedSemaphorePermit) {
    let state = api.node.state();
    let totals = state.totals();
    let header = Header {
        cluster: api.cluster.name().to_owned(),
        node: api.node.name().to_owned(),
        begun: now(),
        posts: totals.posts,
        likes: totals.likes,
        users: totals.users,
    };
    let send = |bytes: Vec<u8>| match to.blocking_send(bytes.into()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let (mut writer, first) = Writer::begin(&header);
    let mut sent = send(first);
    for slot in 0..SLOTS {
        if sent.is_break() {
            return;
        }
        sent = state.each_entry(slot, |like, length| {
            writer.push(like, length).map_or(ControlFlow::Continue(()), send)
        });
    }
    // If nobody takes it there is nobody to tell.
    let _ = send(writer.finish(now()));
}

/// Sends what is made. A client that does not take it in time loses the connection, and a part of a backup
/// never ends as a whole one would.
async fn send(mut blocks: mpsc::Receiver<Bytes>, mut to: Sender<Bytes, io::Error>, time: Duration) {
    while let Some(block) = blocks.recv().await {
        match timeout(time, to.send_data(block)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => return to.abort(io::ErrorKind::TimedOut.into()),
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
