//! A server inside the test, and a client so small that it can send what no real client would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use likewise::cluster::Cluster;
use likewise::consistency::Consistency;
use likewise::http::{self, ServeLimits};
use likewise::node::{Node, NodeThread};
use likewise::{Config, Server};
use likewise_journal::disk::file::FileDisk;
use likewise_journal::journal::Journal;
use likewise_replica::member::{NodeId, Peer};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::voters::Voters;
use likewise_state::state::{Keys, State};
use serde_json::Value;
use tokio::sync::oneshot;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a port of the system's choice. It ends when this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// A whole server that keeps everything in memory.
    pub(crate) fn start() -> Self {
        Self::start_with(Config::for_tests(None))
    }

    /// A whole server with these settings.
    pub(crate) fn start_with(config: Config) -> Self {
        Self::run(async move |stopped, bound| {
            let server = Server::bind(config).await.unwrap();
            bound.send(server.http_address()).unwrap();
            server.run(stopped).await.unwrap();
        })
    }

    /// Only the HTTP side, with other limits than usual.
    pub(crate) fn with_limits(limits: ServeLimits) -> Self {
        Self::with_limits_and_voters(limits, &[])
    }

    /// The same, of a node of a cluster with these voters, if any, none of which it reaches.
    pub(crate) fn with_limits_and_voters(limits: ServeLimits, voters: &[&str]) -> Self {
        let names = voters.iter().map(|&name| name.to_owned());
        let voting = Voters::new(names).ok().map(|voters| Voting {
            voters,
            name: "test-node".to_owned(),
            boot: 1,
            kept: None,
        });
        Self::run(async move |stopped, bound| {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            bound.send(listener.local_addr().unwrap()).unwrap();
            let (cluster, thread) = cluster(voting);
            http::serve(listener, http::router(cluster, Consistency::Local), limits, stopped).await;
            tokio::task::spawn_blocking(|| thread.stop()).await.unwrap().unwrap();
        })
    }

    fn run<F>(serve: F) -> Self
    where
        F: AsyncFnOnce(
                std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
                std::sync::mpsc::Sender<SocketAddr>,
            ) + Send
            + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let stopped = Box::pin(async { drop(stopped.await) });
            runtime.block_on(serve(stopped, bound));
        });
        let address = address.recv_timeout(PATIENCE).unwrap();
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// A new connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Tells the server to stop, and does not wait.
    pub(crate) fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for the server to end.
    pub(crate) fn join(&mut self) {
        self.begin_to_stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.begin_to_stop();
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

fn cluster(voting: Option<Voting>) -> (Cluster, NodeThread) {
    let state = Arc::new(State::new(Keys::for_tests()));
    let journal = None::<Journal<FileDisk>>;
    let (node, thread) = Node::start(NodeId(1), "test-node".to_owned(), state, journal, voting);
    let http = String::new();
    let me = Peer {
        node: NodeId(1),
        name: "test-node".to_owned(),
        http,
        incarnation: 1,
        takes_contexts: false,
    };
    (Cluster::solitary("likewise".to_owned(), me, node), thread)
}

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// A client for which the system holds next to nothing: what it does not read the server still has, but for
    /// the 4 MB or so that a server's side holds.
    pub(crate) fn with_little_room(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4 << 10).unwrap();
            socket.connect(address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn put(&mut self, path: &str) -> Answer {
        self.request("PUT", path, &[], b"")
    }

    pub(crate) fn delete(&mut self, path: &str) -> Answer {
        self.request("DELETE", path, &[], b"")
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Answer {
        self.request("POST", path, &[("content-type", "application/json")], body.as_bytes())
    }

    /// Sends a request and reads its answer.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        if !body.is_empty() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        self.send(head.as_bytes());
        self.send(body);
        self.answer(method)
    }

    /// Sends a request without a body and reads only the head of its answer, which may have no end.
    pub(crate) fn request_head(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{lines}\r\n").as_bytes());
        self.answer("HEAD")
    }

    /// Sends bytes as they are. That the other side has hung up shows when its answer is read.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Reads the answer to a request of this method.
    pub(crate) fn answer(&mut self, method: &str) -> Answer {
        self.try_answer(method).expect("the server answers before it closes")
    }

    /// The same; `None` where the server closed the connection instead.
    pub(crate) fn try_answer(&mut self, method: &str) -> Option<Answer> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" && status != 304 {
            answer.body = self.bytes(length);
            if answer.header("transfer-encoding") == Some("chunked") {
                answer.body = self.chunks();
            }
        }
        Some(answer)
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line().unwrap(), 16).unwrap();
            body.extend(self.bytes(length));
            assert_eq!(self.line().unwrap(), "");
            if length == 0 {
                return body;
            }
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Whether the server has closed the connection, once it has.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0)) || self.stream.get_ref().peer_addr().is_err()
    }

    /// The status of an answer of which nothing else is read yet.
    pub(crate) fn status(&mut self) -> u16 {
        let line = self.line().expect("the server answers");
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Whether the chunks of an answer end before their end.
    pub(crate) fn breaks_off(&mut self) -> bool {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        !rest.ends_with(b"0\r\n\r\n")
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body of a 200 as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The detail of a problem with this status and slug.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, slug: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("likewise-node"), Some("test-node"));
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["type"], format!("/problems/{slug}"));
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}
