//! One kept-alive connection that waits for each answer, without a runtime: a thread that sleeps in `read`
//! is awake as soon as the answer is there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use likewise::load::http::request;

use crate::process::PATIENCE;

/// A connection to a node.
pub(crate) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    received: Vec<u8>,
}

/// What the node answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the node listens");
        stream.set_nodelay(true).expect("a socket has this option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has this option");
        Self { stream, request: Vec::new(), received: Vec::new() }
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.request.clear();
        request(&mut self.request, method, path, body);
        self.stream.write_all(&self.request).expect("the node reads");
        self.received.clear();
        loop {
            if let Some(answer) = answer(&self.received) {
                return answer;
            }
            let mut part = [0; 16 << 10];
            let bytes = self.stream.read(&mut part).expect("the node answers");
            assert!(bytes > 0, "the node hung up on {method} {path}");
            self.received.extend_from_slice(&part[..bytes]);
        }
    }

    /// The body of the answer to a GET that must succeed.
    pub(crate) fn get(&mut self, path: &str) -> String {
        let Answer { status, body } = self.ask("GET", path, b"");
        assert!(status == 200, "GET {path} is answered {status}: {body}");
        body
    }
}

/// The answer, once it is whole.
fn answer(received: &[u8]) -> Option<Answer> {
    let (bytes, status) = whole(received)?;
    let head = head(received)?;
    let body = String::from_utf8_lossy(&received[head..bytes]).into_owned();
    Some(Answer { status, body })
}

/// Bytes and status of the first answer in `received`, once it is whole.
pub(crate) fn whole(received: &[u8]) -> Option<(usize, u16)> {
    let end = head(received)?;
    let head = std::str::from_utf8(&received[..end]).expect("a head is text");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value.trim())
    });
    let length: usize = length.map_or(0, |length| length.parse().expect("a length is a number"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.expect("an answer begins with its status");
    (received.len() >= end + length).then_some((end + length, status))
}

/// Where the head ends.
fn head(received: &[u8]) -> Option<usize> {
    Some(received.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4)
}
