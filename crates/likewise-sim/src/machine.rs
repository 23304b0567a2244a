//! A machine: a disk, a clock and an address, and the node that runs on it while it does.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use likewise_journal::disk::memory::{Faults, MemoryDisk};
use likewise_journal::journal::Durability;
use likewise_replica::backoff::Backoff;
use likewise_replica::input::Input;
use likewise_replica::member::{LinkId, NodeId, Peer};
use likewise_replica::membership::{Membership, Patience, Target, Targets};
use likewise_replica::replica::Replica;
use likewise_state::state::State;

use crate::clients::Asked;
use crate::clock::Clock;
use crate::model::Lengths;
use crate::storage::Storage;
use crate::world::Cast;

/// What outlives the process.
pub(crate) struct Machine {
    pub(crate) address: SocketAddr,
    pub(crate) disk: MemoryDisk,
    /// An older state of the disk, taken when a fault said so.
    pub(crate) image: Option<MemoryDisk>,
    pub(crate) durability: Option<Durability>,
    /// How fast its clock goes.
    pub(crate) rate: f64,
    pub(crate) clock: Clock,
    /// Counts the starts: what was meant for an earlier life is no longer done.
    pub(crate) life: u64,
    /// The addresses that the last life knew.
    pub(crate) remembered: Vec<SocketAddr>,
    pub(crate) node: Option<Node>,
    /// Whether it is up, be it without a node: then who knocks is refused at once.
    pub(crate) has_power: bool,
    /// Whether it was taken away for good.
    pub(crate) is_gone: bool,
    /// By how many faults it is paused at present.
    pub(crate) pauses: u32,
    /// How long a turn takes while it is slow.
    pub(crate) slow_turn: Option<Duration>,
    /// How long a sync takes while its disk is slow.
    pub(crate) slow_sync: Option<Duration>,
    pub(crate) disk_faults: Faults,
}

/// A running node: what the `likewise` crate is around the replica, without sockets and threads.
pub(crate) struct Node {
    pub(crate) me: Peer,
    pub(crate) state: Arc<State>,
    pub(crate) replica: Replica,
    pub(crate) membership: Membership,
    pub(crate) patience: Option<Patience>,
    /// Without, everything is kept in memory only.
    pub(crate) storage: Option<Storage>,
    pub(crate) links: BTreeMap<LinkId, WireEnd>,
    pub(crate) links_opened: u64,
    pub(crate) targets: Targets,
    pub(crate) dials: BTreeMap<NodeId, Dial>,
    /// What waits for the replica's thread.
    pub(crate) inbox: VecDeque<Input>,
    /// When the next turn is set for, if one is.
    pub(crate) turn_at: Option<Duration>,
    pub(crate) gossip_at: Option<Duration>,
    /// Packets and notices that came while it was paused.
    pub(crate) held_back: VecDeque<Heard>,
    pub(crate) requests: BTreeMap<u64, Asked>,
    /// What is asked of the voters, or about the posts that they stand behind.
    pub(crate) casts: BTreeMap<u64, Cast>,
    pub(crate) requests_taken: u64,
    /// What the frames of peers hold that have not been acknowledged.
    pub(crate) frames: BTreeMap<(LinkId, u64), Lengths>,
    /// What the state was when it was last looked at.
    pub(crate) mark: u128,
    pub(crate) leaving: Option<Leaving>,
}

/// Something for the membership.
pub(crate) enum Heard {
    Packet(Vec<u8>),
    Notice(Vec<u8>),
    Seeds(Vec<SocketAddr>),
}

/// One end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireEnd {
    pub(crate) wire: u64,
    pub(crate) side: usize,
}

/// What a node does to have a link to one member.
pub(crate) struct Dial {
    pub(crate) target: Target,
    pub(crate) backoff: Backoff,
    /// What an earlier attempt has set going is no longer meant.
    pub(crate) attempt: u64,
    pub(crate) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    Trying,
    Open { wire: u64, since: Duration },
    Resting,
}

/// A node on its way out.
pub(crate) struct Leaving {
    /// When it stops waiting for its peers.
    pub(crate) until: Duration,
    /// Whether all peers hold everything.
    pub(crate) is_flushed: bool,
    /// Whether anybody has lost anything meanwhile: whom it was handed to, or whom it came from before the
    /// others had it. Then the leave promises nothing.
    pub(crate) is_doubted: bool,
    /// When it comes back; never, where the machine is taken away.
    pub(crate) back_after: Option<Duration>,
}

impl Machine {
    pub(crate) fn new(address: SocketAddr, durability: Option<Durability>, rate: f64) -> Self {
        Self {
            address,
            disk: MemoryDisk::default(),
            image: None,
            durability,
            rate,
            clock: Clock::new(Duration::ZERO, rate),
            life: 0,
            remembered: Vec::new(),
            node: None,
            has_power: true,
            is_gone: false,
            pauses: 0,
            slow_turn: None,
            slow_sync: None,
            disk_faults: Faults::default(),
        }
    }

    pub(crate) const fn is_paused(&self) -> bool {
        self.pauses > 0
    }

    /// Whether its node runs and takes requests.
    pub(crate) fn is_open(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.leaving.is_none())
    }

    /// Whether its node runs, in this life.
    pub(crate) fn lives(&self, life: u64) -> bool {
        self.node.is_some() && self.life == life
    }

    pub(crate) fn set_disk_faults(&mut self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.disk_faults);
        self.disk.set_faults(self.disk_faults);
    }
}
