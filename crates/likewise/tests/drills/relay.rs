//! Somebody between two nodes who passes on all that they say, and keeps it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Packets and streams that are kept: enough to show something.
const KEPT_MAX: usize = 2_000;

/// Bytes of a stream that are kept.
const STREAM_BYTES_MAX: usize = 256 << 10;

/// How long reading waits before it looks whether the relay is gone.
const LOOK: Duration = Duration::from_millis(100);

/// What was said on the way to one node.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) packets: Vec<Vec<u8>>,
    /// What each caller said on its connection, from the beginning.
    pub(crate) streams: Vec<Vec<u8>>,
}

/// Passes on what comes to [`Self::address`]. Dropping it ends that.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    gone: Arc<AtomicBool>,
}

/// A port of loopback that is free for UDP and TCP.
pub(crate) fn free_port() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (socket, listener);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

impl Relay {
    /// Passes on to `target`.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let (socket, listener) = free_port();
        let address = socket.local_addr().unwrap();
        let relay = Self { address, heard: Arc::default(), gone: Arc::default() };
        socket.set_read_timeout(Some(LOOK)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (heard, gone) = (relay.heard.clone(), relay.gone.clone());
        thread::spawn(move || {
            let mut packet = [0; 2_000];
            while !gone.load(Ordering::Relaxed) {
                let Ok((length, _)) = socket.recv_from(&mut packet) else { continue };
                let mut heard = heard.lock().unwrap();
                if heard.packets.len() < KEPT_MAX {
                    heard.packets.push(packet[..length].to_vec());
                }
                drop(heard);
                // The target may be dead at the moment.
                let _ = socket.send_to(&packet[..length], target);
            }
        });
        let (heard, gone) = (relay.heard.clone(), relay.gone.clone());
        thread::spawn(move || {
            while !gone.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((caller, _)) => pass(caller, target, &heard),
                    Err(_) => thread::sleep(LOOK),
                }
            }
        });
        relay
    }

    /// What was heard so far.
    pub(crate) fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// Connects a caller with the target, in both directions, until either hangs up.
fn pass(caller: TcpStream, target: SocketAddr, heard: &Arc<Mutex<Heard>>) {
    let Ok(called) = TcpStream::connect(target) else { return };
    caller.set_nonblocking(false).unwrap();
    for stream in [&caller, &called] {
        stream.set_nodelay(true).unwrap();
    }
    let number = {
        let mut heard = heard.lock().unwrap();
        heard.streams.push(Vec::new());
        heard.streams.len() - 1
    };
    let heard = Arc::clone(heard);
    let (from, to) = (caller.try_clone().unwrap(), called.try_clone().unwrap());
    thread::spawn(move || {
        copy(from, to, |bytes| {
            let mut heard = heard.lock().unwrap();
            let stream = &mut heard.streams[number];
            if stream.len() < STREAM_BYTES_MAX {
                stream.extend_from_slice(bytes);
            }
        });
    });
    thread::spawn(move || copy(called, caller, |_| {}));
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut bytes = [0; 16 << 10];
    while let Ok(length) = from.read(&mut bytes) {
        if length == 0 || to.write_all(&bytes[..length]).is_err() {
            break;
        }
        keep(&bytes[..length]);
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
