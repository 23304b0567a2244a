//! The network between machines: what passes, and how long it takes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chance::Chance;
use crate::options::Options;

/// How long a stream waits before it sends lost bytes again; twice as long each further time.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// How often bytes are sent again at most before they come through.
const RETRANSMISSIONS_MAX: u32 = 4;

/// The network.
pub(crate) struct Network {
    chance: Chance,
    latency: Duration,
    tail: f64,
    loss: f64,
    duplicates: f64,
    /// By how many faults each direction between two machines is cut at present.
    cuts: BTreeMap<(usize, usize), u32>,
    /// Machines whose packets are lost that often.
    storms: BTreeMap<usize, f64>,
    /// Machines whose datagrams are lost, by how many faults.
    muted: BTreeMap<usize, u32>,
}

impl Network {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            chance: Chance::new(options.seed, "network"),
            latency: options.latency,
            tail: options.tail,
            loss: options.loss,
            duplicates: options.duplicates,
            cuts: BTreeMap::new(),
            storms: BTreeMap::new(),
            muted: BTreeMap::new(),
        }
    }

    /// Whether anything passes at present.
    pub(crate) fn passes(&self, from: usize, to: usize) -> bool {
        !self.cuts.contains_key(&(from, to))
    }

    /// When the copies of a datagram arrive: none, one or several.
    pub(crate) fn datagram(&mut self, from: usize, to: usize) -> Vec<Duration> {
        let is_muted = self.muted.contains_key(&from) || self.muted.contains_key(&to);
        if !self.passes(from, to) || is_muted || self.is_lost(from, to) {
            return Vec::new();
        }
        let mut copies = vec![self.one_way()];
        while copies.len() < 4 && self.chance.is(self.duplicates) {
            copies.push(self.one_way() * 2);
        }
        copies
    }

    /// How long bytes of a stream take. What is lost on the way is sent again.
    pub(crate) fn stream(&mut self, from: usize, to: usize) -> Duration {
        let mut takes = self.one_way();
        for attempt in 0..RETRANSMISSIONS_MAX {
            if !self.is_lost(from, to) {
                break;
            }
            takes += RETRANSMISSION * (1 << attempt);
        }
        takes
    }

    /// How long it takes until what could not pass is tried again.
    pub(crate) fn retry(&mut self) -> Duration {
        RETRANSMISSION + self.one_way()
    }

    /// How long one way takes.
    pub(crate) fn one_way(&mut self) -> Duration {
        self.chance.about(self.latency, self.tail)
    }

    fn is_lost(&mut self, from: usize, to: usize) -> bool {
        let storm = |machine| self.storms.get(&machine).copied().unwrap_or(0.0);
        let loss = self.loss.max(storm(from)).max(storm(to));
        loss > 0.0 && self.chance.is(loss)
    }

    /// Cuts these directions, or ends one such cut of each.
    pub(crate) fn cut(&mut self, pairs: &[(usize, usize)], is_cut: bool) {
        for &pair in pairs {
            if is_cut {
                *self.cuts.entry(pair).or_default() += 1;
            } else {
                less(&mut self.cuts, pair);
            }
        }
    }

    pub(crate) fn storm(&mut self, machine: usize, loss: Option<f64>) {
        match loss {
            Some(loss) => self.storms.insert(machine, loss),
            None => self.storms.remove(&machine),
        };
    }

    pub(crate) fn mute(&mut self, machine: usize, is_muted: bool) {
        if is_muted {
            *self.muted.entry(machine).or_default() += 1;
        } else {
            less(&mut self.muted, machine);
        }
    }

    /// From now on everything arrives, once and soon.
    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
        self.storms.clear();
        self.muted.clear();
        self.tail = 0.0;
        self.loss = 0.0;
        self.duplicates = 0.0;
    }
}

/// One fault less; after the last one all is well.
fn less<K: Ord>(faults: &mut BTreeMap<K, u32>, key: K) {
    if let Some(count) = faults.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            faults.remove(&key);
        }
    }
}
