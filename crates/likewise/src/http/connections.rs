//! The loop that accepts connections, with a bound on everything that a connection may do.
//!
//! A connection that sends no whole head of a request within
//! [`ServeLimits::head_time`](crate::http::ServeLimits) is closed without an answer. hyper starts that clock
//! when it begins to wait for a head, so the same time bounds how long a connection may idle between two
//! requests; clients that keep connections must be ready to find one closed, as ever with HTTP/1.1.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderName;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::Service;

use crate::http::Api;
use crate::http::error::{ApiError, PROBLEM_JSON};
use crate::http::limits::HEAD_BYTES_MAX;
use crate::http::observe::NODE_HEADER;
use crate::metrics::Shed;

/// How long accepting rests after an error of the system, such as having no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Connections beyond the bound that are told so at once. Those beyond that are closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// How long a connection that is turned away may take to read why.
const TURN_AWAY_TIME: Duration = Duration::from_secs(1);

/// Serves `router` on `listener` until `shutdown` is ready, then finishes the requests in flight, within a
/// bound.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    api: &Api,
    shutdown: impl Future<Output = ()>,
) {
    let limits = &api.limits;
    let too_many: Arc<str> = too_many_connections(api).into();
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut turned_away = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            Some(_) = turned_away.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    rest_after(&error).await;
                    continue;
                }
            },
        };
        api.metrics.connections_accepted.inc();
        if connections.len() < limits.connections_max {
            connections.spawn(serve(stream, router.clone(), api.clone(), stopped.clone()));
            continue;
        }
        api.metrics.count_shed(Shed::Connections);
        if turned_away.len() < TURNED_AWAY_MAX {
            turned_away.spawn(turn_away(stream, too_many.clone()));
        }
    }
    drop(listener);
    drop(stop);
    drop(stopped);
    let all_done = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain_time, all_done).await.is_err() {
        let left = connections.len();
        tracing::warn!(left, "requests were still in flight when the time to finish them was over");
    }
}

/// Connections that broke before they were accepted are nobody's trouble; anything else may last, and
/// trying again at once would only burn the processor.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "can't accept connections: trying again in a moment");
    tokio::time::sleep(ACCEPT_REST).await;
}

/// Serves one connection until it ends, or until `stopped` and its request in flight is done.
async fn serve(stream: TcpStream, router: Router, api: Api, stopped: watch::Receiver<()>) {
    let _open = Open::new(&api.metrics.connections);
    // Answers are small and whole: waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection ended before it began");
        return;
    }
    speak(stream, router, api, stopped).await;
}

/// Speaks HTTP over whatever carries bytes.
pub(crate) async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    api: Api,
    mut stopped: watch::Receiver<()>,
) {
    let service = service_fn(move |request| router.clone().call(request));
    // Not with `pipeline_flush`: hyper then holds back an answer for as long as it has unread bytes in hand,
    // and so would drop the one to a body that was refused.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(api.limits.head_time)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        // The sender sends nothing: it is dropped.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Counts a connection for as long as it is open.
struct Open(Gauge);

impl Open {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The whole answer to a connection beyond the bound.
fn too_many_connections(api: &Api) -> String {
    let error = ApiError::TooMany { what: "connections", max: api.limits.connections_max };
    let body = serde_json::to_string(&error.document()).expect("a problem is always valid JSON");
    let node: &HeaderName = &NODE_HEADER;
    let name = api.node_header.to_str().expect("it was made of printable ASCII");
    let seconds = error.problem().retry_after.unwrap_or_default();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {PROBLEM_JSON}\r\nretry-after: {seconds}\r\n\
         {node}: {name}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answers without reading a request, then waits for the other side to close: to close first, with bytes
/// of the request unread, would make the system throw the answer away.
async fn turn_away(mut stream: TcpStream, answer: Arc<str>) {
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut request = [0; 1_024];
        while stream.read(&mut request).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    if !matches!(timeout(TURN_AWAY_TIME, told).await, Ok(Ok(()))) {
        tracing::debug!("a connection beyond the bound did not wait for its answer");
    }
}
