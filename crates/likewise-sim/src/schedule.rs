//! Which faults happen when. The list is drawn before the run, so that parts of it can be left out.

use std::fmt;
use std::time::Duration;

use crate::chance::Chance;
use crate::options::Options;

/// When the first fault may happen: by then a cluster has formed, or is about to.
const FIRST: Duration = Duration::from_millis(500);

/// A fault and its time.
#[derive(Clone, Debug)]
pub struct Planned {
    /// When it happens.
    pub at: Duration,
    /// What happens.
    pub fault: Fault,
}

/// What can go wrong. Machines are named by number. A fault strikes a machine that runs, or nothing.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "the fields are machines, times and numbers of what the variant says"
)]
pub enum Fault {
    /// The process dies at once. What it wrote is there, synced or not.
    Kill { machine: usize, down: Duration },
    /// The power goes, and with it what was not synced, or parts of it.
    PowerCut { machine: usize, down: Duration },
    /// The machine comes back with an empty disk.
    Wipe { machine: usize, down: Duration },
    /// An image of the disk is taken, and the machine comes back with it later.
    OldImage { machine: usize, after: Duration, down: Duration },
    /// Nothing runs, as in a long collection of garbage or a suspended machine.
    Pause { machine: usize, lasts: Duration },
    /// Everything takes longer.
    Slow { machine: usize, lasts: Duration, turn: Duration },
    /// The clock leaps ahead.
    ClockJump { machine: usize, by: Duration },
    /// Machines of which the bit is set can't reach the others, nor be reached; or be reached only.
    Partition { side: u32, one_way: bool, lasts: Duration },
    /// One pair loses its connection again and again.
    Flap { one: usize, other: usize, period: Duration, lasts: Duration },
    /// Packets of one machine are lost more often than not.
    Storm { machine: usize, loss: f64, lasts: Duration },
    /// Datagrams of a machine are lost, its streams work.
    Mute { machine: usize, lasts: Duration },
    /// The disk has no space.
    DiskFull { machine: usize, lasts: Duration },
    /// No file can be opened anew, as where the process or the system has too many.
    NoDescriptors { machine: usize, lasts: Duration },
    /// Syncs fail: the journal is done for, until the process is started anew.
    SyncFails { machine: usize },
    /// Writes fail likewise.
    WriteFails { machine: usize },
    /// Syncs take this long.
    SlowDisk { machine: usize, sync: Duration, lasts: Duration },
    /// A new machine joins.
    Add { paused: bool },
    /// A machine leaves cleanly and is taken away with its disk.
    Remove { machine: usize },
    /// A machine is taken away without a word.
    Destroy { machine: usize },
    /// A machine leaves cleanly and comes back, as in a rolling update.
    Restart { machine: usize, down: Duration },
    /// A machine comes back at another address; at one that another machine had, where there is one.
    Move { machine: usize, down: Duration },
    /// Two machines come back at each other's address.
    Swap { one: usize, other: usize, down: Duration },
    /// The operator makes a member forget all that are gone.
    Forget { machine: usize },
    /// Clients send so many requests at once.
    Burst { machine: usize, requests: usize },
    /// A machine is alone with a voter, which then loses its disk and comes back among all the others; once it
    /// has its vote back, or after so long, they reach the machine again, one after another.
    Succession { machine: usize, voter: usize, alone: Duration, down: Duration, apart: Duration },
}

impl Fault {
    /// Of which kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Kill { .. } => Kind::Kill,
            Self::PowerCut { .. } => Kind::PowerCut,
            Self::Wipe { .. } => Kind::Wipe,
            Self::OldImage { .. } => Kind::OldImage,
            Self::Pause { .. } => Kind::Pause,
            Self::Slow { .. } => Kind::Slow,
            Self::ClockJump { .. } => Kind::ClockJump,
            Self::Partition { .. } => Kind::Partition,
            Self::Flap { .. } => Kind::Flap,
            Self::Storm { .. } => Kind::Storm,
            Self::Mute { .. } => Kind::Mute,
            Self::DiskFull { .. } => Kind::DiskFull,
            Self::NoDescriptors { .. } => Kind::NoDescriptors,
            Self::SyncFails { .. } => Kind::SyncFails,
            Self::WriteFails { .. } => Kind::WriteFails,
            Self::SlowDisk { .. } => Kind::SlowDisk,
            Self::Add { .. } => Kind::Add,
            Self::Remove { .. } => Kind::Remove,
            Self::Destroy { .. } => Kind::Destroy,
            Self::Restart { .. } => Kind::Restart,
            Self::Move { .. } => Kind::Move,
            Self::Swap { .. } => Kind::Swap,
            Self::Forget { .. } => Kind::Forget,
            Self::Burst { .. } => Kind::Burst,
            Self::Succession { .. } => Kind::Succession,
        }
    }

    /// Whether all machines that it names are among so many.
    #[must_use]
    pub fn is_about_less_than(&self, machines: usize) -> bool {
        match *self {
            Self::Partition { .. } | Self::Add { .. } => true,
            Self::Flap { one, other, .. }
            | Self::Swap { one, other, .. }
            | Self::Succession { machine: one, voter: other, .. } => one.max(other) < machines,
            Self::Kill { machine, .. }
            | Self::PowerCut { machine, .. }
            | Self::Wipe { machine, .. }
            | Self::OldImage { machine, .. }
            | Self::Pause { machine, .. }
            | Self::Slow { machine, .. }
            | Self::ClockJump { machine, .. }
            | Self::Storm { machine, .. }
            | Self::Mute { machine, .. }
            | Self::DiskFull { machine, .. }
            | Self::NoDescriptors { machine, .. }
            | Self::SyncFails { machine }
            | Self::WriteFails { machine }
            | Self::SlowDisk { machine, .. }
            | Self::Remove { machine }
            | Self::Destroy { machine }
            | Self::Restart { machine, .. }
            | Self::Move { machine, .. }
            | Self::Forget { machine }
            | Self::Burst { machine, .. } => machine < machines,
        }
    }
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the fault of its name")]
pub enum Kind {
    Kill,
    PowerCut,
    Wipe,
    OldImage,
    Pause,
    Slow,
    ClockJump,
    Partition,
    Flap,
    Storm,
    Mute,
    DiskFull,
    NoDescriptors,
    SyncFails,
    WriteFails,
    SlowDisk,
    Add,
    Remove,
    Destroy,
    Restart,
    Move,
    Swap,
    Forget,
    Burst,
    Succession,
}

impl Kind {
    /// Those after which nobody may be taken for dead, as bits.
    pub const GENTLE: u32 = 1 << Self::Pause as u32
        | 1 << Self::DiskFull as u32
        | 1 << Self::SlowDisk as u32
        | 1 << Self::Burst as u32;

    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Kill,
        Self::PowerCut,
        Self::Wipe,
        Self::OldImage,
        Self::Pause,
        Self::Slow,
        Self::ClockJump,
        Self::Partition,
        Self::Flap,
        Self::Storm,
        Self::Mute,
        Self::DiskFull,
        Self::NoDescriptors,
        Self::SyncFails,
        Self::WriteFails,
        Self::SlowDisk,
        Self::Add,
        Self::Remove,
        Self::Destroy,
        Self::Restart,
        Self::Move,
        Self::Swap,
        Self::Forget,
        Self::Burst,
        Self::Succession,
    ];
}

/// The faults of a run, in the order of time.
#[must_use]
pub fn schedule(options: &Options) -> Vec<Planned> {
    let mut chance = Chance::new(options.seed, "schedule");
    let enabled: Vec<Kind> = Kind::ALL
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| options.kinds >> bit & 1 == 1)
        .map(|(_, kind)| kind)
        .filter(|&kind| kind != Kind::Succession)
        .collect();
    let count = if enabled.is_empty() { 0 } else { options.faults };
    let mut planned: Vec<Planned> = (0..count)
        .map(|_| {
            let at = chance.time(FIRST..options.trouble);
            Planned { at, fault: fault(&mut chance, &enabled, options) }
        })
        .collect();
    planned.extend(successions(options));
    planned.sort_by_key(|planned| planned.at);
    planned
}

/// What is aimed at voters, with dice of its own.
fn successions(options: &Options) -> Vec<Planned> {
    let Some(votes) = options.votes.as_ref().filter(|_| !options.is_gentle) else {
        return Vec::new();
    };
    let mut chance = Chance::new(options.seed, "successions");
    let second = Duration::from_secs(1);
    let voters = options.voters();
    let succession = |_| {
        let is_voter = chance.is(0.3) || options.machines == voters;
        let (first, count) =
            if is_voter { (0, voters) } else { (voters, options.machines - voters) };
        let fault = Fault::Succession {
            machine: first + chance.below(count),
            voter: chance.below(voters),
            alone: chance.time(second / 20..second),
            down: chance.time(second / 20..second / 2),
            apart: chance.time(second * 4..second * 20),
        };
        Planned { at: chance.time(FIRST..options.trouble), fault }
    };
    (0..votes.successions).map(succession).collect()
}

fn fault(chance: &mut Chance, enabled: &[Kind], options: &Options) -> Fault {
    let second = Duration::from_secs(1);
    let machine = chance.below(options.machines);
    let other = chance.below(options.machines);
    let short = chance.time(second / 20..second * 3);
    let long = chance.time(second / 10..second * 12);
    match *chance.pick(enabled) {
        Kind::Kill => Fault::Kill { machine, down: short },
        Kind::PowerCut => Fault::PowerCut { machine, down: long },
        Kind::Wipe => Fault::Wipe { machine, down: long },
        Kind::OldImage => Fault::OldImage { machine, after: long, down: short },
        Kind::Pause if options.is_gentle => Fault::Pause { machine, lasts: short / 3 },
        Kind::Pause => Fault::Pause { machine, lasts: long },
        Kind::Slow => {
            let turn = chance.time(second / 1_000..second / 10);
            Fault::Slow { machine, lasts: long, turn }
        }
        Kind::ClockJump => {
            let by = *chance.pick(&[
                second / 4,
                second * 3,
                second * 60,
                second * 3_600,
                second * 90_000,
            ]);
            Fault::ClockJump { machine, by }
        }
        Kind::Partition => {
            Fault::Partition { side: chance.number() as u32, one_way: chance.is(0.3), lasts: long }
        }
        Kind::Flap => {
            let period = chance.time(second / 20..second * 2);
            Fault::Flap { one: machine, other, period, lasts: long }
        }
        Kind::Storm => {
            Fault::Storm { machine, loss: chance.of(30..100) as f64 / 100.0, lasts: long }
        }
        Kind::Mute => Fault::Mute { machine, lasts: long },
        Kind::DiskFull => Fault::DiskFull { machine, lasts: long },
        Kind::NoDescriptors => Fault::NoDescriptors { machine, lasts: long },
        Kind::SyncFails => Fault::SyncFails { machine },
        Kind::WriteFails => Fault::WriteFails { machine },
        Kind::SlowDisk => {
            let sync = chance.time(second / 50..second);
            Fault::SlowDisk { machine, sync, lasts: long }
        }
        Kind::Add => Fault::Add { paused: chance.is(0.2) },
        Kind::Remove => Fault::Remove { machine },
        Kind::Destroy => Fault::Destroy { machine },
        Kind::Restart => Fault::Restart { machine, down: short },
        Kind::Move => Fault::Move { machine, down: short },
        Kind::Swap => Fault::Swap { one: machine, other, down: short },
        Kind::Forget => Fault::Forget { machine },
        Kind::Burst => Fault::Burst { machine, requests: 10 + chance.below(200) },
        Kind::Succession => unreachable!("they are drawn by themselves"),
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} {:?}", self.at.as_secs_f64(), self.fault)
    }
}
