//! The world: machines, the network between them, clients, and what happens when. Everything that will
//! happen stands in one queue, in the order of time and then of its making, and that is all there is to
//! determinism here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use likewise_replica::member::NodeId;

use crate::chance::Chance;
use crate::clients::Client;
use crate::electorate::Electorate;
use crate::machine::{Heard, Machine};
use crate::model::{Model, Wrong};
use crate::network::Network;
use crate::options::Options;
use crate::polls::Polls;
use crate::schedule::{Kind, Planned};
use crate::storage::Work;
use crate::trace::Trace;

mod troubles;

mod life;

mod turn;

mod gossip;

mod links;

mod wires;

mod requests;

mod votes;

mod voters;

mod calm;

pub(crate) use votes::Cast;

use troubles::Ending;
use votes::Step;
use wires::Wire;

/// What may happen in a run. An honest one takes a tenth of it.
const HAPPENINGS_MAX: u64 = 3_000_000;

/// A run of the world.
pub struct World {
    pub(crate) options: Options,
    pub(crate) now: Duration,
    queue: BTreeMap<(Duration, u64), Happening>,
    queued: u64,
    happened: u64,
    pub(crate) machines: Vec<Machine>,
    wires: BTreeMap<u64, Wire>,
    wires_opened: u64,
    network: Network,
    clients: Vec<Client>,
    /// Where there are voters.
    polls: Option<Polls>,
    electorate: Electorate,
    model: Model,
    planned: Vec<Planned>,
    chance: Chance,
    /// Whether everything goes well from now on.
    is_calm: bool,
    trace: Trace,
    failure: Option<Failure>,
    figures: Figures,
}

/// Something that will happen.
enum Happening {
    Fault(usize),
    End(Ending),
    Start { machine: usize, life: u64 },
    Packet { from: usize, to: SocketAddr, packet: Vec<u8> },
    Heard { machine: usize, life: u64, heard: Heard },
    Gossip { machine: usize, life: u64 },
    Turn { machine: usize, life: u64 },
    Disk { machine: usize, life: u64, work: Work },
    Dial { machine: usize, life: u64, member: NodeId, attempt: u64 },
    Dialled { machine: usize, life: u64, member: NodeId, attempt: u64 },
    Frame { wire: u64, side: usize },
    Beat { wire: u64, side: usize },
    Act { client: usize },
    Request { client: usize, operation: usize, machine: usize },
    Answered { client: usize, operation: usize, lengths: Vec<u32> },
    Refused { client: usize, operation: usize, attempt: u32 },
    Vote(Step),
}

/// What was wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which check found it.
    pub check: &'static str,
    /// What it found.
    pub detail: String,
    /// When.
    pub at: Duration,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.6} s: {}", self.check, self.at.as_secs_f64(), self.detail)
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The time that passed in it.
    pub simulated: Duration,
    /// How long it took, once all was well, until all nodes were equal and agreed on who is there.
    pub converged_after: Duration,
    /// Likes and unlikes that clients were told of.
    pub acknowledged: u64,
    /// Faults that took place.
    pub faults: u64,
    /// How many of each kind, in the order of [`Kind::ALL`].
    pub faults_by_kind: [u64; Kind::ALL.len()],
    /// Starts of nodes.
    pub starts: u64,
    /// Outboxes that overflowed.
    pub overflows: u64,
    /// Links that were closed because of a full queue.
    pub links_overflowed: u64,
    /// Requests that were turned away because too much was waiting.
    pub overloads: u64,
    /// Disks that ran full, or could open no further file.
    pub stalls: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Repairs that found something.
    pub repairs: u64,
    /// Whole slots that were sent.
    pub whole_slots: u64,
    /// Members that were taken for dead.
    pub deaths: u64,
    /// Nodes that learnt of their own death and went on as another incarnation.
    pub renewals: u64,
    /// Requests that voters stood behind.
    pub voted: u64,
    /// Histories that were checked: of a post, or of a like where each stands for itself.
    pub histories: u64,
    /// Those of them about which the check could not say anything.
    pub undecided: u64,
    /// Reads by how many rounds they took: one, two, three, more.
    pub rounds: [u64; 4],
    /// Requests that voters did not answer in time.
    pub unanswered: u64,
    /// Reads of posts that were never the same on a majority.
    pub contended: u64,
    /// Writes that waited for a hold.
    pub held: u64,
    /// Voters that have lost their data.
    pub votes_lost: u64,
    /// Those of them that came back with an old image of their disk.
    pub images_of_voters: u64,
    /// Voters that have lost their data and come back to their votes.
    pub came_back: u64,
    /// Lines of the trace.
    pub lines: u64,
    /// The hash of the trace.
    pub hash: u64,
}

impl World {
    /// The world as it is before anything has happened, in which `planned` will.
    #[must_use]
    pub fn new(options: Options, planned: Vec<Planned>, trace: Trace) -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            queue: BTreeMap::new(),
            queued: 0,
            happened: 0,
            machines: Vec::new(),
            wires: BTreeMap::new(),
            wires_opened: 0,
            network: Network::new(&options),
            clients: Client::all(&options),
            polls: options.votes.as_ref().map(|votes| Polls::new(&options, votes)),
            electorate: Electorate::new(options.voters().max(1)),
            model: Model::new(options.all_posts(), options.all_users(), options.padding),
            planned,
            chance: Chance::new(options.seed, "world"),
            is_calm: false,
            trace,
            failure: None,
            figures: Figures::default(),
            options,
        };
        for machine in 0..world.options.machines {
            world.add_machine(world.options.durability[machine]);
            let after = world.chance.time(Duration::ZERO..Duration::from_millis(300));
            world.after(after, Happening::Start { machine, life: 0 });
        }
        for number in 0..world.planned.len() {
            let at = world.planned[number].at;
            world.at(at, Happening::Fault(number));
        }
        for client in 0..world.clients.len() {
            world.after(Duration::from_millis(400), Happening::Act { client });
        }
        world.begin_polls();
        world
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// The first thing that was wrong.
    pub fn run(&mut self) -> Result<Figures, Failure> {
        let until = self.options.trouble;
        self.run_until(until);
        if self.failure.is_none() {
            self.calm_down();
        }
        let figures = self.sum_up();
        self.failure.clone().map_or(Ok(figures), Err)
    }

    /// What time it is in there.
    #[must_use]
    pub const fn time(&self) -> Duration {
        self.now
    }

    /// The trace of what happened.
    #[must_use]
    pub fn into_trace(self) -> Trace {
        self.trace
    }

    /// Lets everything happen that is due until then, or until something is wrong.
    fn run_until(&mut self, end: Duration) {
        while self.failure.is_none() {
            let Some((&(at, number), _)) = self.queue.first_key_value() else { break };
            if at > end {
                break;
            }
            self.now = at;
            self.happened += 1;
            if self.happened > HAPPENINGS_MAX {
                return self.fail("nothing goes round for ever", format!("{HAPPENINGS_MAX} steps"));
            }
            let happening = self.queue.remove(&(at, number)).expect("it has just been seen");
            self.happen(happening);
        }
        self.now = self.now.max(end);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fault(number) => self.trouble(number),
            Happening::End(ending) => self.end(ending),
            Happening::Start { machine, life } => self.start(machine, life),
            Happening::Packet { from, to, packet } => self.packet_arrives(from, to, packet),
            Happening::Heard { machine, life, heard } => self.hear(machine, life, heard),
            Happening::Gossip { machine, life } => self.gossip_is_due(machine, life),
            Happening::Turn { machine, life } => self.turn(machine, life),
            Happening::Disk { machine, life, work } => self.disk_works(machine, life, work),
            Happening::Dial { machine, life, member, attempt } => {
                self.dial(machine, life, member, attempt);
            }
            Happening::Dialled { machine, life, member, attempt } => {
                self.dialled(machine, life, member, attempt);
            }
            Happening::Frame { wire, side } => self.frame_arrives(wire, side),
            Happening::Beat { wire, side } => self.beat(wire, side),
            Happening::Act { client } => self.act(client),
            Happening::Request { client, operation, machine } => {
                self.request(client, operation, machine);
            }
            Happening::Answered { client, operation, lengths } => {
                self.answered(client, operation, &lengths);
            }
            Happening::Refused { client, operation, attempt } => {
                self.refused(client, operation, attempt);
            }
            Happening::Vote(step) => self.vote_step(step),
        }
    }

    fn at(&mut self, at: Duration, happening: Happening) {
        self.queued += 1;
        self.queue.insert((at, self.queued), happening);
    }

    fn after(&mut self, wait: Duration, happening: Happening) {
        self.at(self.now + wait, happening);
    }

    fn fail(&mut self, check: &'static str, detail: impl Into<String>) {
        if self.failure.is_none() {
            self.failure = Some(Failure { check, detail: detail.into(), at: self.now });
        }
    }

    fn check(&mut self, check: &'static str, machine: usize, checked: Result<(), Wrong>) {
        if let Err(wrong) = checked {
            self.fail(check, format!("n{machine}: {wrong}"));
        }
    }

    fn say(
        &mut self,
        machine: usize,
        what: &'static str,
        number: u64,
        line: impl FnOnce() -> String,
    ) {
        self.trace.say(self.now, machine, what, number, line);
    }

    fn sum_up(&mut self) -> Figures {
        for machine in 0..self.machines.len() {
            self.count_figures(machine);
        }
        self.figures.simulated = self.now;
        self.figures.came_back = self.electorate.came_back;
        self.figures.acknowledged = self.model.acknowledged;
        self.figures.lines = self.trace.lines();
        self.figures.hash = self.trace.hash();
        self.figures
    }
}
