//! How a node introduces itself on a new link: as JSON, within the sealed stream, so that later versions
//! may add fields that earlier ones pass over.

use std::fmt;

use likewise_replica::member::{NodeId, Peer};
use likewise_state::digest::{Digest, DigestKey};
use serde::{Deserialize, Serialize};

/// The longest text in a hello, in bytes. A longer one is refused.
const TEXT_BYTES_MAX: usize = 512;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The id of its data, in hexadecimal.
    node: String,
    /// Its name.
    name: String,
    /// Where it serves HTTP.
    http: String,
    /// Which of its lives it is in.
    pub(crate) incarnation: u64,
    /// Tells whether both make their digests under the same key, and nothing else about it.
    digests: String,
    /// Whether it wants to know where the writes that it is mailed belong in traces. Missing where not: releases
    /// that know nothing of it don't say so, and are sent no message that they don't know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    takes_contexts: bool,
}

/// Why a hello is not believed.
#[derive(Debug)]
pub(crate) enum HelloError {
    /// It is no hello.
    Parse(serde_json::Error),
    /// A field makes no sense.
    Field(&'static str),
    /// Digests are made under another key.
    OtherDigests,
}

impl fmt::Display for HelloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(error) => write!(f, "its introduction can't be read: {error}"),
            Self::Field(field) => write!(f, "its introduction has no good {field}"),
            Self::OtherDigests => write!(
                f,
                "its key file has another `digests` line: give all nodes the same, or nothing that \
                 they hold can be compared"
            ),
        }
    }
}

impl std::error::Error for HelloError {}

impl Hello {
    /// The introduction of node `me`.
    pub(crate) fn new(me: &Peer, key: &DigestKey) -> Self {
        Self {
            node: me.node.to_string(),
            name: me.name.clone(),
            http: me.http.clone(),
            incarnation: me.incarnation,
            digests: Digest::default().tag(key),
            takes_contexts: me.takes_contexts,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers fit JSON")
    }

    /// Who has sent these bytes, if it may be talked to.
    pub(crate) fn read(bytes: &[u8], key: &DigestKey) -> Result<Peer, HelloError> {
        let hello: Self = serde_json::from_slice(bytes).map_err(HelloError::Parse)?;
        let node = u64::from_str_radix(&hello.node, 16).ok().filter(|&node| node != 0);
        let node = NodeId(node.ok_or(HelloError::Field("node"))?);
        let is_text = |text: &str| text.len() <= TEXT_BYTES_MAX && !text.contains(char::is_control);
        if hello.name.is_empty() || !is_text(&hello.name) {
            return Err(HelloError::Field("name"));
        }
        if !is_text(&hello.http) {
            return Err(HelloError::Field("http"));
        }
        if hello.digests != Digest::default().tag(key) {
            return Err(HelloError::OtherDigests);
        }
        let Self { name, http, incarnation, takes_contexts, .. } = hello;
        Ok(Peer { node, name, http, incarnation, takes_contexts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(node: u64, name: &str, takes_contexts: bool) -> Peer {
        let http = "127.0.0.1:8080".to_owned();
        Peer { node: NodeId(node), name: name.to_owned(), http, incarnation: 7, takes_contexts }
    }

    fn hello(node: u64, name: &str) -> Vec<u8> {
        Hello::new(&peer(node, name, false), &DigestKey::of_cluster("c")).encode()
    }

    fn problem(bytes: &[u8]) -> String {
        Hello::read(bytes, &DigestKey::of_cluster("c")).unwrap_err().to_string()
    }

    #[test]
    fn a_hello_comes_back_and_may_have_more_to_say_than_is_understood() {
        let key = DigestKey::of_cluster("c");
        let peer = Hello::read(&hello(0xab, "likes-0"), &key).unwrap();
        assert_eq!((peer.node, &*peer.name, peer.incarnation), (NodeId(0xab), "likes-0", 7));
        let text = String::from_utf8(hello(0xab, "likes-0")).unwrap();
        let later = text.replacen('{', r#"{"colour":"red","#, 1);
        assert_eq!(Hello::read(later.as_bytes(), &key).unwrap(), peer);
    }

    /// What the release before traces said and read, which must go on for as long as there may be one of it.
    #[test]
    fn a_hello_without_traces_is_as_it_was_before_there_were_any() {
        let key = DigestKey::of_cluster("c");
        let before = format!(
            r#"{{"node":"00000000000000ab","name":"likes-0","http":"127.0.0.1:8080","incarnation":7,"digests":"{}"}}"#,
            Digest::default().tag(&key)
        );
        assert_eq!(Hello::read(before.as_bytes(), &key).unwrap(), peer(0xab, "likes-0", false));
        assert_eq!(String::from_utf8(hello(0xab, "likes-0")).unwrap(), before);
        let takes = peer(0xab, "likes-0", true);
        assert_eq!(Hello::read(&Hello::new(&takes, &key).encode(), &key).unwrap(), takes);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        assert!(problem(&hello(0, "a")).contains("no good node"));
        assert!(problem(&hello(1, "")).contains("no good name"));
        assert!(problem(&hello(1, "a\nb")).contains("no good name"));
        assert!(problem(&hello(1, &"a".repeat(600))).contains("no good name"));
        assert!(problem(b"{}").contains("can't be read"));
        let other = Hello::read(&hello(1, "a"), &DigestKey::of_cluster("d")).unwrap_err();
        assert!(other.to_string().contains("`digests`"), "{other}");
    }
}
