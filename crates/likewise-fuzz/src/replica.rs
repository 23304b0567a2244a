//! What replicas tell each other: one message, and whole conversations in which the other side lies.

use std::sync::Arc;
use std::time::Duration;

use likewise_replica::input::Input;
use likewise_replica::limits::CONTEXTS_MAX;
use likewise_replica::member::{Direction, LinkId, NodeId, Peer};
use likewise_replica::message::Message;
use likewise_replica::output::{BatchId, Output};
use likewise_replica::replica::Replica;
use likewise_replica::trace::TraceContext;
use likewise_replica::write::{RequestId, Writes};
use likewise_state::delta::Delta;
use likewise_state::digest::Digest;
use likewise_state::id::Like;
use likewise_state::length::{Action, CausalLength};
use likewise_state::state::{Keys, State};

use crate::script::{Script, put_piece};
use crate::state::{STATE_BYTES, STATE_FACTOR, some_likes};
use crate::{Bound, Target, assert_says_something, votes};

/// [`replica_message`]
pub const REPLICA_MESSAGE: Target = Target {
    name: "replica_message",
    run: replica_message,
    seeds: message_seeds,
    // A message is copied, written and read again. The least dense are votes, of which two bytes become a
    // hundred, in a list that doubles; and a voter that copies sends the digest of each slot, 16 KiB.
    bound: Bound { constant: 64 << 10, factor: 256 },
    slowness: 1,
};

/// [`replica_link`]
pub const REPLICA_LINK: Target = Target {
    name: "replica_link",
    run: replica_link,
    seeds: link_seeds,
    // Whoever is asked for the most symbols makes half a MB of them, encodes them, and this target reads them;
    // each list is there twice while it grows.
    bound: Bound { constant: STATE_BYTES + (4 << 20), factor: 2 * STATE_FACTOR },
    slowness: 3,
};

/// Outputs that one input may make: the chunks of a small state, an answer and a status a link.
const OUTPUTS_MAX: usize = 4_096;

/// Steps of one script: more than any seed has. A step may compare all slots, and noise is full of steps.
const STEPS_MAX: usize = 256;

/// Ticks that finish the longest work on the few entries of this target.
const TICKS_MAX: usize = 8;

/// Time between two ticks: several that make a repair, and one that is beyond patience after some more.
const TICK: Duration = Duration::from_millis(700);

/// A message: what is understood is understood again.
pub fn replica_message(data: &[u8]) {
    match Message::decode(data) {
        Ok(message) => assert_eq!(Message::decode(&message.encode()), Ok(message)),
        Err(error) => {
            assert!(error.offset <= data.len(), "an error beyond the end");
            assert_says_something(&error);
        }
    }
}

fn message_seeds() -> Vec<Vec<u8>> {
    let root = Digest::from_bytes([7; 16]);
    let groups = [3, 127].map(|number| (number, [5; 8])).to_vec();
    let messages = [
        Message::Delta { frame: 300, delta: some_likes(0, 20) },
        Message::Chunk { frame: 1, first: true, chunk: vec![1, 0] },
        Message::Ack { frame: 127 },
        Message::Status { root },
        Message::Compare { salt: 7, root, marks: Box::new([3; 128]) },
        Message::Same { settled: true },
        Message::Busy,
        Message::Slots { settled: false, groups },
        Message::Gather { salt: 7, slots: vec![0, 1, 700, 1_023], entries: 300 },
        Message::Gather { salt: 7, slots: (0..1_024).collect(), entries: 0 },
        Message::Sketch { first: 4, symbols: vec![0, 1, u64::MAX] },
        Message::More { until: 12 },
        Message::Want { words: vec![1, u32::MAX], lacking: 5 },
        Message::Whole { lacking: 10_000 },
        Message::Contexts {
            frame: 300,
            contexts: vec![TraceContext::from_bytes([7; TraceContext::BYTES]); 3],
        },
    ];
    messages.iter().chain(&votes::messages()).map(Message::encode).collect()
}

/// The links of the replica: to and from one peer, and from another.
const LINKS: [(Direction, u64); 3] =
    [(Direction::Outgoing, 9), (Direction::Incoming, 9), (Direction::Incoming, 10)];

/// What a byte of a script means, from 0 on; the first three are messages on the links.
const TICKED: u8 = 3;
const PERSISTED: u8 = 4;
const BROKEN: u8 = 5;
const STALLED: u8 = 6;
const WRITTEN: u8 = 7;

/// A replica with some likes, its links, and a disk that obeys the script.
struct World {
    state: Arc<State>,
    replica: Replica,
    now: Duration,
    links: [LinkId; 3],
    opened: u64,
    batch: BatchId,
    requests: u64,
    closed: Vec<LinkId>,
    /// What was sent, where somebody wants to know.
    sent: Option<Vec<(LinkId, Vec<u8>)>>,
}

impl World {
    fn new() -> Self {
        let state = Arc::new(State::new(Keys::for_tests()));
        state.merge_delta(&some_likes(0, 60));
        let replica = Replica::new(NodeId(1), state.clone());
        let links = [LinkId(0); 3];
        let (now, closed, sent) = (Duration::from_secs(1), Vec::new(), None);
        let (opened, batch, requests) = (0, BatchId(0), 0);
        let mut world = Self { state, replica, now, links, opened, batch, requests, closed, sent };
        (0..LINKS.len()).for_each(|which| world.open(which));
        world
    }

    fn open(&mut self, which: usize) {
        let (direction, node) = LINKS[which];
        self.opened += 1;
        self.links[which] = LinkId(self.opened);
        let (name, http) = (format!("node-{node}"), String::new());
        let peer = Peer { node: NodeId(node), name, http, incarnation: 1, takes_contexts: true };
        self.handle(Input::LinkOpened { link: self.links[which], peer, direction });
    }

    fn handle(&mut self, input: Input) {
        self.replica.handle(input, self.now);
        self.poll();
        for _ in 0..TICKS_MAX {
            if self.replica.next_deadline().is_none_or(|due| due > self.now) {
                break;
            }
            self.replica.handle(Input::Tick, self.now);
            self.poll();
        }
    }

    fn poll(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.replica.poll_output() {
            outputs += 1;
            assert!(outputs <= OUTPUTS_MAX, "outputs without end");
            match output {
                Output::Persist { batch, delta, .. } => self.persist(batch, &delta),
                Output::Send { link, message } => {
                    Message::decode(&message).expect("our own messages make sense");
                    self.sent.iter_mut().for_each(|sent| sent.push((link, message.clone())));
                }
                Output::Close { link, reason } => {
                    assert_says_something(&reason);
                    self.closed.push(link);
                }
                Output::Answer { request, .. } => assert!(request.0 <= self.requests),
                Output::Applied { contexts, since, .. } => {
                    assert!(contexts.len() <= CONTEXTS_MAX && since <= self.now);
                }
            }
        }
    }

    fn persist(&mut self, batch: BatchId, delta: &Delta) {
        assert!(batch > self.batch, "a batch comes twice");
        self.batch = batch;
        let is_held = |(like, length)| self.state.length(like) >= length;
        assert!(delta.entries().all(is_held), "what is to be kept is not held");
    }

    /// Does as a node does: a link that shall be closed is, and the peer opens another.
    fn reopen_closed(&mut self) {
        for link in std::mem::take(&mut self.closed) {
            let which = self.links.iter().position(|&open| open == link);
            // It may have been closed for more than one reason.
            let Some(which) = which else { continue };
            self.handle(Input::LinkClosed { link });
            self.open(which);
        }
    }

    fn receive(&mut self, which: usize, message: &[u8]) {
        let root = self.state.root_digest();
        let link = self.links[which];
        self.handle(Input::Received { link, message: message.to_vec() });
        if Message::decode(message).is_err() {
            assert!(self.closed.contains(&link), "nonsense is let pass");
            assert_eq!(self.state.root_digest(), root, "nonsense changes the state");
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 8 {
            TICKED => {
                self.now += TICK;
                self.handle(Input::Tick);
            }
            PERSISTED => self.handle(Input::Persisted { batch: self.batch }),
            BROKEN => self.closed.push(self.links[usize::from(script.byte()) % LINKS.len()]),
            STALLED => self.handle(Input::JournalStalled),
            WRITTEN => {
                let number = script.byte();
                let user = format!("writer-{number}");
                let like = Like::new("hot", "like", &user).expect("these are ids");
                self.requests += 1;
                let writes = Writes::one(like, Action::Like, Some(CausalLength::UNTOUCHED))
                    .traced(TraceContext::from_bytes([number; TraceContext::BYTES]));
                self.handle(Input::Write { request: RequestId(self.requests), writes });
            }
            which => {
                let message = script.piece().unwrap_or_default();
                self.receive(usize::from(which), message);
            }
        }
        self.reopen_closed();
    }
}

/// Messages on open links, in any order, with time and a disk in between.
pub fn replica_link(data: &[u8]) {
    let mut world = World::new();
    let mut script = Script(data);
    for _ in 0..STEPS_MAX {
        if script.0.is_empty() {
            break;
        }
        world.step(&mut script);
    }
    let peers = world.replica.peers();
    assert!(peers.len() <= LINKS.len(), "a peer that nobody is");
}

/// The other side of a conversation that makes sense: what it says is a seed.
struct Honest {
    replica: Replica,
    script: Vec<u8>,
    world: World,
}

impl Honest {
    fn new(state: State) -> Self {
        let mut replica = Replica::new(NodeId(9), Arc::new(state));
        for (link, direction) in [(0, Direction::Incoming), (1, Direction::Outgoing)] {
            let (name, http) = ("node-1".to_owned(), String::new());
            let peer = Peer { node: NodeId(1), name, http, incarnation: 1, takes_contexts: true };
            let opened = Input::LinkOpened { link: LinkId(link), peer, direction };
            replica.handle(opened, Duration::from_secs(1));
        }
        let mut world = World::new();
        world.sent = Some(Vec::new());
        Self { replica, script: Vec::new(), world }
    }

    fn step(&mut self, step: &[u8]) {
        self.script.extend_from_slice(step);
        self.world.step(&mut Script(step));
    }

    fn exchange(&mut self) {
        let now = self.world.now;
        for (link, message) in std::mem::take(self.world.sent.get_or_insert_default()) {
            let which = self.world.links.iter().position(|&open| open == link);
            let Some(which @ 0..2) = which else { continue };
            self.replica.handle(Input::Received { link: LinkId(which as u64), message }, now);
        }
        self.replica.handle(Input::Tick, now);
        while let Some(output) = self.replica.poll_output() {
            match output {
                Output::Persist { batch, .. } => {
                    self.replica.handle(Input::Persisted { batch }, now)
                }
                Output::Send { link, message } => {
                    let mut step = vec![link.0 as u8];
                    put_piece(&mut step, &message);
                    self.step(&step);
                }
                Output::Close { .. } | Output::Answer { .. } | Output::Applied { .. } => {}
            }
        }
    }
}

/// Conversations of some lengths, and each message by itself at their beginning: short ones, in which a
/// mutation is likely to hit what matters.
fn link_seeds() -> Vec<Vec<u8>> {
    let states = [(0, 60, 3), (0, 0, 4), (30, 100, 6), (0, 62, 12)];
    let mut seeds: Vec<Vec<u8>> = states
        .into_iter()
        .map(|(from, count, steps)| {
            let state = State::new(Keys::for_tests());
            state.merge_delta(&some_likes(from, count));
            conversation(state, steps)
        })
        .collect();
    seeds.push(vec![TICKED, WRITTEN, 1, STALLED, WRITTEN, 2, BROKEN, 0, PERSISTED]);
    for (which, _) in (0..).zip(LINKS) {
        seeds.extend(message_seeds().iter().map(|message| {
            let mut one = vec![which];
            put_piece(&mut one, message);
            one
        }));
    }
    seeds
}

/// What a peer with this state says.
fn conversation(state: State, steps: usize) -> Vec<u8> {
    let mut honest = Honest::new(state);
    for step in 0..steps {
        honest.exchange();
        honest.step(&[PERSISTED]);
        honest.exchange();
        if step == steps / 2 {
            honest.step(&[WRITTEN, 3]);
        }
        honest.step(&[TICKED]);
    }
    honest.script
}
