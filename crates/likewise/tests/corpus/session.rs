//! Recorded links between two nodes, from first contact to repair and votes: today's decoders find in each
//! frame what was in it, and write the same bytes again.
//!
//! ```text
//! frame*:  1 where the opener of the link said it, else 0 │ length, u32 little-endian │ the frame
//! ```
//! The first two frames are how both sides introduce themselves.

use std::collections::BTreeSet;

use likewise::fuzz;
use likewise_replica::message::Message;
use likewise_state::digest::DigestKey;
use serde_json::Value;

use super::gossip::notice;
use super::tap::Link;
use super::told::{Side, hello};
use super::version::{Version, compare, lines};

/// Kinds of messages that no recorded session happens to have: the goldens of `likewise-replica` have one of
/// each.
const NOT_RECORDED: [&str; 2] = ["Busy", "More"];

pub(crate) fn encode(Link(frames): &Link) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (is_opener, frame) in frames {
        bytes.push(u8::from(*is_opener));
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend(frame);
    }
    bytes
}

fn decode(mut bytes: &[u8]) -> Link {
    let mut frames = Vec::new();
    while let Some((&[side, a, b, c, d], rest)) = bytes.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_le_bytes([a, b, c, d]) as usize);
        frames.push((side == 1, frame.to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a recorded link ends with a frame");
    Link(frames)
}

/// The link as text, a line a frame.
pub(crate) fn told(Link(frames): &Link, key: &DigestKey) -> String {
    let mut sides = [Side::new(), Side::new()];
    let mut said = String::new();
    for (number, (is_opener, frame)) in frames.iter().enumerate() {
        let what = match frame.first() {
            _ if number < 2 => hello(frame, key),
            None => "a sign of life".to_owned(),
            Some(0) => notice(&frame[1..]),
            Some(_) => sides[usize::from(*is_opener)].message(&Message::decode(frame).unwrap()),
        };
        said += &format!("{} {what}\n", if *is_opener { '>' } else { '<' });
    }
    said
}

/// The names of the links of a version.
fn names(version: &Version) -> Vec<String> {
    let files = std::fs::read_dir(version.file("links")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|name| Some(name.strip_suffix(".frames")?.to_owned())).collect();
    names.sort();
    names
}

fn links(version: &Version) -> Vec<(String, Link)> {
    let link = |name: String| {
        let link = decode(&version.read(&format!("links/{name}.frames")));
        (name, link)
    };
    names(version).into_iter().map(link).collect()
}

#[test]
fn every_recorded_frame_says_what_it_said() {
    for version in Version::all() {
        let key = version.secret().digest_key();
        for (name, link) in links(&version) {
            compare(&version, &format!("links/{name}.txt"), &told(&link, &key));
        }
    }
}

#[test]
fn every_recorded_message_is_written_to_the_same_bytes_again() {
    for (name, Link(frames)) in links(&Version::written()) {
        for (_, frame) in
            frames[2..].iter().filter(|(_, frame)| !matches!(frame.first(), None | Some(0)))
        {
            let message = Message::decode(frame).unwrap();
            assert_eq!(message.encode(), *frame, "{name}: {}", message.name());
        }
    }
}

/// A later release may say more in it, and nothing else.
#[test]
fn a_recorded_introduction_is_part_of_what_is_said_today() {
    let version = Version::written();
    let key = version.secret().digest_key();
    for (_, Link(frames)) in links(&version) {
        for (_, bytes) in &frames[..2] {
            let today = fuzz::hello_of(&fuzz::hello(bytes, &key).unwrap(), &key);
            let [then, today]: [Value; 2] =
                [bytes, &today].map(|bytes| serde_json::from_slice(bytes).unwrap());
            for (field, value) in then.as_object().unwrap() {
                assert_eq!(&today[field], value, "{field}");
            }
        }
    }
}

#[test]
fn the_recorded_links_have_all_that_nodes_say_to_each_other() {
    for version in Version::all() {
        let mut said = BTreeSet::new();
        for name in names(&version) {
            for line in lines(&version, &format!("links/{name}.txt")) {
                let words: Vec<&str> = line.split(' ').skip(1).collect();
                said.insert(match words[..] {
                    ["Notice", which, ..] => format!("Notice {which}"),
                    [first, ..] => first.to_owned(),
                    [] => panic!("an empty line in {name}"),
                });
            }
        }
        let lacking: Vec<&str> = EVERY.into_iter().filter(|&kind| !said.contains(kind)).collect();
        let lacking: Vec<&&str> =
            lacking.iter().filter(|kind| !NOT_RECORDED.contains(kind)).collect();
        assert!(lacking.is_empty(), "{}: {lacking:?}", version.name);
    }
}

/// What version 1 of the protocol has.
const EVERY: [&str; 23] = [
    "Hello",
    "a",
    "Notice members",
    "Notice leaving",
    "Notice forget",
    "Delta",
    "Chunk",
    "Ack",
    "Status",
    "Compare",
    "Same",
    "Busy",
    "Slots",
    "Gather",
    "Sketch",
    "More",
    "Want",
    "Whole",
    "Ask",
    "Vote",
    "Roll",
    "Copy",
    "Copied",
];
