//! Blocks of a backup back into the node: each is checked, merged and made durable.

use std::collections::VecDeque;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::Poll;

use axum::body::Body;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use http_body_util::BodyExt;
use likewise_replica::limits::WRITES_MAX;
use likewise_replica::write::{Outcome, Writes};
use likewise_state::delta::Delta;
use serde::Serialize;
use utoipa::ToSchema;

use crate::backup::reader::{Content, Reader};
use crate::http::body::{broken, json};
use crate::http::error::ApiError;
use crate::http::limits::{BULK_BYTES_MAX, CHUNKS_IN_FLIGHT_MAX};
use crate::http::pace::Pace;
use crate::http::parameters::Parameters;
use crate::http::{Api, write_within};

/// What came of the blocks of a backup.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Restored)]
pub(crate) struct RestoredAnswer {
    /// Entries that are in the node now, durable, at the version of the backup or a later one.
    entries: u64,
    /// How many of them were news to the node.
    changed: u64,
}

/// Merges a backup, or some blocks of one.
///
/// The body is the first 20 bytes of a backup and its header, then any of its blocks, or all of them and its footer; at
/// most 1 GiB. Each like is raised to exactly the version that the backup has, unless the node holds a later one:
/// nothing is taken back, and to repeat the request is safe. The answer comes once everything is durable here; other
/// nodes get it as they get every like. A block that is damaged ends the request; those before it were merged, so
/// check a backup to its end first, as `likewise restore` does.
#[utoipa::path(
    post, path = "/v1/restore", tag = "operation",
    request_body(content = [u8], content_type = "application/vnd.likewise.backup",
        description = "Blocks of a backup behind its header; at most 1 GiB, and at least 1 KiB in 30 seconds"),
    responses((status = 200, description = "Merged, and durable", body = RestoredAnswer)),
)]
pub(crate) async fn write(
    State(api): State<Api>,
    uri: Uri,
    body: Body,
) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let _place = api.place_for_bulk(&body)?;
    let (mut in_flight, mut answer) = (VecDeque::new(), RestoredAnswer::default());
    let mut restore = Restore { api: &api, in_flight: &mut in_flight, answer: &mut answer };
    let taken = restore.take(body).await;
    // What is on its way is waited for in any case, so that the answer counts it.
    let landed = restore.land_down_to(0).await;
    match taken.and(landed) {
        Ok(()) => Ok(json(&answer)),
        Err(error) => Err(error.midway("entries", answer.entries)),
    }
}

/// What the node will say of some entries.
type Flight = Pin<Box<dyn Future<Output = Result<Vec<Outcome>, ApiError>> + Send>>;

/// One request on its way.
struct Restore<'a> {
    api: &'a Api,
    in_flight: &'a mut VecDeque<Flight>,
    answer: &'a mut RestoredAnswer,
}

impl Restore<'_> {
    /// Reads the whole body and hands each block to the node as soon as it is there.
    async fn take(&mut self, mut body: Body) -> Result<(), ApiError> {
        let seconds = self.api.limits.bulk_pace_time.as_secs();
        let (mut reader, mut pace) = (Reader::default(), Pace::new(self.api.limits.bulk_pace_time));
        let mut bytes = 0;
        loop {
            let frame = pace.wait_for(body.frame()).await;
            let Some(frame) = frame.ok_or(ApiError::BulkTooSlow { bytes, seconds })? else { break };
            let data = frame.map_err(broken)?.into_data().unwrap_or_default();
            bytes += data.len() as u64;
            pace.came(data.len());
            if bytes > BULK_BYTES_MAX {
                return Err(ApiError::BulkTooLarge);
            }
            reader.push(&data);
            while let Some(part) = reader.next_part().map_err(ApiError::Backup)? {
                if let Content::Block(entries) = part.content {
                    self.send(&entries).await?;
                }
            }
        }
        reader.pause().map_err(ApiError::Backup)
    }

    /// Hands the entries of a block to the node, once there is room for them there.
    async fn send(&mut self, entries: &Delta) -> Result<(), ApiError> {
        let mut writes = Writes::default();
        for (like, length) in entries.entries() {
            writes.push_length(like, length);
            if writes.len() == WRITES_MAX {
                self.launch(std::mem::take(&mut writes)).await?;
            }
        }
        if writes.is_empty() { Ok(()) } else { self.launch(writes).await }
    }

    async fn launch(&mut self, writes: Writes) -> Result<(), ApiError> {
        self.land_down_to(CHUNKS_IN_FLIGHT_MAX - 1).await?;
        let (node, time) = (self.api.node.clone(), self.api.limits.write_time);
        let mut flight: Flight = Box::pin(async move { write_within(&node, writes, time).await });
        // The first poll puts the entries into the node's queue; the next ones are read meanwhile.
        let flight = match poll_fn(|context| Poll::Ready(flight.as_mut().poll(context))).await {
            Poll::Ready(outcomes) => Box::pin(ready(outcomes)),
            Poll::Pending => flight,
        };
        self.in_flight.push_back(flight);
        Ok(())
    }

    /// Waits until so many are on their way at most, and answers with the first error.
    async fn land_down_to(&mut self, left: usize) -> Result<(), ApiError> {
        let mut result = Ok(());
        while self.in_flight.len() > left {
            let Some(flight) = self.in_flight.pop_front() else { break };
            match flight.await {
                Ok(outcomes) => {
                    let changed = outcomes.iter().flatten().filter(|written| written.changed);
                    self.answer.changed += changed.count() as u64;
                    self.answer.entries += outcomes.len() as u64;
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}
