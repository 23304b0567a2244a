//! Two nodes with a secret and a relay on the way to one of them, so that what they say can be had; and
//! strangers at another address.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::ask::{check, metric};
use super::nodes::{Node, Setup, keygen, until_together};
use super::relay::{Relay, free_port};

/// Where strangers come from: no node is there, so they have no share in the room of nodes.
const STRANGERS: &str = "127.0.0.9:0";

/// How long a stranger waits for an answer.
const ANSWER: Duration = Duration::from_millis(500);

/// A cluster with a secret.
pub(crate) struct Guarded {
    pub(crate) a: Node,
    /// Whom others reach only through the relay.
    pub(crate) b: Node,
    pub(crate) relay: Relay,
    /// Where `b` really is.
    pub(crate) b_address: SocketAddr,
    pub(crate) folder: TempDir,
}

impl Guarded {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = keygen(folder.path(), "key");
        let guarded = |name| Setup::new(name, folder.path()).with(&["--cluster-key-file", &key]);
        let a = guarded("a").start();
        let b_address = free_port().0.local_addr().unwrap();
        let relay = Relay::start(b_address);
        let mut setup = guarded("b").join(&a.address);
        setup.cluster = b_address.to_string();
        let b = setup.with(&["--advertise", &relay.address.to_string()]).start();
        until_together(&[&a, &b]);
        Self { a, b, relay, b_address, folder }
    }

    /// `kill -9` of the node behind the relay, and a start at the same ports.
    pub(crate) fn restart_b(&mut self) {
        self.b.kill();
        self.b.setup.http = self.b.url.trim_start_matches("http://").to_owned();
        self.b.attempt().unwrap();
    }

    /// The incarnation of each member as `node` shows it, all of them alive, and nobody else there.
    pub(crate) fn members(&self, node: &Node) -> Result<BTreeMap<String, u64>, String> {
        let view = node.view()?;
        let all_live = view.members.len() == 2 && view.alive().len() == 2;
        check(all_live, || format!("{}: {view:?}", node.setup.name))?;
        Ok(view.members.into_iter().map(|member| (member.id, member.incarnation)).collect())
    }
}

/// Packets that the nodes have refused, and links.
pub(crate) fn refused(nodes: &[&Node], name: &str) -> usize {
    let sum: f64 = nodes.iter().map(|node| metric(&node.url, name).unwrap_or(0.0)).sum();
    sum as usize
}

/// Strangers, all at one address.
pub(crate) struct Strangers {
    pub(crate) socket: UdpSocket,
    runtime: tokio::runtime::Runtime,
}

impl Strangers {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        Self { socket: UdpSocket::bind(STRANGERS).unwrap(), runtime }
    }

    /// Connects to a cluster port and says all of `bytes`, then waits for the other side to hang up or to
    /// say nothing more. Answers with how many bytes came back.
    pub(crate) fn say(&self, address: SocketAddr, bytes: &[u8]) -> usize {
        let stream = self.runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(STRANGERS.parse().unwrap()).unwrap();
            socket.connect(address).await
        });
        // The node may have hung up already.
        let Ok(stream) = stream else { return 0 };
        let mut stream: TcpStream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        if stream.write_all(bytes).is_err() {
            return 0;
        }
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let (mut answer, mut length) = ([0; 4096], 0);
        while let Ok(more) = stream.read(&mut answer) {
            length += more;
            if more == 0 {
                break;
            }
        }
        length
    }
}
