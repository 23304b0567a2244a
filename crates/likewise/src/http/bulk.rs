//! Likes by the million in one request: read, parsed and made durable at the same time.
//!
//! ```text
//! body ──> lines ──> chunk ──> node (on its way to the disk)
//!                    chunk ──> node (the next one behind it)
//!                    chunk     (being filled; reading waits when two are on their way)
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::Poll;

use axum::body::Body;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use likewise_replica::limits::WRITES_MAX;
use likewise_replica::write::{Outcome, Writes};
use likewise_state::length::Action;

use crate::http::access::Author;
use crate::http::answers::{BulkAnswer, LineError};
use crate::http::body::{broken, json};
use crate::http::error::ApiError;
use crate::http::limits::{
    BULK_BYTES_MAX, CHUNK_BYTES_MAX, CHUNKS_IN_FLIGHT_MAX, LINE_BYTES_MAX, LINE_ERRORS_MAX,
};
use crate::http::lines::{Lines, NumberedLine, WriteLine};
use crate::http::pace::Pace;
use crate::http::parameters::Parameters;
use crate::http::{Api, write_within};

/// Writes many likes.
///
/// The body is NDJSON, one like a line. The answer comes once everything is durable. A line that is not
/// valid rejects only itself. To repeat the request is safe.
///
/// With a JWT the lines of its own user are written, and each of another user is rejected.
#[utoipa::path(
    post, path = "/v1/likes", tag = "likes",
    request_body(content = WriteLine<'static>, content_type = "application/x-ndjson",
        description = "Lines of at most 4 KiB, each one such object; at most 1 GiB of them, and at least 1 KiB in 30 seconds"),
    responses((status = 200, description = "Done, and durable", body = BulkAnswer)),
)]
pub(crate) async fn write(
    State(api): State<Api>,
    author: Author,
    uri: Uri,
    body: Body,
) -> Result<Response, ApiError> {
    Parameters::parse(&uri, &[])?;
    let _place = api.place_for_bulk(&body)?;
    let mut bulk = Bulk::new(&api, &author);
    let taken = bulk.take(body).await;
    // What is on its way is waited for in any case, so that the answer counts it.
    let landed = bulk.land_all().await;
    match taken.and(landed) {
        Ok(()) => Ok(json(&bulk.tally.answer())),
        Err(error) => Err(error.midway("lines", bulk.tally.accepted)),
    }
}

/// One bulk request on its way.
struct Bulk<'a> {
    api: &'a Api,
    author: &'a Author,
    writes: Writes,
    sources: Vec<Source>,
    in_flight: VecDeque<Flight>,
    tally: Tally,
}

/// Where a write came from.
#[derive(Clone, Copy)]
struct Source {
    line: u64,
    action: Action,
}

/// What the node will say of a chunk.
type Answer = Pin<Box<dyn Future<Output = Result<Vec<Outcome>, ApiError>> + Send>>;

/// A chunk that the node has.
struct Flight {
    answer: Answer,
    sources: Vec<Source>,
}

impl<'a> Bulk<'a> {
    fn new(api: &'a Api, author: &'a Author) -> Self {
        Self {
            api,
            author,
            writes: Writes::default(),
            sources: Vec::new(),
            in_flight: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// Reads the whole body and hands what it says to the node.
    async fn take(&mut self, mut body: Body) -> Result<(), ApiError> {
        let mut lines = Lines::default();
        let mut pace = Pace::new(self.api.limits.bulk_pace_time);
        let mut bytes = 0;
        while let Some(data) = self.next_data(&mut body, &mut pace, bytes).await? {
            bytes += data.len() as u64;
            pace.came(data.len());
            if bytes > BULK_BYTES_MAX {
                return Err(ApiError::BulkTooLarge);
            }
            let mut rest: &[u8] = &data;
            while let Some(line) = lines.next(&mut rest) {
                self.take_line(&line);
                if self.chunk_is_full() {
                    self.send().await?;
                }
            }
        }
        if let Some(line) = lines.last() {
            self.take_line(&line);
        }
        self.send().await
    }

    async fn next_data(
        &mut self,
        body: &mut Body,
        pace: &mut Pace,
        bytes: u64,
    ) -> Result<Option<Bytes>, ApiError> {
        let seconds = self.api.limits.bulk_pace_time.as_secs();
        match pace.wait_for(body.frame()).await {
            Some(None) => Ok(None),
            Some(Some(frame)) => Ok(Some(frame.map_err(broken)?.into_data().unwrap_or_default())),
            None => Err(ApiError::BulkTooSlow { bytes, seconds }),
        }
    }

    /// Adds a line to the chunk, or to the errors.
    fn take_line(&mut self, line: &NumberedLine<'_>) {
        let result = match line.bytes {
            Some(bytes) if bytes.trim_ascii().is_empty() => return,
            Some(bytes) => WriteLine::parse(bytes),
            None => Err(format!("the line has more than {LINE_BYTES_MAX} bytes: shorten it")),
        };
        let pushed = result.and_then(|write| {
            let like = write.like()?;
            self.author.may_like_as(like.user).map_err(|error| error.to_string())?;
            self.writes.push(like, write.action(), write.seen());
            self.sources.push(Source { line: line.number, action: write.action() });
            Ok(())
        });
        if let Err(detail) = pushed {
            self.tally.reject(line.number, detail);
        }
    }

    fn chunk_is_full(&self) -> bool {
        self.writes.len() >= WRITES_MAX || self.writes.bytes() + LINE_BYTES_MAX > CHUNK_BYTES_MAX
    }

    /// Hands the chunk to the node, once there is room for it there.
    async fn send(&mut self) -> Result<(), ApiError> {
        if self.writes.is_empty() {
            return Ok(());
        }
        while self.in_flight.len() >= CHUNKS_IN_FLIGHT_MAX {
            self.land().await?;
        }
        let writes = std::mem::take(&mut self.writes);
        let (node, time) = (self.api.node.clone(), self.api.limits.write_time);
        let mut answer: Answer = Box::pin(async move { write_within(&node, writes, time).await });
        // The first poll puts the chunk into the node's queue: here, and not in a task of its own, so
        // that the chunks get there in the order of their lines.
        let answer = match poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
            Poll::Ready(outcomes) => Box::pin(ready(outcomes)),
            Poll::Pending => answer,
        };
        let sources = std::mem::take(&mut self.sources);
        self.in_flight.push_back(Flight { answer, sources });
        Ok(())
    }

    /// Waits for the oldest chunk.
    async fn land(&mut self) -> Result<(), ApiError> {
        let Some(flight) = self.in_flight.pop_front() else { return Ok(()) };
        for (outcome, source) in flight.answer.await?.iter().zip(&flight.sources) {
            match outcome {
                Ok(written) => {
                    self.tally.accepted += 1;
                    self.tally.changed += u64::from(written.changed);
                    self.api.metrics.count_operation(source.action, Some(written.changed));
                }
                Err(refusal) => self.tally.reject(source.line, refusal.to_string()),
            }
        }
        Ok(())
    }

    /// Waits for all chunks, and answers with the first error.
    async fn land_all(&mut self) -> Result<(), ApiError> {
        let mut result = Ok(());
        while !self.in_flight.is_empty() {
            let landed = self.land().await;
            result = result.and(landed);
        }
        result
    }
}

/// What has come of the lines so far.
#[derive(Default)]
struct Tally {
    accepted: u64,
    changed: u64,
    rejected: u64,
    /// By line: a line may be refused after later ones were found bad.
    errors: BTreeMap<u64, String>,
}

impl Tally {
    fn reject(&mut self, line: u64, detail: String) {
        self.rejected += 1;
        self.errors.insert(line, detail);
        if self.errors.len() > LINE_ERRORS_MAX {
            self.errors.pop_last();
        }
    }

    fn answer(self) -> BulkAnswer {
        let errors = self.errors.into_iter();
        BulkAnswer {
            accepted: self.accepted,
            changed: self.changed,
            rejected: self.rejected,
            errors: errors.map(|(line, detail)| LineError { line, detail }).collect(),
        }
    }
}
