//! Redis, asked through as little as will do: a set for each post.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use likewise::load::Talk;

use crate::likes::Like;
use crate::process::{Process, wait_for};
use crate::service::{Ask, Keeping, Service};

/// What `redis-server` says it is, where it is installed.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("redis-server").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    Some(format!("Redis {version}"))
}

/// Redis.
pub(crate) struct Redis {
    process: Process,
    address: SocketAddr,
}

/// A connection that speaks RESP and has one request, of many commands perhaps, on its way.
pub(crate) struct Resp {
    ask: Ask,
    answers: usize,
}

impl Talk for Resp {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        self.answers = (self.ask)(request);
        self.answers > 0
    }

    fn answer(&mut self, received: &[u8]) -> Result<Option<usize>, String> {
        // All commands that are sent here are answered by a number.
        let mut bytes = 0;
        for _ in 0..self.answers {
            let rest = &received[bytes..];
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
            if rest[0] != b':' {
                return Err(format!("Redis answers {}", String::from_utf8_lossy(&rest[..end])));
            }
            bytes += end + 1;
        }
        Ok(Some(bytes))
    }
}

fn command(to: &mut Vec<u8>, words: &[&str]) {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    to.extend_from_slice(text.as_bytes());
}

impl Service for Redis {
    type Talk = Resp;

    const BULK_LIKES: usize = 1_000;

    fn start(folder: &Path, keeping: Keeping) -> Self {
        let folder = folder.join("redis");
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let free =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let address = free.expect("there is a free port");
        let mut server = Command::new("redis-server");
        server.args(["--bind", "127.0.0.1", "--save", "", "--port", &address.port().to_string()]);
        server.arg("--dir").arg(&folder);
        server.args(match keeping {
            Keeping::Always => ["--appendonly", "yes", "--appendfsync", "always"].as_slice(),
            Keeping::Never => &["--appendonly", "yes", "--appendfsync", "no"],
            Keeping::InMemory => &["--appendonly", "no"],
        });
        let process = Process::start(&mut server, &folder.join("redis.log"));
        // While it loads it answers, but by an error.
        wait_for("answer of Redis", || ask_once(address, "PING").filter(|text| text == "+PONG"));
        Self { process, address }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn memory_bytes(&self) -> f64 {
        let mut stream = TcpStream::connect(self.address).expect("Redis serves");
        stream.write_all(b"INFO memory\r\nQUIT\r\n").expect("Redis listens");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("Redis answers and hangs up");
        let line = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|number| number.trim().parse().ok()).expect("Redis says what it uses")
    }

    fn talk(ask: Ask) -> Resp {
        Resp { ask, answers: 0 }
    }

    fn like(to: &mut Vec<u8>, Like { post, user }: Like) -> usize {
        command(to, &["SADD", &format!("post-{post:06}"), &format!("user-{user:06}")]);
        1
    }

    fn count(to: &mut Vec<u8>, post: u32) -> usize {
        command(to, &["SCARD", &format!("post-{post:06}")]);
        1
    }

    fn feed(to: &mut Vec<u8>, posts: &[u32], user: u32) -> usize {
        let user = format!("user-{user:06}");
        for post in posts {
            let post = format!("post-{post:06}");
            command(to, &["SCARD", &post]);
            command(to, &["SISMEMBER", &post, &user]);
        }
        2 * posts.len()
    }

    fn bulk(to: &mut Vec<u8>, likes: &[Like]) -> usize {
        likes.iter().map(|&like| Self::like(to, like)).sum()
    }
}

/// The first line of the answer to one command.
fn ask_once(address: SocketAddr, command: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.lines().next().map(str::to_owned)
}
