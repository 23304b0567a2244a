//! What comes over links: the handshake, the first frame, and all frames after it.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use likewise::cluster::handshake::{self, Versions};
use likewise::cluster::link_error::LinkError;
use likewise::cluster::secret::Secret;
use likewise::cluster::stream::FRAME_BYTES_MAX;
use likewise::fuzz::{self, Noise};
use likewise_replica::member::{NodeId, Peer};
use likewise_state::digest::DigestKey;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use crate::script::Script;
use crate::{Bound, Target, assert_says_something};

/// [`stream_frames`]
pub const STREAM_FRAMES: Target = Target {
    name: "stream_frames",
    run: stream_frames,
    seeds: frame_seeds,
    // A reader has room for one message of 64 KiB, and doubles it once. The factor: the sealed bytes, the
    // plain ones in a buffer that doubles, each frame, and the same frames as this target reads them.
    bound: Bound { constant: 384 << 10, factor: 16 },
    slowness: 4,
};

/// [`handshake`](fn@handshake)
pub const HANDSHAKE: Target = Target {
    name: "handshake",
    run: handshake,
    seeds: handshake_seeds,
    // The state of Noise, the preamble and the hello: nothing depends on what is read, because it has a fixed
    // size until the keys fit.
    bound: Bound { constant: 16 << 10, factor: 1 },
    slowness: 10,
};

/// [`hello`]
pub const HELLO: Target = Target {
    name: "hello",
    run: hello,
    seeds: hello_seeds,
    // Each text is copied, in a string that grows with it where it holds escapes; then written and read again.
    bound: Bound { constant: 4 << 10, factor: 16 },
    slowness: 1,
};

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().build().expect("the system lets us");
}

/// Runs what never waits for anything but time.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Bytes that arrive some at a time.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let (now, later) = self.rest.split_at(self.piece.min(self.rest.len()).min(to.remaining()));
        to.put_slice(now);
        self.rest = later;
        Poll::Ready(Ok(()))
    }
}

static NOISE: LazyLock<Noise> = LazyLock::new(Noise::new);

/// The frames of a stream, and why it ended.
fn read(wire: &[u8], piece: usize) -> (Vec<Vec<u8>>, Result<(), LinkError>) {
    block_on(async {
        let mut reader = NOISE.reader(Pieces { rest: wire, piece });
        let mut frames = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, Ok(())),
                Err(error) => return (frames, Err(error)),
            }
        }
    })
}

/// A stream of anybody's, and the same bytes sealed by a node that has the secret.
pub fn stream_frames(data: &[u8]) {
    let (frames, end) = read(data, usize::MAX);
    assert!(frames.is_empty(), "frames that nobody sealed");
    match end {
        Ok(()) => assert!(data.is_empty()),
        Err(error) => assert_says_something(&error),
    }
    let mut script = Script(data);
    // Of 1 to 60,000 bytes: frames and messages need not align.
    let message = 1 + usize::from(script.byte()) * usize::from(script.byte()) % 60_000;
    let piece = 1 + usize::from(script.byte()) * 37;
    let mut plain = script.rest();
    // A message costs a seal of 16 bytes: of the shortest there are only some.
    plain = &plain[..plain.len().min(message * 200)];
    let sealed: Vec<u8> =
        (0..).zip(plain.chunks(message)).flat_map(|(n, part)| NOISE.sealed(n, part)).collect();
    let (frames, end) = read(&sealed, piece);
    for frame in frames {
        let (length, rest) = plain.split_first_chunk().expect("a frame has a length");
        let length = u32::from_be_bytes(*length) as usize;
        assert!(frame == rest[..length], "a frame changes on its way");
        plain = &rest[length..];
    }
    let length = plain.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
    match end {
        Ok(()) => assert!(plain.is_empty(), "the end of a stream is lost"),
        Err(LinkError::FrameTooLarge { .. }) => assert!(length > Some(FRAME_BYTES_MAX)),
        Err(LinkError::CutOff) => {
            assert!(
                length.is_none_or(|length| length <= FRAME_BYTES_MAX && plain.len() < 4 + length)
            );
        }
        Err(error) => panic!("our own stream breaks: {error}"),
    }
}

fn frame_seeds() -> Vec<Vec<u8>> {
    let frame = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let plain = [frame(b""), frame(b"\x03\x01"), frame(&[9; 300]), frame(b"x")].concat();
    let shapes = [[0, 0, 0], [1, 7, 0], [255, 235, 255], [10, 10, 1]];
    let sealed = NOISE.sealed(0, b"1234").len() as u16;
    let stranger = [&sealed.to_be_bytes()[..], &[0; 18]].concat();
    let seeds = shapes.iter().map(|shape| [&shape[..], &plain].concat());
    seeds.chain([stranger, frame(&[7; 5_000])]).collect()
}

/// Whoever opens a link, and whoever is there when this node opens one.
pub fn handshake(data: &[u8]) {
    let (secret, hello) = (&*SECRET, &b"hello"[..]);
    let mut answered = Vec::new();
    let accepted = block_on(handshake::accept(
        tokio::io::join(data, &mut answered),
        secret,
        hello,
        Versions::SPOKEN,
    ));
    let Err(error) = accepted else { panic!("a link without the secret") };
    assert_says_something(&error);
    // Nobody gets more than a reply and a message of the handshake.
    assert!(answered.len() <= 64, "a stranger is answered {} bytes", answered.len());
    let mut sent = Vec::new();
    let opened = block_on(handshake::open(
        tokio::io::join(data, &mut sent),
        secret,
        hello,
        Versions::SPOKEN,
    ));
    let Err(error) = opened else { panic!("a link without the secret") };
    assert_says_something(&error);
}

static SECRET: LazyLock<Secret> = LazyLock::new(|| Secret::open("fuzz"));

fn handshake_seeds() -> Vec<Vec<u8>> {
    let preamble = |secret: &Secret| {
        let mut sent = Vec::new();
        let nobody = tokio::io::join(&[][..], &mut sent);
        let opened = block_on(handshake::open(nobody, secret, b"hello", Versions::SPOKEN));
        assert!(opened.is_err(), "nobody was there");
        sent
    };
    let ours = preamble(&SECRET);
    let with_noise = [&ours[..], &[9; 48]].concat();
    let replies = (0..5).map(|verdict| [b"LWl\0", &[verdict, 1, 1, 1][..], &[9; 48]].concat());
    let preambles = [ours.clone(), with_noise, preamble(&Secret::open("other"))];
    preambles.into_iter().chain(replies).collect()
}

/// The first frame of a link.
pub fn hello(data: &[u8]) {
    let key = DigestKey::of_cluster("fuzz");
    match fuzz::hello(data, &key) {
        Ok(peer) => assert_eq!(fuzz::hello(&fuzz::hello_of(&peer, &key), &key), Ok(peer)),
        Err(error) => assert_says_something(&error),
    }
}

fn hello_seeds() -> Vec<Vec<u8>> {
    let peer = |node, name: &str| Peer {
        node: NodeId(node),
        name: name.to_owned(),
        http: "127.0.0.1:8080".to_owned(),
        incarnation: node,
        takes_contexts: node == 7,
    };
    let key = DigestKey::of_cluster("fuzz");
    let peers = [peer(1, "a"), peer(u64::MAX, "\u{1f600}\\\""), peer(7, &"n".repeat(512))];
    let later = fuzz::hello_of(&peers[0], &key);
    let later = String::from_utf8(later).expect("JSON is").replacen('{', r#"{"more":[{},[1]],"#, 1);
    peers.iter().map(|peer| fuzz::hello_of(peer, &key)).chain([later.into_bytes()]).collect()
}
