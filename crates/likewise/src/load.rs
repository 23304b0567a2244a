//! A closed loop of requests over kept-alive connections, and how long each took.
//!
//! Every connection has one request in flight, so the rate is what the node gives to so many clients that
//! wait for their answers. Requests are prepared and answers measured with next to no work, because the
//! load and the node often share a machine.

pub mod http;

pub mod bench;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Longest wait for one answer. A node that needs longer ends the measurement with an error.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// What one connection says and how it understands the answers.
pub trait Talk: Send + 'static {
    /// Appends the next request to `request`. `false` where there is none, which ends the connection.
    fn ask(&mut self, request: &mut Vec<u8>) -> bool;

    /// The length in bytes of the first answer in `received`, or `None` where it is not whole yet.
    ///
    /// # Errors
    /// What the answer says, where it is not the one that was hoped for.
    fn answer(&mut self, received: &[u8]) -> Result<Option<usize>, String>;
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Requests that were answered.
    pub requests: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Time from request to answer, in microseconds.
    microseconds: Histogram<u64>,
}

impl Measured {
    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The time below which a share of the requests were answered; 0.5 is the median.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.microseconds.value_at_quantile(share))
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Runs one connection for each of `talks` until `time` is over or they have no more to ask.
///
/// # Errors
/// The first connection that breaks, answer that was not hoped for, or answer that does not come.
pub async fn run<T: Talk>(
    address: SocketAddr,
    talks: Vec<T>,
    time: Duration,
) -> io::Result<Measured> {
    let mut connected = Vec::with_capacity(talks.len());
    for talk in talks {
        connected.push((connect(address).await?, talk));
    }
    drive(connected, time).await
}

/// The same under TLS, with a node whose certificate has this name. Handshakes are not measured.
///
/// # Errors
/// As for [`run`], and where the certificate is not believed.
pub async fn run_under_tls<T: Talk>(
    address: SocketAddr,
    tls: &TlsConnector,
    name: &ServerName<'static>,
    talks: Vec<T>,
    time: Duration,
) -> io::Result<Measured> {
    let mut connected = Vec::with_capacity(talks.len());
    for talk in talks {
        connected.push((tls.connect(name.clone(), connect(address).await?).await?, talk));
    }
    drive(connected, time).await
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin + Send + 'static, T: Talk>(
    connected: Vec<(S, T)>,
    time: Duration,
) -> io::Result<Measured> {
    let started = Instant::now();
    let mut connections = JoinSet::new();
    for (stream, talk) in connected {
        connections.spawn(converse(stream, talk, started + time));
    }
    let mut all = histogram();
    while let Some(joined) = connections.join_next().await {
        let times = joined.map_err(io::Error::other)??;
        all.add(&times).map_err(io::Error::other)?;
    }
    Ok(Measured { requests: all.len(), elapsed: started.elapsed(), microseconds: all })
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut talk: impl Talk,
    end: Instant,
) -> io::Result<Histogram<u64>> {
    let mut times = histogram();
    let (mut request, mut received) = (Vec::new(), Vec::with_capacity(16 << 10));
    while Instant::now() < end && talk.ask(&mut request) {
        let asked = Instant::now();
        let answered = exchange(&mut stream, &mut talk, &request, &mut received);
        tokio::time::timeout(ANSWER_TIME, answered).await??;
        times.saturating_record(asked.elapsed().as_micros() as u64);
        request.clear();
    }
    Ok(times)
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    talk: &mut impl Talk,
    request: &[u8],
    received: &mut Vec<u8>,
) -> io::Result<()> {
    stream.write_all(request).await?;
    loop {
        if let Some(bytes) = talk.answer(received).map_err(io::Error::other)? {
            received.drain(..bytes);
            return Ok(());
        }
        if stream.read_buf(received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Times from a microsecond to a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order")
}
