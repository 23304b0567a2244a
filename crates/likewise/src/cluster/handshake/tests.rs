//! Who gets a link, and that whoever does not is told why.

use std::path::Path;

use likewise_state::digest::Digest;
use tokio::io::{DuplexStream, duplex};

use super::*;
use crate::cluster::key_file::{KeyFile, generate};

const ONE: Versions = Versions { oldest: 1, newest: 1 };

fn secret(name: &str, keys: &[&str], digests: &str) -> Secret {
    let keys: String = keys.iter().map(|key| format!("key {}\n", key.repeat(64))).collect();
    let text = format!("{keys}digests {}\n", digests.repeat(64));
    Secret::from_keys(name, &KeyFile::parse(Path::new("FILE"), &text).unwrap())
}

async fn meet(
    opener: &Secret,
    accepter: &Secret,
) -> (Result<Opened<DuplexStream>, LinkError>, Result<Opened<DuplexStream>, LinkError>) {
    let (left, right) = duplex(1 << 12);
    tokio::join!(open(left, opener, b"I open", ONE), accept(right, accepter, b"I accept", ONE))
}

#[tokio::test]
async fn nodes_of_one_cluster_meet_and_hear_each_other() {
    let text = generate().unwrap();
    let secret = Secret::from_keys("c", &KeyFile::parse(Path::new("FILE"), &text).unwrap());
    for secret in [&secret, &Secret::open("c")] {
        let (opened, accepted) = meet(secret, secret).await;
        let (opened, accepted) = (opened.unwrap(), accepted.unwrap());
        assert_eq!((&*opened.hello, &*accepted.hello), (&b"I accept"[..], &b"I open"[..]));
        assert_eq!((opened.version, accepted.version), (1, 1));
    }
}

#[tokio::test]
async fn another_name_and_another_secret_are_told_apart_on_both_sides() {
    let ours = secret("c", &["1"], "d");
    for (theirs, reason) in [
        (secret("other", &["1"], "d"), "cluster"),
        (Secret::open("other"), "cluster"),
        (secret("c", &["2"], "d"), "secret"),
        (Secret::open("c"), "secret"),
    ] {
        for (opener, accepter) in [(&ours, &theirs), (&theirs, &ours)] {
            let (opened, accepted) = meet(opener, accepter).await;
            assert_eq!(opened.err().unwrap().reason(), reason);
            assert_eq!(accepted.err().unwrap().reason(), reason);
        }
    }
}

#[tokio::test]
async fn keys_are_rotated_without_a_moment_in_which_two_nodes_cannot_meet() {
    let steps = [&["1"][..], &["1", "2"], &["2", "1"], &["2"]];
    for pair in steps.windows(2) {
        let (before, after) = (secret("c", pair[0], "d"), secret("c", pair[1], "d"));
        for (opener, accepter) in [(&before, &after), (&after, &before)] {
            let (opened, accepted) = meet(opener, accepter).await;
            assert!(opened.is_ok() && accepted.is_ok(), "{pair:?}");
        }
        let tag = |secret: &Secret| Digest::default().tag(&secret.digest_key());
        assert_eq!(tag(&before), tag(&after), "digests stay");
    }
    let (opened, _) = meet(&secret("c", steps[0], "d"), &secret("c", steps[3], "d")).await;
    assert_eq!(opened.err().unwrap().reason(), "secret");
}

/// What the accepter answers to an opener that says `versions`.
async fn answer_to((oldest, newest): (u8, u8)) -> (Vec<u8>, Option<LinkError>) {
    let secret = Secret::open("c");
    let (mut left, right) = duplex(1 << 12);
    let versions = Versions { oldest, newest };
    let preamble = preamble(versions, secret.cluster(), secret.first().tag);
    let opener = async {
        left.write_all(&preamble).await.unwrap();
        let mut reply = vec![0; REPLY_BYTES];
        left.read_exact(&mut reply).await.unwrap();
        drop(left);
        reply
    };
    let (reply, accepted) = tokio::join!(opener, accept(right, &secret, b"", ONE));
    (reply, accepted.err())
}

#[tokio::test]
async fn the_newest_common_version_is_spoken_and_none_is_an_error_that_names_both() {
    let (reply, _) = answer_to((1, 3)).await;
    assert_eq!(reply[4..], [Verdict::Accepted as u8, 1, 1, 1]);
    let (reply, error) = answer_to((2, 3)).await;
    assert_eq!(reply[4..], [Verdict::Version as u8, 0, 1, 1]);
    let text = error.unwrap().to_string();
    assert!(text.contains("versions 2 to 3") && text.contains("1 to 1"), "{text}");
    let reply = reply.try_into().unwrap();
    assert!(matches!(judge_reply(&reply, ONE), Err(LinkError::Version { theirs: ONE, .. })));
}

/// What both sides come to who speak these versions; `None` where it is nothing.
async fn spoken(opener: Versions, accepter: Versions) -> Option<u8> {
    let secret = Secret::open("c");
    let (left, right) = duplex(1 << 12);
    let (opened, accepted) = tokio::join!(
        open(left, &secret, b"I open", opener),
        accept(right, &secret, b"I accept", accepter)
    );
    match (opened, accepted) {
        (Ok(opened), Ok(accepted)) => {
            assert_eq!(opened.version, accepted.version);
            Some(opened.version)
        }
        (Err(opened), Err(accepted)) => {
            assert_eq!((opened.reason(), accepted.reason()), ("version", "version"));
            None
        }
        (opened, accepted) => panic!("only one of them: {:?} {:?}", opened.err(), accepted.err()),
    }
}

/// A rolling update: each release speaks the version before its own too, and meets its neighbours in either
/// role.
#[tokio::test]
async fn each_release_meets_the_one_before_it_and_the_one_after_it() {
    let release = |newest: u8| Versions { oldest: newest.saturating_sub(1).max(1), newest };
    for newest in 1..=200 {
        let (this, next) = (release(newest), release(newest + 1));
        assert_eq!(spoken(this, next).await, Some(newest));
        assert_eq!(spoken(next, this).await, Some(newest));
        assert_eq!(spoken(next, next).await, Some(newest + 1));
    }
    assert_eq!(spoken(release(1), release(3)).await, None);
    assert_eq!(spoken(release(3), release(1)).await, None);
}

#[test]
fn this_release_speaks_the_version_before_its_newest() {
    let Versions { oldest, newest } = Versions::SPOKEN;
    assert!(oldest == 1 || oldest < newest, "version {} could not be updated from", newest - 1);
}

#[tokio::test]
async fn what_is_no_node_is_refused_without_a_word() {
    for first in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &[0; 64], &[0xff; 64]] {
        let (mut left, right) = duplex(1 << 12);
        left.write_all(first).await.unwrap();
        let error = accept(right, &Secret::open("c"), b"", ONE).await.err().unwrap();
        assert_eq!(error.reason(), "not_likewise");
        let mut answer = Vec::new();
        left.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty());
    }
}

#[tokio::test]
async fn arbitrary_bytes_after_the_preamble_end_in_an_error() {
    let secret = Secret::open("c");
    let mut seed = 0x9e37_79b9_u64;
    for length in 0..400 {
        let (mut left, right) = duplex(1 << 12);
        let mut bytes = preamble(ONE, secret.cluster(), secret.first().tag);
        bytes.extend((0..length).map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u8
        }));
        left.write_all(&bytes).await.unwrap();
        left.shutdown().await.unwrap();
        assert!(accept(right, &secret, b"", ONE).await.is_err());
    }
}

#[test]
fn version_1_of_preamble_and_reply_is_as_it_was() {
    let secret = Secret::open("c");
    let preamble = preamble(ONE, secret.cluster(), secret.first().tag);
    assert_eq!(hex(&preamble), PREAMBLE);
    assert_eq!(hex(&reply(Verdict::Accepted, 1, ONE)), "4c576c0000010101");
}

const PREAMBLE: &str = "4c576c000101fe031db4e79cae2fadf172fa0973aac4";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn whoever_says_nothing_or_too_little_is_soon_hung_up_on() {
    for said in [&b""[..], &MAGIC] {
        let (mut left, right) = duplex(1 << 12);
        left.write_all(said).await.unwrap();
        let began = std::time::Instant::now();
        let accepted = accept(right, &Secret::open("c"), b"I accept", ONE).await;
        assert_eq!(accepted.err().unwrap().reason(), "silent");
        assert!(began.elapsed() >= PREAMBLE_TIME);
    }
}
