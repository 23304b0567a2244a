//! What a later release has written, or says, is refused by this one with a word on what to do.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use super::ask::{PATIENCE, check, metric, until};
use super::folder::{member, unpacked};
use super::handshake::preamble;
use super::version::Version;

/// Where the version stands in a segment and in a snapshot.
const VERSION_AT: usize = 8;

/// Makes a file one of the next format, and answers with the number of that.
fn of_next_format(name: &str, bytes: &mut Vec<u8>) -> u32 {
    if name.starts_with("journal-") || name.starts_with("snapshot-") {
        bytes[VERSION_AT] += 1;
        return u32::from(bytes[VERSION_AT]);
    }
    let text = String::from_utf8(std::mem::take(bytes)).unwrap();
    let line = text.lines().find(|line| line.starts_with("format ")).unwrap();
    let next = line["format ".len()..].parse::<u32>().unwrap() + 1;
    *bytes = text.replacen(line, &format!("format {next}"), 1).into_bytes();
    next
}

#[test]
fn a_file_of_the_next_format_is_named_and_nothing_in_the_folder_is_lost() {
    let version = Version::written();
    let mut kinds = [("store", 0), ("seats", 0), ("journal-", 0), ("snapshot-", 0)];
    let (_folder, setup) = unpacked(&version);
    let mut names: Vec<String> = std::fs::read_dir(&setup.data)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    // The newest of each kind: older ones are only looked at where that is not needed.
    names.sort();
    names.reverse();
    for name in names {
        let Some((_, seen)) = kinds.iter_mut().find(|(kind, _)| name.starts_with(kind)) else {
            continue;
        };
        *seen += 1;
        if *seen > 1 {
            continue;
        }
        let file = setup.data.join(&name);
        let whole = std::fs::read(&file).unwrap();
        let mut newer = whole.clone();
        let found = of_next_format(&name, &mut newer);
        std::fs::write(&file, &newer).unwrap();
        let said = setup.clone().node().attempt().unwrap_err();
        let expected = format!(
            "error: {name} has format version {found}, this release reads up to {}: run the release that wrote \
             it, or a newer one",
            found - 1
        );
        assert!(said.contains(&expected), "{said}");
        assert_eq!(std::fs::read(&file).unwrap(), newer, "{name} stays as it is");
        std::fs::write(&file, &whole).unwrap();
    }
    assert!(kinds.iter().all(|&(_, seen)| seen > 0), "{kinds:?}");
    drop(setup.start());
}

#[test]
fn a_node_that_speaks_only_the_next_version_is_told_which_ones_are_spoken_here() {
    let version = Version::written();
    let folder = tempfile::tempdir().unwrap();
    let node = member("a", folder.path(), &version.key_file()).start();
    let mut stream = TcpStream::connect(&node.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&preamble(&version, 8, 9)).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    let [b'L', b'W', b'l', 0, 1, 0, oldest, newest] = reply[..] else { panic!("{reply:?}") };
    let expected = format!(
        "the peer speaks versions 8 to 9 of the protocol, this node {oldest} to {newest}: upgrade the older one"
    );
    until("it is logged", PATIENCE, || {
        check(node.line(|line| line.contains(&expected)).is_some(), || expected.clone())
    });
    let counted = metric(&node.url, "likewise_link_refused_total{reason=\"version\"}").unwrap();
    assert!(counted >= 1.0, "{counted}");
}

#[test]
fn a_packet_of_the_next_version_is_named_in_the_log() {
    let version = Version::written();
    let folder = tempfile::tempdir().unwrap();
    let node = member("a", folder.path(), &version.key_file()).start();
    let mut packet = b"LWg\0\x01".to_vec();
    packet[4] += 8;
    packet.resize(100, 0);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&packet, &node.address).unwrap();
    let expected =
        "it has version 9 of the packet format and this node knows only 1: upgrade the older node";
    until("it is logged", PATIENCE, || {
        check(node.line(|line| line.contains(expected)).is_some(), || expected.to_owned())
    });
}
