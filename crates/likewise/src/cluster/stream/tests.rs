//! Frames arrive whole, whatever the network does to the bytes, and damage never passes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::cluster::handshake::{Opened, Versions, accept, open};
use crate::cluster::secret::Secret;

async fn pair(buffer: usize) -> (Opened<DuplexStream>, Opened<DuplexStream>) {
    let (left, right) = duplex(buffer);
    let secret = Secret::open("tested");
    let versions = Versions::SPOKEN;
    let (opened, accepted) = tokio::join!(
        open(left, &secret, b"left", versions),
        accept(right, &secret, b"right", versions)
    );
    (opened.unwrap(), accepted.unwrap())
}

fn frame(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn frames_of_every_length_arrive_whole_and_in_order() {
    // Buffers that divide the bytes at odd places, and one that takes all at once.
    for buffer in [7, 1_000, 8 << 20] {
        let (mut left, mut right) = pair(buffer).await;
        let longest = if buffer == 7 { 200_000 } else { FRAME_BYTES_MAX };
        let lengths = [0, 1, 65_514, 65_515, 65_519, 65_520, 0, 1 << 17, longest];
        let sent = async {
            for length in lengths {
                left.writer.write(&frame(length)).unwrap();
                if length % 2 == 0 {
                    left.writer.flush().await.unwrap();
                }
            }
            left.writer.flush().await.unwrap();
        };
        let received = async {
            for length in lengths {
                assert!(right.reader.next().await.unwrap().unwrap() == frame(length), "{length}");
            }
        };
        tokio::join!(sent, received);
        drop(left);
        assert!(right.reader.next().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_frame_that_is_too_long_is_refused_before_it_is_sent() {
    let (mut left, _right) = pair(64).await;
    let error = left.writer.write(&vec![0; FRAME_BYTES_MAX + 1]).unwrap_err();
    assert!(error.to_string().contains("4194305"), "{error}");
}

#[tokio::test]
async fn a_frame_that_claims_to_be_too_long_is_refused_before_it_is_read() {
    let (mut left, mut right) = pair(1 << 16).await;
    // What a peer could send that does not keep to the bound.
    left.writer.plain.extend_from_slice(&u32::MAX.to_be_bytes());
    left.writer.flush().await.unwrap();
    let error = right.reader.next().await.unwrap_err();
    assert!(matches!(error, LinkError::FrameTooLarge { bytes: 4_294_967_295, .. }), "{error}");
}

#[tokio::test]
async fn waiting_for_a_frame_may_be_given_up_at_any_time() {
    let (mut left, mut right) = pair(5).await;
    let sent = tokio::spawn(async move {
        left.writer.write(&frame(10_000)).unwrap();
        left.writer.flush().await.unwrap();
        left
    });
    let mut given_up = 0;
    let received = loop {
        tokio::select! {
            biased;
            received = right.reader.next() => break received.unwrap().unwrap(),
            () = tokio::task::yield_now() => given_up += 1,
        }
    };
    assert!(received == frame(10_000));
    assert!(given_up > 10, "{given_up}");
    drop(sent.await.unwrap());
}

/// A pair with a middle man, who sees and changes what the left one sends.
async fn tapped(change: impl FnOnce(&mut Vec<u8>)) -> Result<Option<Vec<u8>>, LinkError> {
    let (left, tap) = duplex(1 << 16);
    let (forward, right) = duplex(1 << 16);
    let secret = Secret::open("tested");
    let (mut from_left, mut to_left) = tokio::io::split(tap);
    let (mut from_right, mut to_right) = tokio::io::split(forward);
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_right, &mut to_left).await });
    let taken = tokio::spawn(async move {
        // The handshake and the hello pass as they are: preamble, Noise, and a frame of 4 bytes.
        for _ in 0..22 + 48 + 2 + 4 + 4 + 16 {
            let byte = from_left.read_u8().await.unwrap();
            to_right.write_u8(byte).await.unwrap();
        }
        (from_left, to_right)
    });
    let versions = Versions::SPOKEN;
    let (opened, accepted) = tokio::join!(
        open(left, &secret, b"left", versions),
        accept(right, &secret, b"right", versions)
    );
    let (mut opened, mut accepted) = (opened.unwrap(), accepted.unwrap());
    let (mut from_left, mut to_right) = taken.await.unwrap();
    opened.writer.write(b"a frame to be changed").unwrap();
    opened.writer.flush().await.unwrap();
    let mut message = vec![0; 2 + 4 + 21 + 16];
    from_left.read_exact(&mut message).await.unwrap();
    change(&mut message);
    to_right.write_all(&message).await.unwrap();
    to_right.shutdown().await.unwrap();
    let next = tokio::time::timeout(Duration::from_secs(10), accepted.reader.next()).await;
    back.abort();
    next.expect("a broken stream is noticed")
}

#[tokio::test]
async fn a_stream_that_was_changed_on_its_way_is_noticed() {
    assert_eq!(tapped(|_| {}).await.unwrap().unwrap(), b"a frame to be changed");
    for at in 0..43 {
        assert!(tapped(|bytes| bytes[at] ^= 0x10).await.is_err(), "byte {at}");
    }
    assert!(matches!(tapped(|bytes| bytes.truncate(20)).await, Err(LinkError::CutOff)));
    let repeated = tapped(|bytes| bytes.extend(bytes.clone())).await;
    assert_eq!(repeated.unwrap().unwrap(), b"a frame to be changed");
}
