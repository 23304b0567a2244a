//! The loop that accepts connections, with a bound on everything that a connection may do.
//!
//! A connection that sends no whole head of a request within
//! [`ServeLimits::head_time`](crate::http::ServeLimits) is closed without an answer. hyper starts that clock
//! when it begins to wait for a head, so the same time bounds how long a connection may idle between two
//! requests; clients that keep connections must be ready to find one closed, as ever with HTTP/1.1.
//!
//! The handshake of TLS happens in the connection's own task: one that takes long holds up nobody else, and counts
//! as a connection meanwhile.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderName;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::Service;

use crate::http::Api;
use crate::http::error::{ApiError, PROBLEM_JSON};
use crate::http::limits::{CONNECTIONS_WAITING_MAX, HEAD_BYTES_MAX};
use crate::http::observe::NODE_HEADER;
use crate::http::stalls::Stalls;
use crate::http::tls;
use crate::metrics::Shed;
use crate::reload::Reloaded;

/// How long accepting rests after an error of the system, such as having no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Connections beyond the bound that are told so at once. Those beyond that are closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// The part of its greatest age that a connection may live longer, at most: a quarter.
const AGE_JITTER_PART: f64 = 4.0;

/// How long a connection that is turned away may take to read why.
const TURN_AWAY_TIME: Duration = Duration::from_secs(1);

/// Listens like [`TcpListener::bind`], but with more room for those who come all at once.
///
/// # Errors
/// Where the address is not to be had.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for what is left of the connections before it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(CONNECTIONS_WAITING_MAX)
}

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
        let (stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            Some(_) = turned_away.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, peer.ip()),
                Err(error) => {
                    rest_after(&error).await;
                    continue;
                }
            },
        };
        let arrival = Arrival { address: peer, number: api.metrics.connections_accepted.inc() };
        if connections.len() < limits.connections_max {
            connections.spawn(serve(stream, arrival, router.clone(), api.clone(), stopped.clone()));
            continue;
        }
        api.metrics.count_shed(Shed::Connections);
        // Under TLS it would take a handshake to say why: it is closed.
        if turned_away.len() < TURNED_AWAY_MAX && api.edge.tls.is_none() {
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

/// Who has connected.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) address: IpAddr,
    /// How many connections there were before this one.
    pub(crate) number: u64,
}

/// Serves one connection until it ends, or until `stopped` and its request in flight is done.
async fn serve(
    stream: TcpStream,
    arrival: Arrival,
    router: Router,
    api: Api,
    stopped: watch::Receiver<()>,
) {
    let _open = Open::new(&api.metrics.connections);
    // Answers are small and whole: waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection ended before it began");
        return;
    }
    match api.edge.tls.clone() {
        None => speak(stream, arrival, router, api, stopped).await,
        // What TLS keeps is large: without it a connection should not hold room for it.
        Some(tls) => Box::pin(greet(stream, tls, arrival, router, api, stopped)).await,
    }
}

/// Agrees on TLS, then serves the connection.
async fn greet(
    stream: TcpStream,
    tls: Reloaded<ServerConfig>,
    arrival: Arrival,
    router: Router,
    api: Api,
    mut stopped: watch::Receiver<()>,
) {
    let greeted = tls::handshake(stream, tls.now(), api.limits.handshake_time);
    let greeted = tokio::select! {
        greeted = greeted => greeted,
        // No request is lost with it.
        _ = stopped.changed() => return,
    };
    match greeted {
        Ok(stream) => speak(stream, arrival, router, api, stopped).await,
        Err(error) => {
            api.metrics.tls_handshakes_failed.inc();
            tracing::debug!(client = %arrival.address, %error, "a TLS handshake failed");
        }
    }
}

/// Speaks HTTP over whatever carries bytes.
pub(crate) async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    arrival: Arrival,
    router: Router,
    api: Api,
    mut stopped: watch::Receiver<()>,
) {
    let proxies = api.edge.proxies.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(proxies) = &proxies {
            let client = proxies.client(arrival.address, request.headers());
            request.extensions_mut().insert(client);
        }
        router.clone().call(request)
    });
    // Not with `pipeline_flush`: hyper then holds back an answer for as long as it has unread bytes in hand,
    // and so would drop the one to a body that was refused.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(api.limits.head_time)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Stalls::new(stream, api.limits.stall_time)), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = end(&api, arrival.number, &mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Waits until a connection should end with the request in flight: because the server stops, or because the
/// connection has grown old.
async fn end(api: &Api, number: u64, stopped: &mut watch::Receiver<()>) {
    let Some(age) = api.edge.connection_age_max else {
        // The sender sends nothing: it is dropped.
        let _ = stopped.changed().await;
        return;
    };
    let age = age + jitter(age, number);
    let _ = timeout(age, stopped.changed()).await;
}

/// What connection `number` may live longer than `age`: otherwise all that began together would end, and begin
/// anew, together. Multiples of the golden ratio spread evenly however many there are, with no dice.
fn jitter(age: Duration, number: u64) -> Duration {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let share = number.wrapping_mul(GOLDEN) >> 48;
    age.mul_f64(share as f64 / f64::from(1u32 << 16) / AGE_JITTER_PART)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_began_together_do_not_end_together() {
        let age = Duration::from_secs(100);
        let mut jitters: Vec<Duration> = (0..100).map(|number| jitter(age, number)).collect();
        jitters.sort();
        assert!(jitters[0] < age / 50 && jitters[99] > age / 5 && jitters[99] < age / 4);
        let widest = jitters.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < Duration::from_secs(1), "{widest:?}");
    }
}
