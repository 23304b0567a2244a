//! Clients that send a byte a second and never come to an end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Drill;
use super::load::Load;
use super::nodes::Setup;
use super::reader::Reader;
use super::tally::Tally;

pub(crate) const SLOW: Drill = Drill {
    name: "slow-clients",
    tried: "300 connections that send a byte a second, half of them in the head of a request and half in a body",
    waits: true,
    run: slow,
};

/// Connections of each sort.
const CONNECTIONS: usize = 150;

/// Bulk bodies, of which a node takes eight at once.
const BULKS: usize = 4;

/// What the product promises, and what a busy machine may add.
const HEAD_TIME: Duration = Duration::from_secs(10);
const BODY_TIME: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(8);

const BEAT: Duration = Duration::from_secs(1);

const HEAD: &str = "GET /v1/posts/post-0 HTTP/1.1\r\nhost: drill\r\nx-slow: ";
const BODY: &str = "POST /v1/query HTTP/1.1\r\nhost: drill\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n";
const BULK: &str = "POST /v1/likes HTTP/1.1\r\nhost: drill\r\ncontent-length: 9999\r\n\r\n";

/// A client that sends its request a byte at a time.
struct SlowClient {
    stream: TcpStream,
    answer: Vec<u8>,
    began: Instant,
    ended: Option<Duration>,
}

impl SlowClient {
    fn start(url: &str, begun: &str) -> Self {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        stream.write_all(begun.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, answer: Vec::new(), began: Instant::now(), ended: None }
    }

    /// Sends another byte, and looks whether the node has had enough.
    fn beat(&mut self) {
        let mut bytes = [0; 4096];
        while self.ended.is_none() {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.ended = Some(self.began.elapsed()),
                Ok(length) => self.answer.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.ended = Some(self.began.elapsed()),
            }
        }
        // What comes of it the next look tells.
        let _ = self.stream.write(b"x");
    }
}

/// Asserts that all were cut off when it was time, and answers with the last.
fn last_cut(clients: &[SlowClient], promised: Duration, status: &str) -> Duration {
    for client in clients {
        let ended = client.ended.expect("the time was over for all");
        let in_time = ended + BEAT > promised && ended < promised + GRACE;
        assert!(in_time, "cut off after {ended:?} instead of {promised:?}");
        let answer = String::from_utf8_lossy(&client.answer);
        assert!(answer.starts_with(status), "{answer:?} instead of {status:?}");
    }
    clients.iter().filter_map(|client| client.ended).max().unwrap()
}

fn slow(tally: &mut Tally) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let node = Setup::new("a", folder.path()).start();
    let load = Load::start(vec![node.url.clone()], 0);
    // A round takes half a minute, and shows much.
    for _ in 0..tally.asked.div_ceil(10) {
        let reader = Reader::start(&node.url);
        let start = |count, begun| -> Vec<SlowClient> {
            (0..count).map(|_| SlowClient::start(&node.url, begun)).collect()
        };
        let mut heads = start(CONNECTIONS, HEAD);
        let mut bodies = start(CONNECTIONS, BODY);
        let mut bulks = start(BULKS, BULK);
        let began = Instant::now();
        let open = |clients: &[SlowClient]| clients.iter().any(|client| client.ended.is_none());
        let before = load.acknowledgements();
        while open(&heads) || open(&bodies) || open(&bulks) {
            let clients = heads.iter_mut().chain(&mut bodies).chain(&mut bulks);
            clients.for_each(SlowClient::beat);
            assert!(began.elapsed() < BODY_TIME + GRACE, "slow clients are still served");
            // The pace is what the drill is about.
            std::thread::sleep(BEAT);
        }
        let acknowledged = load.acknowledgements() - before;
        assert!(acknowledged > 1_000, "others were served {acknowledged} times meanwhile");
        tally.worst("slow heads cut off", last_cut(&heads, HEAD_TIME, ""));
        tally.worst("slow bodies answered 408", last_cut(&bodies, BODY_TIME, "HTTP/1.1 408"));
        tally.worst("slow bulk bodies answered 408", last_cut(&bulks, BODY_TIME, "HTTP/1.1 408"));
        tally.worst("p99 of reads by others", reader.stop().p99);
        tally.rounds += 1;
    }
    let record = tally.stop(load);
    tally.audit_all(&[&node], &record);
    Ok(())
}
