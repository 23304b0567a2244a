//! What kind of run a seed makes: how many nodes, how bad everything is, and which faults there are.
//!
//! Every run has a part of all dangers only, drawn at random (swarm testing): dangers hide one another, and
//! a run with all of them at once gets nowhere.
//!
//! Source: A. Groce and others, "Swarm testing", ISSTA 2012.

use std::fmt;
use std::time::Duration;

use likewise_journal::journal::Durability;
use likewise_replica::limits::Bounds;

use crate::chance::Chance;
use crate::schedule::Kind;

mod votes;

pub use votes::Votes;

/// The part of runs with so many users, with such names, that a snapshot and whole slots take more than one
/// chunk (64 KiB), and requests of many writes fit nevertheless.
const CROWDED: f64 = 0.04;
const CROWD: usize = 200;
const CROWD_PADDING: usize = 440;
const CROWD_BYTES: usize = 64 << 10;

/// Entries that a frame of a crowd holds at least: one at a time they take minutes.
const CROWD_FRAME: usize = 16;

/// What kind of run it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed that decided all of this, and decides the rest.
    pub seed: u64,
    /// The machines that there are from the start.
    pub machines: usize,
    /// What an acknowledgement is worth, by machine; `None` keeps everything in memory only. A machine that
    /// is added later has the durability of one of these.
    pub durability: Vec<Option<Durability>>,
    /// How long one way takes, about.
    pub latency: Duration,
    /// The part of packets that take far longer.
    pub tail: f64,
    /// The part of packets that are lost. In a stream they are sent again, which takes its time.
    pub loss: f64,
    /// The part of datagrams, and of requests of clients, that come more than once.
    pub duplicates: f64,
    /// How long a sync of a disk takes, about.
    pub sync: Duration,
    /// How far a clock may be from the true speed, as a part of it.
    pub drift: f64,
    /// Bounds of the replicas.
    pub bounds: Bounds,
    /// Messages that wait for a link at most, beyond all frames that a peer may leave unacknowledged.
    pub link_spare: usize,
    /// Bytes of a segment of the journal.
    pub segment_bytes: u64,
    /// Bytes of journal that make a snapshot due.
    pub snapshot_bytes: u64,
    /// Posts that can be liked.
    pub posts: usize,
    /// Users that can like them.
    pub users: usize,
    /// Bytes that each of their names is longer than it needs to be.
    pub padding: usize,
    /// Clients at work.
    pub clients: usize,
    /// Requests of each client.
    pub requests: usize,
    /// The most writes in one request.
    pub writes: usize,
    /// How long a client rests between two requests, about.
    pub rest: Duration,
    /// For how long things go wrong.
    pub trouble: Duration,
    /// How many faults happen.
    pub faults: usize,
    /// Whether nobody is away for so long that others may take it for dead.
    pub is_gentle: bool,
    /// Which kinds of faults may happen, by the bits of [`crate::schedule::Kind`].
    pub kinds: u32,
    /// The voters, in a part of the runs.
    pub votes: Option<Votes>,
}

/// Something that can be left out of a run: its name, and what it takes.
pub type Calm = (&'static str, fn(&mut Options));

impl Options {
    /// The options that belong to a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed, "options");
        let chance = &mut chance;
        let machines = *chance.pick(&[1, 2, 3, 3, 3, 4, 5, 5, 7]);
        let some = |chance: &mut Chance, rate: f64| if chance.is(0.5) { 0.0 } else { rate };
        let millis = |n: u64| Duration::from_millis(n);
        let latency = chance.time(Duration::from_micros(100)..millis(15));
        let (tail, loss) = (chance.number() % 20, chance.number() % 25);
        let duplicates = chance.number() % 50;
        let kinds = chance.number() as u32 | chance.number() as u32;
        let is_gentle = chance.is(0.1);
        let is_crowded = chance.is(CROWDED);
        let mut bounds = bounds(chance);
        if is_crowded {
            bounds.gathered_bytes = bounds.gathered_bytes.max(CROWD_BYTES);
            // To mend two of a thousand entries a time, and to read one a turn for it, takes for ever.
            bounds.outbox_entries = bounds.outbox_entries.max(CROWD);
            bounds.gather_piece = bounds.gather_piece.max(CROWD);
            bounds.frame_entries = bounds.frame_entries.max(CROWD_FRAME);
        }
        let drawn = Self {
            seed,
            machines,
            durability: durabilities(chance, machines),
            latency,
            tail: if is_gentle { 0.0 } else { some(chance, tail as f64 / 1_000.0) },
            loss: if is_gentle { 0.0 } else { some(chance, loss as f64 / 100.0) },
            duplicates: some(chance, duplicates as f64 / 100.0),
            sync: chance.time(Duration::from_micros(50)..millis(8)),
            drift: some(chance, 0.1),
            link_spare: *chance.pick(&[8, 32, 96]),
            bounds,
            segment_bytes: *chance.pick(&[4 << 10, 16 << 10]),
            snapshot_bytes: *chance.pick(&[1 << 10, 8 << 10, u64::MAX]),
            posts: 1 + chance.below(8),
            users: if is_crowded { CROWD } else { 2 + chance.below(30) },
            padding: if is_crowded { CROWD_PADDING } else { *chance.pick(&[0, 0, 40, 400]) },
            clients: 1 + chance.below(6),
            requests: 20 + chance.below(120),
            writes: if is_crowded { 16 } else { *chance.pick(&[1, 1, 4, 16]) },
            rest: chance.time(millis(1)..millis(400)),
            trouble: Duration::from_secs(chance.of(5..40)),
            faults: chance.below(12),
            is_gentle,
            kinds: if is_gentle { Kind::GENTLE } else { kinds },
            votes: None,
        };
        drawn.with_votes()
    }

    /// Where the seed has voters: there are machines for them, and each keeps what a voter should.
    fn with_votes(mut self) -> Self {
        let Some(votes) = Votes::of(self.seed, self.machines) else { return self };
        // Whoever is alone with one of three voters is best no voter itself: the new one needs both others.
        let least = votes.voters + usize::from(votes.successions > 0);
        self.machines = self.machines.max(least);
        self.durability.resize(self.machines, self.durability[0]);
        self.durability[..votes.voters].copy_from_slice(&votes.durability);
        // A run takes its time, and the other clients leave half of theirs to those who ask voters.
        self.requests = self.requests.div_ceil(2);
        self.votes = Some(votes);
        self
    }

    /// Whether a machine wants to know where writes belong in traces. Where there are no voters some do and some
    /// don't, as nodes of two releases would; it takes no dice, so that all other choices stay as they were.
    #[must_use]
    pub const fn takes_contexts(&self, machine: usize) -> bool {
        self.votes.is_none() && self.seed.wrapping_add(machine as u64).is_multiple_of(2)
    }

    /// All posts, those that voters stand behind last.
    #[must_use]
    pub fn all_posts(&self) -> usize {
        self.posts + self.votes.as_ref().map_or(0, |votes| votes.posts)
    }

    /// How many voters there are.
    #[must_use]
    pub fn voters(&self) -> usize {
        self.votes.as_ref().map_or(0, |votes| votes.voters.min(self.machines))
    }

    /// All users.
    #[must_use]
    pub fn all_users(&self) -> usize {
        self.users.max(self.clients).max(self.votes.as_ref().map_or(0, |votes| votes.users))
    }

    /// What can be left out of a run: each may make a failing run simpler.
    pub const CALMS: &[Calm] = &[
        ("tail", |it| it.tail = 0.0),
        ("loss", |it| it.loss = 0.0),
        ("duplicates", |it| it.duplicates = 0.0),
        ("drift", |it| it.drift = 0.0),
        ("bounds", |it| it.bounds = Bounds::default()),
        ("link-spare", |it| it.link_spare = 96),
        ("snapshots", |it| it.snapshot_bytes = u64::MAX),
        ("batches", |it| it.writes = 1),
        ("padding", |it| it.padding = 0),
        ("weak-disks", |it| it.durability.fill(Some(Durability::Always))),
        ("all-but-one-client", |it| it.clients = 1),
        ("all-but-ten-requests", |it| it.requests = it.requests.min(10)),
        ("all-but-one-post", |it| it.posts = 1),
        ("all-but-two-users", |it| it.users = it.users.min(2)),
        ("votes", |it| it.votes = None),
        ("quorum-posts", |it| it.votes.iter_mut().for_each(|votes| votes.quorum = 0.0)),
        ("local-writes", |it| it.votes.iter_mut().for_each(|votes| votes.local = 0.0)),
        ("posts-at-once", |it| it.votes.iter_mut().for_each(|votes| votes.at_once = 1)),
        ("clients-of-votes", |it| it.votes.iter_mut().for_each(|votes| votes.clients = 2)),
        ("machines-without-a-vote", |it| {
            it.machines = it.machines.min(it.votes.as_ref().map_or(2, |votes| votes.voters));
        }),
        ("all-but-two-machines", |it| it.machines = it.machines.min(2)),
    ];

    /// Leaves something out.
    ///
    /// # Panics
    /// Where there is nothing of that name.
    pub fn calm(&mut self, name: &str) {
        let found = Self::CALMS.iter().find(|(known, _)| *known == name);
        let (_, calm) = found.unwrap_or_else(|| panic!("there is no {name:?} to leave out"));
        calm(self);
    }
}

/// Mostly all the same, as a cluster should be, and now and then all kinds.
fn durabilities(chance: &mut Chance, machines: usize) -> Vec<Option<Durability>> {
    let always = Some(Durability::Always);
    let kinds = [always, always, always, Some(Durability::Interval), Some(Durability::Never), None];
    let common = *chance.pick(&kinds);
    let is_mixed = chance.is(0.2);
    let one = |_| if is_mixed { *chance.pick(&kinds) } else { common };
    (0..machines).map(one).collect()
}

/// The usual bounds, or ones so small that they are met.
fn bounds(chance: &mut Chance) -> Bounds {
    if chance.is(0.3) {
        return Bounds::default();
    }
    Bounds {
        gathered_bytes: *chance.pick(&[600, 2_000, 1 << 20]),
        gathered_bytes_of_peers: *chance.pick(&[100, 400, 1 << 20]),
        gathered_requests: *chance.pick(&[2, 8, 1_000]),
        frame_entries: *chance.pick(&[1, 3, 16, 2_048]),
        frames_in_flight: *chance.pick(&[1, 2, 4, 32]),
        outbox_entries: *chance.pick(&[2, 8, 40, 1_000_000]),
        batch_entries: *chance.pick(&[64, 128, 262_144]),
        gather_piece: *chance.pick(&[1, 5, 8_192]),
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            self.durability.iter().map(|it| it.map_or("Memory".into(), |it| format!("{it:?}")));
        let durability: Vec<String> = of.collect();
        writeln!(f, "seed        {}", self.seed)?;
        writeln!(f, "machines    {}: {}", self.machines, durability.join(", "))?;
        writeln!(
            f,
            "network     latency {:?}, tail {:.1}%, loss {:.0}%, duplicates {:.0}%, link spare {}",
            self.latency,
            self.tail * 100.0,
            self.loss * 100.0,
            self.duplicates * 100.0,
            self.link_spare
        )?;
        writeln!(
            f,
            "disk, clock sync {:?}, segments of {} bytes, snapshot each {} bytes, drift {:.0}%",
            self.sync,
            self.segment_bytes,
            self.snapshot_bytes,
            self.drift * 100.0
        )?;
        writeln!(f, "bounds      {:?}", self.bounds)?;
        write!(
            f,
            "work        {} clients, {} requests each of up to {} writes, a rest of {:?}, {} posts, {} users, \
             {} bytes of padding",
            self.clients,
            self.requests,
            self.writes,
            self.rest,
            self.posts,
            self.users,
            self.padding
        )?;
        self.votes.as_ref().map_or(Ok(()), |votes| write!(f, "\n{votes}"))
    }
}
