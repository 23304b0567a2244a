//! Somebody between two nodes who knows their secret: passes on all that they say, and keeps it in plain.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use likewise::cluster::handshake::{self, Opened, Versions};
use likewise::cluster::link_error::LinkError;
use likewise::cluster::secret::Secret;
use likewise::cluster::stream::{FrameReader, FrameWriter};
use likewise::fuzz;
use likewise_replica::member::{NodeId, Peer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Runtime;

/// Packets that are kept.
const PACKETS_MAX: usize = 24;

/// Frames of a link that are kept.
const FRAMES_MAX: usize = 160;

/// All that was said on the way to one node.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Each packet, and when it passed.
    pub(crate) packets: Vec<(Duration, Vec<u8>)>,
    pub(crate) links: Vec<Link>,
}

/// All frames of one link: whether the opener said it, and what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) Vec<(bool, Vec<u8>)>);

/// Passes on what comes to [`Self::address`]. Dropping it ends that.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    _runtime: Runtime,
}

impl Tap {
    /// Passes on to `target`, a node of this secret.
    pub(crate) fn start(target: SocketAddr, secret: &Secret) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .worker_threads(1)
            .build()
            .unwrap();
        let (tcp, udp) = runtime.block_on(free_port());
        let address = tcp.local_addr().unwrap();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        runtime.spawn(packets(udp, target, heard.clone()));
        runtime.spawn(links(tcp, target, secret.clone(), heard.clone()));
        Self { address, heard, _runtime: runtime }
    }

    /// What was heard so far.
    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }
}

/// A port of loopback that is free for TCP and UDP.
async fn free_port() -> (TcpListener, UdpSocket) {
    for _ in 0..100 {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (tcp, udp);
        }
    }
    panic!("no port is free for both TCP and UDP");
}

async fn packets(socket: UdpSocket, target: SocketAddr, heard: Arc<Mutex<Heard>>) {
    let mut packet = [0; 2_000];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut packet).await else { continue };
        let bytes = packet[..length].to_vec();
        // The target may be dead at the moment.
        let _ = socket.send_to(&bytes, target).await;
        let packets = &mut heard.lock().unwrap().packets;
        if packets.len() < PACKETS_MAX {
            packets.push((SystemTime::now().duration_since(UNIX_EPOCH).unwrap(), bytes));
        }
    }
}

async fn links(
    listener: TcpListener,
    target: SocketAddr,
    secret: Secret,
    heard: Arc<Mutex<Heard>>,
) {
    loop {
        let Ok((caller, _)) = listener.accept().await else { continue };
        let (secret, heard) = (secret.clone(), heard.clone());
        tokio::spawn(async move {
            // Nodes call again where they were not answered.
            let _ = pass(caller, target, &secret, &heard).await;
        });
    }
}

/// Meets the caller in the target's name, and the target in the caller's.
async fn pass(
    caller: TcpStream,
    target: SocketAddr,
    secret: &Secret,
    heard: &Mutex<Heard>,
) -> Result<(), LinkError> {
    let nobody = Peer {
        node: NodeId(1),
        name: "tap".to_owned(),
        http: String::new(),
        incarnation: 1,
        takes_contexts: false,
    };
    let nobody = fuzz::hello_of(&nobody, &secret.digest_key());
    let open = |hello: Vec<u8>| async move {
        let stream = TcpStream::connect(target).await?;
        stream.set_nodelay(true)?;
        handshake::open(stream, secret, &hello, Versions::SPOKEN).await
    };
    let asked = open(nobody).await?.hello;
    caller.set_nodelay(true)?;
    let opener = handshake::accept(caller, secret, &asked, Versions::SPOKEN).await?;
    let accepter = open(opener.hello.clone()).await?;
    let hellos = vec![(true, opener.hello.clone()), (false, accepter.hello.clone())];
    let number = {
        let links = &mut heard.lock().unwrap().links;
        links.push(Link(hellos));
        links.len() - 1
    };
    let keep = |is_opener: bool, frame: &[u8]| {
        let Link(frames) = &mut heard.lock().unwrap().links[number];
        if frames.len() < FRAMES_MAX {
            frames.push((is_opener, frame.to_vec()));
        }
    };
    let Opened { reader: from_opener, writer: to_opener, .. } = opener;
    let Opened { reader: from_accepter, writer: to_accepter, .. } = accepter;
    tokio::select! {
        ended = copy(from_opener, to_accepter, |frame| keep(true, frame)) => ended,
        ended = copy(from_accepter, to_opener, |frame| keep(false, frame)) => ended,
    }
}

async fn copy<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    mut from: FrameReader<R>,
    mut to: FrameWriter<W>,
    mut keep: impl FnMut(&[u8]),
) -> Result<(), LinkError> {
    while let Some(frame) = from.next().await? {
        keep(&frame);
        to.write(&frame)?;
        to.flush().await?;
    }
    Ok(())
}
