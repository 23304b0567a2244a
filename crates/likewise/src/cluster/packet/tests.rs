//! What was sealed here opens there and nowhere else, and nothing that was changed opens at all.

use std::path::Path;

use likewise_replica::limits::GOSSIP_BYTES_MAX;

use super::*;
use crate::cluster::key_file::KeyFile;

const NOW: Duration = Duration::from_secs(1_790_000_000);

fn secret(name: &str, keys: &[&str]) -> Secret {
    let keys: String = keys.iter().map(|key| format!("key {}\n", key.repeat(64))).collect();
    let text = format!("{keys}digests {}\n", "d".repeat(64));
    Secret::from_keys(name, &KeyFile::parse(Path::new("FILE"), &text).unwrap())
}

fn sealed(secret: &Secret) -> Vec<u8> {
    seal(secret, b"gossip", NOW, [7; NONCE_BYTES])
}

#[test]
fn a_packet_opens_where_one_of_the_keys_is_the_one_that_sealed_it() {
    let [old, both, swapped, new] =
        [&["1"][..], &["1", "2"], &["2", "1"], &["2"]].map(|keys| secret("c", keys));
    for (from, to) in [(&old, &both), (&both, &old), (&both, &swapped), (&swapped, &both)] {
        assert_eq!(open(to, &sealed(from), NOW).unwrap(), b"gossip");
    }
    assert_eq!(open(&new, &sealed(&old), NOW), Err(Refused::OtherSecret));
    assert_eq!(open(&Secret::open("c"), &sealed(&old), NOW), Err(Refused::OtherSecret));
    assert_eq!(open(&secret("d", &["1"]), &sealed(&old), NOW), Err(Refused::OtherCluster));
}

#[test]
fn every_changed_bit_and_every_cut_is_refused() {
    let ours = secret("c", &["1"]);
    let packet = sealed(&ours);
    for bit in 0..packet.len() * 8 {
        let mut changed = packet.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&ours, &changed, NOW).is_err(), "bit {bit}");
    }
    for length in 0..packet.len() {
        assert!(open(&ours, &packet[..length], NOW).is_err(), "{length} bytes");
    }
    assert!(open(&ours, &[&packet[..], &[0]].concat(), NOW).is_err());
}

#[test]
fn a_recorded_packet_is_refused_where_there_is_a_secret() {
    let (ours, nobodys) = (secret("c", &["1"]), Secret::open("c"));
    for (later, earlier) in [(WINDOW, Duration::ZERO), (Duration::ZERO, WINDOW)] {
        assert!(open(&ours, &sealed(&ours), NOW + later - earlier).is_ok());
    }
    let late = NOW + WINDOW + Duration::from_secs(1);
    assert!(matches!(open(&ours, &sealed(&ours), late), Err(Refused::Stale { .. })));
    assert!(open(&nobodys, &sealed(&nobodys), late).is_ok());
}

#[test]
fn another_version_is_named_whatever_follows() {
    let mut packet = sealed(&Secret::open("c"));
    packet[4] = 9;
    assert_eq!(open(&Secret::open("c"), &packet, NOW), Err(Refused::Version { found: 9 }));
    assert_eq!(open(&Secret::open("c"), &packet[..5], NOW), Err(Refused::Version { found: 9 }));
}

#[test]
fn the_longest_gossip_fits_and_arbitrary_bytes_do_no_harm() {
    const { assert!(GOSSIP_BYTES_MAX <= BODY_BYTES_MAX) };
    let ours = Secret::open("c");
    let longest = seal(&ours, &[1; BODY_BYTES_MAX], NOW, [0; NONCE_BYTES]);
    assert_eq!(longest.len(), PACKET_BYTES_MAX);
    assert_eq!(open(&ours, &longest, NOW).unwrap().len(), BODY_BYTES_MAX);
    let mut seed = 7u64;
    for length in 0..3_000 {
        let mut bytes = sealed(&ours);
        bytes.truncate(length % 80);
        bytes.extend((0..length % 1_500).map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u8
        }));
        assert!(open(&ours, &bytes, NOW).is_err());
    }
}

#[test]
fn version_1_of_a_packet_is_as_it_was() {
    let hex: String = sealed(&Secret::open("c")).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, PACKET);
}

const PACKET: &str = "4c57670001fe031db4e79cae2fadf172fa0973aac4070707070707070707070707070707070707070707070707f4ea7e3187fc9c2f3246eb5bd1387eabeb344d83af9b218941238057fb60";
