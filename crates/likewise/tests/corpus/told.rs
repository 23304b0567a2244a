//! What a frame of a link says, as text that stays the same for ever: it stands beside recorded frames.
//!
//! No `Debug` of the product's own types is in it: they may be renamed and rearranged at any time, and what
//! was once said keeps its meaning.

use likewise::fuzz;
use likewise_replica::member::Peer;
use likewise_replica::message::Message;
use likewise_replica::quorum::ballot::{Ask, Vote};
use likewise_replica::quorum::request::Subject;
use likewise_replica::quorum::seats::Seats;
use likewise_state::chunk::ChunkLoader;
use likewise_state::delta::Delta;
use likewise_state::digest::{Digest, DigestKey};
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use likewise_state::state::{Keys, State};

/// One side of a link: chunks build on those before them.
pub(crate) struct Side {
    chunks: ChunkLoader,
    state: State,
}

impl Side {
    pub(crate) fn new() -> Self {
        Self { chunks: ChunkLoader::default(), state: State::new(Keys::for_tests()) }
    }

    /// What this side says in a message of the replica.
    pub(crate) fn message(&mut self, message: &Message) -> String {
        let name = message.name();
        let said = match message {
            Message::Delta { frame, delta } => format!("frame {frame}: {}", entries(delta)),
            Message::Chunk { frame, first, chunk } => {
                let entries = self.chunk(*first, chunk);
                format!("frame {frame}, first {first}: {entries}")
            }
            Message::Ack { frame } => format!("frame {frame}"),
            Message::Status { root } => format!("root {}", digest(root)),
            Message::Compare { salt, root, marks } => {
                format!("salt {salt:016x}, root {}, marks {}", digest(root), hex(&marks[..]))
            }
            Message::Same { settled } => format!("settled {settled}"),
            Message::Busy => String::new(),
            Message::Slots { settled, groups } => {
                let groups = groups.iter().map(|(group, marks)| format!("{group} {}", hex(marks)));
                format!("settled {settled}, groups {}", list(groups))
            }
            Message::Gather { salt, slots, entries } => {
                let slots = list(slots.iter().map(u16::to_string));
                format!("salt {salt:016x}, entries {entries}, slots {slots}")
            }
            Message::Sketch { first, symbols } => {
                let symbols = list(symbols.iter().map(|symbol| format!("{symbol:016x}")));
                format!("from {first}, symbols {symbols}")
            }
            Message::More { until } => format!("until {until}"),
            Message::Want { words, lacking } => {
                let words = list(words.iter().map(|word| format!("{word:08x}")));
                format!("lacking {lacking}, words {words}")
            }
            Message::Whole { lacking } => format!("lacking {lacking}"),
            Message::Ask { list: of, asks } => {
                format!("list {of:016x}, {}", list(asks.iter().map(ask)))
            }
            Message::Vote { list: of, votes } => {
                format!("list {of:016x}, {}", list(votes.iter().map(vote)))
            }
            Message::Roll { list: of, is_active, seats: told } => {
                format!("list {of:016x}, active {is_active}, seats {}", seats(told))
            }
            Message::Copy { list: of, term, digests } => {
                let whole: Vec<u8> = digests.iter().flat_map(|digest| digest.to_bytes()).collect();
                let filled = digests.iter().filter(|&&slot| slot != Digest::default()).count();
                let sum = crc32c::crc32c(&whole);
                format!("list {of:016x}, term {term}, {filled} slots filled, crc32c {sum:08x}")
            }
            Message::Copied { list: of, term, is_active } => {
                format!("list {of:016x}, term {term}, active {is_active}")
            }
            Message::Contexts { frame, contexts } => {
                let contexts = contexts.iter().map(|context| hex(&context.to_bytes()));
                format!("frame {frame}, contexts {}", list(contexts))
            }
        };
        format!("{name} {said}").trim_end().to_owned()
    }

    fn chunk(&mut self, first: bool, chunk: &[u8]) -> String {
        if first {
            *self = Self::new();
        }
        let mut said = Vec::new();
        let held = self.chunks.load_telling(&self.state, chunk, |like, length| {
            said.push(entry(like, length));
        });
        assert_eq!(held.unwrap(), said.len(), "a recorded stream names no like twice");
        list(said)
    }
}

/// What a node says of itself at the beginning.
pub(crate) fn hello(bytes: &[u8], key: &DigestKey) -> String {
    let Peer { node, name, http, incarnation, takes_contexts } = fuzz::hello(bytes, key).unwrap();
    let traces = if takes_contexts { ", takes contexts" } else { "" };
    format!("Hello node {node}, name {name}, http {http}, incarnation {incarnation}{traces}")
}

fn ask(ask: &Ask) -> String {
    match ask {
        Ask::Merge { id, entries: told } => format!("merge {}: {}", id.0, entries(told)),
        Ask::Pull { id, subject: of, digest: held, holds, entries_max, users, entries: told } => {
            let (of, held) = (subject(of), digest(held));
            let (users, told) = (list(users.iter().map(|user| text(user))), entries(told));
            format!(
                "pull {}: {of}, digest {held}, holds {holds}, at most {entries_max}, users {users}, entries {told}",
                id.0
            )
        }
        Ask::Release { subject: of } => format!("release {}", subject(of)),
    }
}

fn vote(vote: &Vote) -> String {
    match vote {
        Vote::Merged { id } => format!("merged {}", id.0),
        Vote::Report { id, digest: held, likes, lengths, entries: told } => {
            let lengths = list(lengths.iter().map(|length| length.value().to_string()));
            let (held, told) = (digest(held), entries(told));
            format!(
                "report {}: digest {held}, likes {likes}, lengths {lengths}, entries {told}",
                id.0
            )
        }
    }
}

fn seats(seats: &Seats) -> String {
    let seat = |voter| {
        let seat = seats.of(voter);
        format!("term {} node {} boot {}", seat.term, seat.node, seat.boot)
    };
    list((0..seats.len()).map(seat))
}

fn subject(subject: &Subject) -> String {
    format!("{} {}", text(subject.post().as_str()), text(subject.kind().as_str()))
}

fn entries(delta: &Delta) -> String {
    let mut again = Delta::default();
    let mut said = Vec::new();
    for (like, length) in delta.entries() {
        again.push(like, length);
        said.push(entry(like, length));
    }
    assert_eq!(again.as_bytes(), delta.as_bytes(), "the same entries are the same bytes");
    list(said)
}

/// A like at a version: post, kind, user, version.
pub(crate) fn entry(Like { post, kind, user }: Like<'_>, length: CausalLength) -> String {
    let (post, kind, user) = (text(post.as_str()), text(kind.as_str()), text(user.as_str()));
    format!("{post} {kind} {user} {}", length.value())
}

/// A text in quotes, with whatever is no plain letter as JSON writes it.
fn text(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn digest(digest: &Digest) -> String {
    hex(&digest.to_bytes())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(parts: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", parts.into_iter().collect::<Vec<_>>().join("; "))
}
