//! Who is who: nodes, and the links between two of them.

use std::fmt;

/// A node for as long as its data lives, whatever its address and however often it is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One link between two nodes, on this node and for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Who opened a link. The opener asks and tells, the other side answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// This node.
    Outgoing,
    /// The other one.
    Incoming,
}

/// The node at the other end of a link, as it introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Which node it is.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Where it serves HTTP.
    pub http: String,
    /// Which of its lives it is in: the number grows with each start.
    pub incarnation: u64,
    /// Whether it wants to know where the writes that it is mailed belong in traces.
    pub takes_contexts: bool,
}
