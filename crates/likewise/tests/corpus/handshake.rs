//! How a link of version 1 begins, by an implementation of its own: today's opener meets such an accepter, and
//! today's accepter such an opener, which is what a rolling update asks for; and the bytes of a recorded
//! beginning come out again.

use hkdf::Hkdf;
use likewise::cluster::handshake::{Versions, accept, open};
use sha2::Sha256;
use snow::{Builder, HandshakeState, TransportState};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};

use super::told::hex;
use super::version::{CLUSTER, Version, lines};

/// The opener's secret of the link that was recorded: with it, the same bytes come out each time.
const EPHEMERAL: [u8; 32] = [7; 32];

const NOISE: &str = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";

const PREAMBLE_BYTES: usize = 22;
const REPLY_BYTES: usize = 8;
const NOISE_BYTES: usize = 48;

/// What is said at the beginning, in hexadecimal: `> ` by the opener, `< ` by the accepter.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) preamble: Vec<u8>,
    pub(crate) reply: Vec<u8>,
    first: Vec<u8>,
    second: Vec<u8>,
    opener_hello: Vec<u8>,
    accepter_hello: Vec<u8>,
}

impl Begun {
    const PARTS: [&str; 6] = ["> ", "< ", "> ", "< ", "> ", "< "];

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let Self { preamble, reply, first, second, opener_hello, accepter_hello } = self;
        let parts = [preamble, reply, first, second, opener_hello, accepter_hello];
        let lines = Self::PARTS.iter().zip(parts);
        lines.map(|(side, bytes)| format!("{side}{}\n", hex(bytes))).collect()
    }

    pub(crate) fn of(version: &Version) -> Self {
        let parts = lines(version, "handshake.txt").into_iter().zip(Self::PARTS);
        let mut parts = parts.map(|(line, side)| unhex(line.strip_prefix(side).unwrap()));
        let mut part = || parts.next().unwrap();
        Self {
            preamble: part(),
            reply: part(),
            first: part(),
            second: part(),
            opener_hello: part(),
            accepter_hello: part(),
        }
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// A key that comes from the first line of the key file.
fn key<const N: usize>(version: &Version, purpose: &str) -> [u8; N] {
    let text = version.text("cluster.key");
    let line = text.lines().find_map(|line| line.strip_prefix("key ")).unwrap();
    let mut derived = [0; N];
    let secret = unhex(line.trim());
    Hkdf::<Sha256>::new(Some(CLUSTER.as_bytes()), &secret)
        .expand(purpose.as_bytes(), &mut derived)
        .unwrap();
    derived
}

fn noise(version: &Version, preamble: &[u8], reply: &[u8], opens: bool) -> HandshakeState {
    let (prologue, psk) = ([preamble, reply].concat(), key(version, "likewise streams"));
    let builder = Builder::new(NOISE.parse().unwrap()).psk(0, &psk).unwrap();
    let builder = builder.prologue(&prologue).unwrap();
    match opens {
        true => builder.fixed_ephemeral_key_for_testing_only(&EPHEMERAL).build_initiator(),
        false => builder.build_responder(),
    }
    .unwrap()
}

/// A frame as the first message of a stream.
fn seal(stream: &mut TransportState, frame: &[u8]) -> Vec<u8> {
    let plain = [&(frame.len() as u32).to_be_bytes()[..], frame].concat();
    let mut sealed = vec![0; plain.len() + 16];
    stream.write_message(&plain, &mut sealed).unwrap();
    [&(sealed.len() as u16).to_be_bytes()[..], &sealed].concat()
}

/// The frame in the first message of a stream.
fn unseal(stream: &mut TransportState, message: &[u8]) -> Vec<u8> {
    let mut plain = vec![0; message.len()];
    let length = stream.read_message(&message[2..], &mut plain).unwrap();
    let frame = &plain[4..length];
    let told = u32::from_be_bytes(*plain.first_chunk().unwrap()) as usize;
    frame[..told].to_vec()
}

async fn message<S: AsyncRead + Unpin>(io: &mut S) -> Vec<u8> {
    let mut length = [0; 2];
    io.read_exact(&mut length).await.unwrap();
    let mut sealed = vec![0; usize::from(u16::from_be_bytes(length))];
    io.read_exact(&mut sealed).await.unwrap();
    [&length[..], &sealed].concat()
}

async fn exactly<S: AsyncRead + Unpin>(io: &mut S, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    io.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// The preamble of a node that speaks these versions.
pub(crate) fn preamble(version: &Version, oldest: u8, newest: u8) -> Vec<u8> {
    use sha2::Digest as _;
    let cluster: [u8; 32] =
        Sha256::new().chain_update(b"likewise cluster\0").chain_update(CLUSTER).finalize().into();
    let tag: [u8; 8] = key(version, "likewise key tag");
    [&b"LWl\0"[..], &[oldest, newest], &cluster[..8], &tag].concat()
}

/// Opens a link as a node of version 1 does, and says this of itself.
pub(crate) async fn open_v1<S>(io: &mut S, version: &Version, hello: &[u8]) -> (Begun, Vec<u8>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let preamble = preamble(version, 1, 1);
    io.write_all(&preamble).await.unwrap();
    let reply = exactly(io, REPLY_BYTES).await;
    let mut noise = noise(version, &preamble, &reply, true);
    let mut first = vec![0; NOISE_BYTES];
    assert_eq!(noise.write_message(&[], &mut first).unwrap(), NOISE_BYTES);
    io.write_all(&first).await.unwrap();
    let second = exactly(io, NOISE_BYTES).await;
    noise.read_message(&second, &mut []).unwrap();
    let mut stream = noise.into_transport_mode().unwrap();
    let opener_hello = seal(&mut stream, hello);
    io.write_all(&opener_hello).await.unwrap();
    let accepter_hello = message(io).await;
    let heard = unseal(&mut stream, &accepter_hello);
    (Begun { preamble, reply, first, second, opener_hello, accepter_hello }, heard)
}

#[tokio::test]
async fn todays_accepter_meets_an_opener_of_version_1() {
    let version = Version::named("v1");
    let (mut left, right) = duplex(1 << 12);
    let secret = version.secret();
    let ((begun, heard), accepted) = tokio::join!(
        open_v1(&mut left, &version, b"I open"),
        accept(right, &secret, b"I accept", Versions::SPOKEN)
    );
    let accepted = accepted.unwrap();
    assert_eq!(
        (&*heard, &*accepted.hello, accepted.version),
        (&b"I accept"[..], &b"I open"[..], 1)
    );
    let recorded = Begun::of(&version);
    assert_eq!(begun.preamble, recorded.preamble);
    assert_eq!(begun.reply[..6], recorded.reply[..6], "accepted, in version 1");
}

#[tokio::test]
async fn todays_opener_meets_an_accepter_of_version_1() {
    let version = Version::named("v1");
    let (left, mut right) = duplex(1 << 12);
    let (secret, recorded) = (version.secret(), Begun::of(&version));
    let accepter = async {
        let preamble = exactly(&mut right, PREAMBLE_BYTES).await;
        assert_eq!(preamble[..5], recorded.preamble[..5], "it still speaks version 1");
        assert_eq!(preamble[6..], recorded.preamble[6..], "the tags");
        right.write_all(&recorded.reply).await.unwrap();
        let mut noise = noise(&version, &preamble, &recorded.reply, false);
        noise.read_message(&exactly(&mut right, NOISE_BYTES).await, &mut []).unwrap();
        let mut second = vec![0; NOISE_BYTES];
        noise.write_message(&[], &mut second).unwrap();
        right.write_all(&second).await.unwrap();
        let mut stream = noise.into_transport_mode().unwrap();
        right.write_all(&seal(&mut stream, b"I accept")).await.unwrap();
        unseal(&mut stream, &message(&mut right).await)
    };
    let (opened, heard) = tokio::join!(open(left, &secret, b"I open", Versions::SPOKEN), accepter);
    let opened = opened.unwrap();
    assert_eq!((&*heard, &*opened.hello, opened.version), (&b"I open"[..], &b"I accept"[..], 1));
}

#[test]
fn the_recorded_beginning_comes_out_again_and_tells_who_was_met() {
    let version = Version::named("v1");
    let Begun { preamble, reply, first, second, opener_hello, accepter_hello } =
        Begun::of(&version);
    assert_eq!(preamble, self::preamble(&version, 1, 1));
    let mut noise = noise(&version, &preamble, &reply, true);
    let mut again = vec![0; NOISE_BYTES];
    noise.write_message(&[], &mut again).unwrap();
    assert_eq!(again, first);
    noise.read_message(&second, &mut []).unwrap();
    let mut stream = noise.into_transport_mode().unwrap();
    let key = version.secret().digest_key();
    let heard = likewise::fuzz::hello(&unseal(&mut stream, &accepter_hello), &key).unwrap();
    assert_eq!(heard.name, "b");
    assert_eq!(seal(&mut stream, b"I open"), opener_hello);
}
