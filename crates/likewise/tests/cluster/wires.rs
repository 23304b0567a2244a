//! Nodes in network namespaces of their own, on wires that can be cut without anybody's knowledge.
//!
//! ```text
//!   hub:  whole (bridge)   parted (bridge)   manage (bridge, where the test listens)
//!          |  |  |          |  |              |  |  |  |  |
//!         n0 n1 n2         n3 n4             n0 n1 n2 n3 n4
//! ```
//! A cut moves wires from one bridge to the other: those of either side still talk to each other.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Networks made so far by this process, which are named by it.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// A network of some namespaces. Dropping it removes them.
pub(crate) struct Network {
    /// The namespace with the bridges.
    hub: String,
    /// Those of the nodes.
    pub(crate) namespaces: Vec<String>,
}

/// Whether this process may make what a network needs; the reason if not.
pub(crate) fn possible() -> Result<(), String> {
    let network = NETWORKS.fetch_add(1, Ordering::Relaxed);
    let probe = format!("likewise-{}-{network}-probe", std::process::id());
    let steps = [
        &["netns", "add", &probe][..],
        &["-n", &probe, "link", "add", "whole", "type", "bridge"],
        &["-n", &probe, "link", "add", "cluster0", "type", "veth", "peer", "name", "cluster"],
    ];
    let done = steps.iter().try_for_each(|step| {
        let output = run(step)?;
        let message = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(message.trim().to_owned()) }
    });
    let _ = run(&["netns", "delete", &probe]);
    done
}

impl Network {
    /// Makes a network of that many namespaces, and takes the calling thread, with all that it starts from
    /// now on, into the hub of it.
    pub(crate) fn new(size: usize) -> Self {
        let network = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("likewise-{}-{network}", std::process::id());
        let namespaces = (0..size).map(|number| format!("{prefix}-{number}")).collect();
        let this = Self { hub: format!("{prefix}-hub"), namespaces };
        ip(&["netns", "add", &this.hub]);
        for bridge in ["whole", "parted", "manage"] {
            this.in_hub(&["link", "add", bridge, "type", "bridge"]);
            this.in_hub(&["link", "set", bridge, "up"]);
        }
        this.in_hub(&["address", "add", "10.0.1.254/24", "dev", "manage"]);
        for (number, namespace) in this.namespaces.iter().enumerate() {
            ip(&["netns", "add", namespace]);
            ip(&["-n", namespace, "link", "set", "lo", "up"]);
            this.plug("whole", "cluster", number, &Self::cluster_ip(number));
            this.plug("manage", "manage", number, &Self::http_ip(number));
        }
        let hub = File::open(format!("/run/netns/{}", this.hub)).unwrap();
        move_into_link_name_space(hub.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        this
    }

    /// The address of a node to its cluster.
    pub(crate) fn cluster_ip(number: usize) -> String {
        format!("10.0.0.{}", number + 1)
    }

    /// The address of a node to clients, who reach it through every cut.
    pub(crate) fn http_ip(number: usize) -> String {
        format!("10.0.1.{}", number + 1)
    }

    /// Cuts these nodes off from the others, but not from each other.
    pub(crate) fn cut(&self, numbers: &[usize]) {
        for number in numbers {
            self.in_hub(&["link", "set", &format!("cluster{number}"), "master", "parted"]);
        }
    }

    /// Loses all packets of UDP that a node sends, and nothing else, as a firewall may.
    pub(crate) fn mute(&self, number: usize) {
        let namespace = &self.namespaces[number];
        ip(&["-n", namespace, "rule", "add", "pref", "1", "ipproto", "udp", "blackhole"]);
    }

    /// Mends every cut.
    pub(crate) fn mend(&self) {
        for number in 0..self.namespaces.len() {
            self.in_hub(&["link", "set", &format!("cluster{number}"), "master", "whole"]);
        }
    }

    /// A wire from a bridge to a node, called `name` there.
    fn plug(&self, bridge: &str, name: &str, number: usize, address: &str) {
        let port = format!("{name}{number}");
        let namespace = &self.namespaces[number];
        let there = ["peer", "name", name, "netns", namespace];
        self.in_hub(&[&["link", "add", &port, "type", "veth"], &there[..]].concat());
        self.in_hub(&["link", "set", &port, "master", bridge, "up"]);
        ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", name]);
        ip(&["-n", namespace, "link", "set", name, "up"]);
    }

    fn in_hub(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.hub], arguments].concat());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What is not there was not made before something went wrong.
        for namespace in self.namespaces.iter().chain([&self.hub]) {
            let _ = run(&["netns", "delete", namespace]);
        }
    }
}

fn run(arguments: &[&str]) -> Result<Output, String> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output();
    output.map_err(|error| format!("`ip`: {error}"))
}

fn ip(arguments: &[&str]) {
    let output = run(arguments).unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {output:?}");
}
