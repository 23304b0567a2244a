//! Records a new version: real nodes of this release, and somebody between two of them who writes down what
//! they say. `LIKEWISE_RECORD=v2 cargo test -p likewise --test corpus recorded` makes the folder `v2`, and
//! refuses where there is one.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use likewise_journal::disk::file::FileDisk;
use likewise_journal::journal::{Journal, Options};
use likewise_journal::store::StoreId;
use likewise_replica::member::{NodeId, Peer};
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use likewise_state::state::{Keys, State, TableKey};

use super::ask::{PATIENCE, agent, check, get, until};
use super::folder::{Held, NODE, held, member, told};
use super::nodes::{Node, run, until_together};
use super::tap::{Heard, Link, Tap};
use super::version::Version;
use super::{gossip, handshake, session};

/// Likes that a newcomer lacks: so many that it is sent whole slots.
const MANY: usize = 500;

#[test]
fn a_new_version_is_recorded_where_that_is_asked_for() {
    let Some(name) = std::env::var_os("LIKEWISE_RECORD") else { return };
    let version = Version::named(name.to_str().unwrap());
    let folder = version.folder.display();
    assert!(
        !version.folder.exists(),
        "{folder} is there already: what was recorded is never changed"
    );
    std::fs::create_dir_all(version.file("links")).unwrap();
    std::fs::create_dir(version.file("data")).unwrap();
    let key_file = version.key_file();
    let made = run(&["keygen", key_file.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let scratch = tempfile::tempdir().unwrap();
    let mut nodes = Recorded::meet(&version, scratch.path());
    nodes.talk();
    nodes.begin_of_a_link(&version);
    nodes.part();
    nodes.write_links(&version);
    nodes.grow_folder(&version);
}

/// Makes the folder of a version that was never recorded.
fn begin(version: &Version) -> Result<(), String> {
    let folder = version.folder.display();
    std::fs::create_dir(&version.folder).map_err(|error| {
        format!("{folder}: {error}; what was recorded is never changed, so choose another name")
    })?;
    for part in ["links", "data"] {
        std::fs::create_dir(version.file(part)).unwrap();
    }
    Ok(())
}

#[test]
fn what_was_recorded_is_not_recorded_again() {
    for version in Version::all() {
        let refused = begin(&version).unwrap_err();
        assert!(refused.contains("never changed"), "{refused}");
    }
}

/// Three voters, two of which reach each other only through a tap.
struct Recorded {
    nodes: Vec<Node>,
    taps: [Tap; 2],
    /// All that was acknowledged.
    held: Held,
}

/// An address that is free, to be taken at once.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Recorded {
    fn meet(version: &Version, scratch: &Path) -> Self {
        let secret = version.secret();
        let addresses = [free_address(), free_address()];
        let taps = addresses.map(|address| Tap::start(address, &secret));
        let setup = |number: usize| {
            let name = ["a", NODE][number];
            let mut setup = member(name, scratch, &version.key_file());
            setup.cluster = addresses[number].to_string();
            setup.with(&["--advertise", &taps[number].address.to_string()])
        };
        let first = setup(0).start();
        let mut recorded = Self { nodes: vec![first], taps, held: Held::new() };
        for number in 0..MANY {
            let user = format!("user-{number}");
            recorded.like(0, &format!("post-{}", number % 50), "like", &user, 1);
        }
        let join = recorded.taps[0].address.to_string();
        let setup = |number: usize| {
            let mut setup = member(["a", NODE][number], scratch, &version.key_file());
            setup.cluster = addresses[number].to_string();
            setup.with(&["--advertise", &recorded.taps[number].address.to_string()]).join(&join)
        };
        let second = setup(1).start();
        let third = member("c", scratch, &version.key_file()).join(&join).start();
        recorded.nodes.extend([second, third]);
        recorded.until_all_vote();
        recorded
    }

    fn until_all_vote(&self) {
        until_together(&self.nodes.iter().collect::<Vec<_>>());
        for node in &self.nodes {
            until(&format!("{} votes", node.setup.name), PATIENCE, || {
                let view = get(&format!("{}/v1/cluster", node.url))?;
                check(view["standing"] == "active", || view.to_string())
            });
        }
    }

    /// Raises a like to a version.
    fn like(&mut self, node: usize, post: &str, kind: &str, user: &str, version: u32) {
        let level = if post == "voted" { "&consistency=linearizable" } else { "" };
        let url = format!("{}/v1/posts/{post}/likes/{user}", self.nodes[node].url);
        let url = format!("{url}?kind={kind}&seen={}{level}", version - 1);
        let agent = agent(PATIENCE);
        let sent =
            if version % 2 == 1 { agent.put(&url).send_empty() } else { agent.delete(&url).call() };
        let mut answer = sent.unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{url}: {body}");
        self.held.insert([post, kind, user].map(str::to_owned), version);
    }

    /// Starts the second node again behind its tap.
    fn restart(&mut self) {
        let node = &mut self.nodes[1];
        node.setup.http = node.url.trim_start_matches("http://").to_owned();
        node.attempt().unwrap();
    }

    fn talk(&mut self) {
        let long = "long-id-".repeat(64);
        for node in [0, 1] {
            let (ann, bob) = ([("ann"), ("zoé")][node], ["bob", "a b"][node]);
            let encoded = |user: &str| user.replace('é', "%C3%A9").replace(' ', "%20");
            self.like(node, "hello", "like", &encoded(ann), 3);
            self.like(node, "hello", "heart", &encoded(bob), 1);
            self.like(node, "hello", "like", &encoded(bob), 2);
            for version in [1_000, 2_000, 2_001] {
                self.like(node, "far", "like", &encoded(ann), version);
            }
            self.like(node, &long, "like", &format!("{}{node}", &long[1..]), 5);
            self.like(node, "voted", "like", &encoded(ann), 1);
            let url = format!("{}/v1/posts/voted", self.nodes[node].url);
            get(&format!("{url}?consistency=linearizable")).unwrap();
            get(&format!("{url}/likes?consistency=linearizable")).unwrap();
        }
        let plain = |text: &str| text.replace("%C3%A9", "é").replace("%20", " ");
        self.held = std::mem::take(&mut self.held)
            .into_iter()
            .map(|(like, version)| (like.map(|text| plain(&text)), version))
            .collect();
        self.nodes[..2].iter().for_each(Node::until_handed_over);
        // A link that breaks while few likes are new: what differs is found by a sketch.
        self.nodes[1].kill();
        for number in 0..5 {
            self.like(0, &format!("missed-{number}"), "like", "ann", 1);
        }
        self.restart();
        self.until_all_vote();
    }

    /// Opens a link to the second node with a secret of its own that is known, so that all of it can be read.
    fn begin_of_a_link(&self, version: &Version) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let begun = runtime.block_on(async {
            let address = &self.nodes[1].setup.cluster;
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            handshake::open_v1(&mut stream, version, b"I open").await.0
        });
        std::fs::write(version.file("handshake.txt"), begun.text()).unwrap();
    }

    /// One is forgotten, one leaves.
    fn part(&mut self) {
        let id = self.nodes[2].id();
        self.nodes[2].kill();
        self.nodes[..2].iter().for_each(|node| node.until_shows(&id, "down"));
        let forgotten = run(&["forget", "c", "--url", &self.nodes[0].url]);
        assert!(forgotten.status.success(), "{forgotten:?}");
        until("it is told", PATIENCE, || {
            let heard = self.taps[1].heard();
            let told = heard.links.iter().flat_map(|Link(frames)| frames);
            let is_told = told.clone().any(|(_, frame)| frame.starts_with(&[0, 1, 3]));
            check(is_told, || "no notice".to_owned())
        });
        self.nodes[1].terminate();
        assert!(self.nodes[1].ended().success());
    }

    fn write_links(&self, version: &Version) {
        let key = version.secret().digest_key();
        let mut packets = gossip::Packets::new();
        for (tap, (opener, accepter)) in self.taps.iter().zip([("b", "a"), ("a", "b")]) {
            let Heard { packets: passed, links } = &*tap.heard();
            let passed = passed.iter().map(|(at, bytes)| (at.as_millis() as u64, bytes.clone()));
            packets.extend(passed);
            let name = |link: &Link| {
                likewise::fuzz::hello(&link.0[0].1, &key).unwrap_or_else(|_| nobody()).name
            };
            let ours = links.iter().filter(|link| name(link) == opener);
            for (number, link) in ours.enumerate() {
                let file = format!("links/{opener}-to-{accepter}-{}", number + 1);
                let write = |ending: &str, bytes: &[u8]| {
                    std::fs::write(version.file(&format!("{file}.{ending}")), bytes).unwrap();
                };
                write("frames", &session::encode(link));
                write("txt", session::told(link, &key).as_bytes());
            }
        }
        std::fs::write(version.file("packets.bin"), gossip::encode(&packets)).unwrap();
        let text = gossip::told(&packets, &version.secret());
        std::fs::write(version.file("packets.txt"), text).unwrap();
    }

    /// The folder of the second node, once it also has snapshots and several segments, and was left by `kill -9`.
    fn grow_folder(&mut self, version: &Version) {
        let data = self.nodes[1].setup.data.clone();
        snapshots(version, &data, &mut self.held);
        self.restart();
        self.like(1, "hello", "like", "last", 1);
        assert_eq!(held(&self.nodes[1]), self.held, "it holds what was acknowledged");
        let text = told(&self.nodes[1], &self.held);
        std::fs::write(version.file("data.txt"), text).unwrap();
        self.nodes[1].kill();
        let mut sizes = BTreeMap::new();
        for file in std::fs::read_dir(&data).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let mut bytes = std::fs::read(data.join(&name)).unwrap();
            if name.ends_with(".tmp") || name == "LOCK" {
                continue;
            }
            sizes.insert(name.clone(), bytes.len());
            let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            bytes.truncate(used);
            std::fs::write(version.file(&format!("data/{name}")), bytes).unwrap();
        }
        let sizes: String = sizes.iter().map(|(name, size)| format!("{name} {size}\n")).collect();
        std::fs::write(version.file("data-sizes.txt"), sizes).unwrap();
    }
}

fn nobody() -> Peer {
    Peer {
        node: NodeId(1),
        name: String::new(),
        http: String::new(),
        incarnation: 1,
        takes_contexts: false,
    }
}

/// Writes to the folder of a node that does not run, by the journal itself: a node takes a snapshot only after
/// more likes than belong here.
fn snapshots(version: &Version, data: &Path, held: &mut Held) {
    let keys = Keys { digest: version.secret().digest_key(), table: TableKey::new([2; 16]) };
    let state = State::new(keys);
    let options = Options { segment_bytes: 4096, ..Options::new(StoreId([0; 16]), NODE) };
    let (mut journal, _) = Journal::open(FileDisk::open(data).unwrap(), options, &state).unwrap();
    for number in 0..60u32 {
        let user = format!("user-{number}");
        let length = number % 4 + 1;
        let mut delta = Delta::default();
        delta.push(Like::new("kept", "star", &user).unwrap(), CausalLength::new(length).unwrap());
        state.merge_delta(&delta);
        journal.commit([&delta]).unwrap();
        held.insert(["kept", "star", &user].map(str::to_owned), length);
        if number % 20 == 19 {
            let job = journal.begin_snapshot().unwrap();
            let snapshot = job.run(&state, || true).unwrap();
            journal.snapshot_written(snapshot).unwrap();
        }
    }
    journal.sync().unwrap();
}
