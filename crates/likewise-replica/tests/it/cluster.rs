//! Several replicas with a network and disks that obey the test: everything happens in one thread, at
//! times that the test says, so each run is the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use likewise_replica::input::Input;
use likewise_replica::limits::Bounds;
use likewise_replica::member::{Direction, LinkId, NodeId, Peer};
use likewise_replica::message::Message;
use likewise_replica::output::{Answer, BatchId, Output};
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::request::{Agreed, Operation};
use likewise_replica::quorum::seats::Kept;
use likewise_replica::quorum::view::Standing;
use likewise_replica::quorum::voters::Voters;
use likewise_replica::replica::Replica;
use likewise_replica::trace::TraceContext;
use likewise_replica::write::{RequestId, Writes};
use likewise_state::id::Like;
use likewise_state::length::{Action, CausalLength};
use likewise_state::slot::SLOTS;
use likewise_state::state::{Keys, State};

/// How long one way takes.
const LATENCY: Duration = Duration::from_micros(300);

/// Time that no test needs to converge.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<TestNode>,
    pub(crate) now: Duration,
    pub(crate) closed: Vec<String>,
    /// Messages on their way, by arrival; equal ones in the order of sending.
    wire: BTreeMap<(Duration, u64), Packet>,
    pub(crate) sent: u64,
    /// Comparisons of states, and all questions of repair that wait for an answer.
    pub(crate) comparisons: u64,
    pub(crate) questions: u64,
    /// Bytes sent on every link, by whether they are part of finding differences.
    pub(crate) repair_bytes: u64,
    pub(crate) frame_bytes: u64,
    pub(crate) other_bytes: u64,
    /// Who was sent contexts.
    pub(crate) contexts_to: Vec<usize>,
    links: u64,
    bounds: Bounds,
    voters: Option<Voters>,
}

struct Packet {
    to: usize,
    link: LinkId,
    message: Vec<u8>,
}

pub(crate) struct TestNode {
    pub(crate) state: Arc<State>,
    pub(crate) replica: Replica,
    pub(crate) answers: BTreeMap<u64, Answer>,
    /// The other end of each link: node and link there.
    links: BTreeMap<LinkId, (usize, LinkId)>,
    /// Batches that the disk holds back, while it does.
    pub(crate) disk_holds: bool,
    held: VecDeque<BatchId>,
    requests: u64,
    has_recovered: bool,
    /// Who it is, where it is not the node of its number, and whose name it bears.
    id: Option<NodeId>,
    namesake: usize,
    /// What a voter has kept of the seats.
    pub(crate) kept: Option<Vec<u8>>,
    /// Whether it wants to know where writes belong in traces, from the links on that are opened to it then.
    pub(crate) takes_contexts: bool,
    /// What it had to say in traces: who mailed the writes, how long they took, and where they belong.
    pub(crate) applied: Vec<(String, Duration, Vec<TraceContext>)>,
}

impl Cluster {
    pub(crate) fn new(nodes: usize) -> Self {
        Self::with_bounds(nodes, Bounds::default())
    }

    pub(crate) fn with_bounds(nodes: usize, bounds: Bounds) -> Self {
        let nodes = (0..nodes).map(|number| TestNode::new(number, bounds)).collect();
        Self {
            nodes,
            now: Duration::ZERO,
            closed: Vec::new(),
            wire: BTreeMap::new(),
            sent: 0,
            comparisons: 0,
            questions: 0,
            repair_bytes: 0,
            frame_bytes: 0,
            other_bytes: 0,
            contexts_to: Vec::new(),
            links: 0,
            bounds,
            voters: None,
        }
    }

    /// The same, of which the first `voters` nodes vote; linked, and run until they do.
    pub(crate) fn voting(nodes: usize, voters: usize) -> Self {
        Self::voting_with_bounds(nodes, voters, Bounds::default())
    }

    pub(crate) fn voting_with_bounds(nodes: usize, voters: usize, bounds: Bounds) -> Self {
        let mut cluster = Self::unlinked(nodes, voters, bounds);
        for a in 0..nodes {
            cluster.handle(a, Input::Alone);
            (0..a).for_each(|b| cluster.connect(a, b));
        }
        cluster.run_until("voting", |cluster| (0..voters).all(|voter| cluster.votes(voter)));
        cluster
    }

    pub(crate) fn unlinked_voting(nodes: usize, voters: usize) -> Self {
        Self::unlinked(nodes, voters, Bounds::default())
    }

    fn unlinked(nodes: usize, voters: usize, bounds: Bounds) -> Self {
        let mut cluster = Self::with_bounds(nodes, bounds);
        let names = (0..voters).map(|voter| peer(voter).name);
        cluster.voters = Some(Voters::new(names).unwrap());
        (0..nodes).for_each(|node| cluster.start_voting(node, node as u64, 1, None));
        cluster
    }

    /// Starts a node over its present state, as this node and in this life of it.
    pub(crate) fn start_voting(&mut self, node: usize, id: u64, boot: u64, kept: Option<Kept>) {
        let (name, me) = (self.peer(node).name, NodeId(id));
        let voters = self.voters.clone().unwrap();
        let voting = Voting { voters, name, boot, kept };
        let it = &mut self.nodes[node];
        it.id = Some(me);
        it.replica =
            Replica::with_bounds(me, it.state.clone(), self.bounds).with_voters(me, voting);
        it.held.clear();
    }

    /// A node dies, and comes back with its data or without.
    pub(crate) fn restart(&mut self, node: usize, boot: u64, is_wiped: bool) {
        for other in 0..self.nodes.len() {
            self.disconnect(node, other);
        }
        let id = self.peer(node).node.0;
        let it = &mut self.nodes[node];
        let kept = it.kept.take().map(|kept| Kept::decode(&kept).unwrap());
        if is_wiped {
            it.state = Arc::new(State::new(Keys::for_tests()));
            return self.start_voting(node, id + 100, 1, None);
        }
        self.start_voting(node, id, boot, kept);
    }

    /// A new node comes under the name of another one.
    pub(crate) fn start_namesake(&mut self, node: usize, of: usize) {
        self.nodes[node].namesake = of;
        self.restart(node, 1, true);
    }

    /// From now on nodes are started with another list of voters.
    pub(crate) fn use_voters(&mut self, names: impl IntoIterator<Item = String>) {
        self.voters = Some(Voters::new(names).unwrap());
    }

    pub(crate) fn votes(&self, node: usize) -> bool {
        self.nodes[node].replica.standing() == Some(Standing::Active)
    }

    /// Asks the voters by way of a node.
    pub(crate) fn ask(&mut self, node: usize, operation: Operation) -> u64 {
        self.nodes[node].requests += 1;
        let request = self.nodes[node].requests;
        let timeout = Duration::from_secs(2);
        self.handle(node, Input::Coordinate { request: RequestId(request), operation, timeout });
        request
    }

    /// The same, and waits for the answer.
    pub(crate) fn agree(&mut self, node: usize, operation: Operation) -> Result<Agreed, Answer> {
        let request = self.ask(node, operation);
        self.run_until("answered", |cluster| cluster.nodes[node].answers.contains_key(&request));
        match self.nodes[node].answers.remove(&request).unwrap() {
            Answer::Agreed(agreed) => Ok(agreed),
            other => Err(other),
        }
    }

    /// Links every pair, both ways.
    pub(crate) fn connected(nodes: usize) -> Self {
        let mut cluster = Self::new(nodes);
        for a in 0..nodes {
            // It has been there for a while.
            cluster.handle(a, Input::Alone);
        }
        for a in 0..nodes {
            for b in 0..a {
                cluster.connect(a, b);
            }
        }
        cluster
    }

    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        self.open(a, b);
        self.open(b, a);
    }

    /// A link that `from` opens.
    pub(crate) fn open(&mut self, from: usize, to: usize) {
        for node in [from, to] {
            let TestNode { replica, state, has_recovered, .. } = &mut self.nodes[node];
            // A replica is told at its start what was found on disk.
            if std::mem::take(has_recovered) && !replica.has_caught_up() {
                let me = NodeId(node as u64);
                *replica = Replica::with_bounds(me, state.clone(), self.bounds);
            }
        }
        let (here, there) = (LinkId(2 * self.links), LinkId(2 * self.links + 1));
        self.links += 1;
        self.nodes[from].links.insert(here, (to, there));
        self.nodes[to].links.insert(there, (from, here));
        self.handle(
            from,
            Input::LinkOpened { link: here, peer: self.peer(to), direction: Direction::Outgoing },
        );
        self.handle(
            to,
            Input::LinkOpened {
                link: there,
                peer: self.peer(from),
                direction: Direction::Incoming,
            },
        );
    }

    /// Closes all links between two nodes; what is on its way is lost.
    pub(crate) fn disconnect(&mut self, a: usize, b: usize) {
        for (one, other) in [(a, b), (b, a)] {
            let gone: Vec<LinkId> = self.nodes[one]
                .links
                .iter()
                .filter(|(_, (to, _))| *to == other)
                .map(|(&link, _)| link)
                .collect();
            for link in gone {
                self.nodes[one].links.remove(&link);
                self.wire.retain(|_, packet| packet.to != one || packet.link != link);
                self.handle(one, Input::LinkClosed { link });
            }
        }
    }

    fn peer(&self, node: usize) -> Peer {
        let it = &self.nodes[node];
        Peer {
            node: it.id.unwrap_or(NodeId(node as u64)),
            takes_contexts: it.takes_contexts,
            ..peer(it.namesake)
        }
    }

    pub(crate) fn handle(&mut self, node: usize, input: Input) {
        self.nodes[node].replica.handle(input, self.now);
        self.poll(node);
    }

    fn poll(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].replica.poll_output() {
            match output {
                Output::Persist { batch, seats, .. } => {
                    let it = &mut self.nodes[node];
                    if seats.is_some() {
                        it.kept = seats;
                    }
                    it.held.push_back(batch);
                    self.persist(node);
                }
                Output::Answer { request, answer } => {
                    self.nodes[node].answers.insert(request.0, answer);
                }
                Output::Send { link, message } => self.send(node, link, message),
                Output::Applied { peer, since, contexts } => {
                    self.nodes[node].applied.push((peer, self.now - since, contexts));
                }
                Output::Close { link, reason } => {
                    self.closed.push(reason);
                    if let Some(&(other, _)) = self.nodes[node].links.get(&link) {
                        self.disconnect(node, other);
                    }
                }
            }
        }
    }

    fn send(&mut self, from: usize, link: LinkId, message: Vec<u8>) {
        let Some(&(to, link)) = self.nodes[from].links.get(&link) else { return };
        let decoded = Message::decode(&message).expect("a replica sends what can be read");
        self.comparisons += u64::from(matches!(decoded, Message::Compare { .. }));
        self.questions +=
            u64::from(matches!(decoded, Message::Compare { .. } | Message::Sketch { .. }));
        if matches!(decoded, Message::Contexts { .. }) {
            self.contexts_to.push(to);
        }
        let bytes = match decoded {
            Message::Delta { .. } | Message::Chunk { .. } => &mut self.frame_bytes,
            decoded if decoded.is_repair() => &mut self.repair_bytes,
            _ => &mut self.other_bytes,
        };
        *bytes += message.len() as u64;
        self.sent += 1;
        self.wire.insert((self.now + LATENCY, self.sent), Packet { to, link, message });
    }

    /// What the disk of a node has been given becomes durable, unless it holds it back.
    pub(crate) fn persist(&mut self, node: usize) {
        if self.nodes[node].disk_holds {
            return;
        }
        if let Some(batch) = self.nodes[node].held.pop_back() {
            self.nodes[node].held.clear();
            self.nodes[node].replica.handle(Input::Persisted { batch }, self.now);
        }
    }

    pub(crate) fn write(&mut self, node: usize, like: Like<'_>, action: Action) -> u64 {
        self.nodes[node].requests += 1;
        let request = self.nodes[node].requests;
        let writes = Writes::one(like, action, None);
        self.handle(node, Input::Write { request: RequestId(request), writes });
        request
    }

    pub(crate) fn write_all(&mut self, node: usize, writes: Writes) -> u64 {
        self.nodes[node].requests += 1;
        let request = self.nodes[node].requests;
        self.handle(node, Input::Write { request: RequestId(request), writes });
        request
    }

    /// The link that another node has opened to this one.
    pub(crate) fn incoming(&self, node: usize, from: usize) -> LinkId {
        // Its end here was given the later number.
        let mut links = self.nodes[node].links.iter().filter(|(_, (other, _))| *other == from);
        *links.find(|(link, (_, there))| there < link).expect("they are linked").0
    }

    pub(crate) fn like(&mut self, node: usize, post: usize, user: usize) {
        let (post, user) = (format!("post-{post}"), format!("user-{user}"));
        self.write(node, Like::new(&post, "like", &user).unwrap(), Action::Like);
    }

    /// Puts a like into a state behind the replica's back, as if it had recovered it from disk.
    pub(crate) fn recover(&mut self, node: usize, post: usize, user: usize) {
        self.recover_at(node, post, user, 1);
    }

    /// The same, of a like that has this length.
    pub(crate) fn recover_at(&mut self, node: usize, post: usize, user: usize, length: u32) {
        let (post, user) = (format!("post-{post}"), format!("user-{user}"));
        let like = Like::new(&post, "like", &user).unwrap();
        let _ = self.nodes[node].state.raise(like, |_| CausalLength::new(length));
        self.nodes[node].has_recovered = true;
    }

    /// Lets the next thing happen: a message arrives or a deadline is met. False where there is nothing
    /// before `end`.
    pub(crate) fn step(&mut self, end: Duration) -> bool {
        let arrival = self.wire.keys().next().map(|&(at, _)| at);
        let deadlines = self.nodes.iter().enumerate();
        let due =
            deadlines.filter_map(|(node, it)| Some((it.replica.next_deadline()?, node))).min();
        match (arrival, due) {
            (Some(at), due) if due.is_none_or(|(due, _)| at <= due) && at <= end => {
                self.now = self.now.max(at);
                let (_, packet) = self.wire.pop_first().expect("there is one");
                let Packet { to, link, message } = packet;
                if self.nodes[to].links.contains_key(&link) {
                    self.handle(to, Input::Received { link, message });
                }
                true
            }
            (_, Some((due, node))) if due <= end => {
                self.now = self.now.max(due);
                self.handle(node, Input::Tick);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until `done`, which must happen.
    pub(crate) fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Duration {
        let start = self.now;
        while !done(self) {
            assert!(self.step(start + PATIENCE), "never {what}; closed: {:?}", self.closed);
        }
        self.now - start
    }

    pub(crate) fn run_until_equal(&mut self) -> Duration {
        self.run_until("equal", |cluster| {
            let mut roots = cluster.nodes.iter().map(|node| node.state.root_digest());
            let first = roots.next();
            roots.all(|root| Some(root) == first)
        })
    }

    /// Equal digests must mean equal states.
    pub(crate) fn assert_equal(&self) {
        let entries = |node: &TestNode| {
            let mut entries: Vec<_> =
                (0..SLOTS).flat_map(|slot| node.state.entries(slot)).collect();
            entries.sort();
            entries
        };
        let first = entries(&self.nodes[0]);
        for node in &self.nodes[1..] {
            assert!(entries(node) == first, "the states differ");
        }
    }
}

impl TestNode {
    fn new(number: usize, bounds: Bounds) -> Self {
        let state = Arc::new(State::new(Keys::for_tests()));
        Self {
            replica: Replica::with_bounds(NodeId(number as u64), state.clone(), bounds),
            state,
            answers: BTreeMap::new(),
            links: BTreeMap::new(),
            disk_holds: false,
            held: VecDeque::new(),
            requests: 0,
            has_recovered: false,
            id: None,
            namesake: number,
            kept: None,
            takes_contexts: false,
            applied: Vec::new(),
        }
    }

    pub(crate) fn likes(&self) -> u64 {
        self.state.totals().likes
    }
}

fn peer(node: usize) -> Peer {
    let name = format!("node-{node}");
    Peer {
        node: NodeId(node as u64),
        name,
        http: String::new(),
        incarnation: 1,
        takes_contexts: false,
    }
}
