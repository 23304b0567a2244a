//! Figures of members, gossip, links, outboxes and repair. The label `peer` is a member's name, with its id
//! where two have one name: there are as many as members.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use likewise_replica::membership::MemberState;
use likewise_replica::peers::PeerView;
use prometheus_client::registry::Unit;

use crate::cluster::{Cluster, MemberView};
use crate::metrics::lines::Lines;

pub(super) fn encode(lines: &mut Lines<'_>, cluster: &Cluster) -> fmt::Result {
    let members = cluster.members();
    of_members(lines, &members)?;
    of_peers(lines, &members)?;
    of_gossip(lines, cluster)?;
    of_links(lines, cluster)?;
    of_repair(lines, cluster)
}

fn of_members(lines: &mut Lines<'_>, members: &[MemberView]) -> fmt::Result {
    let states = MemberState::ALL.map(|state| {
        let of_state = members.iter().filter(|member| member.state == state);
        (state.name().to_owned(), of_state.count() as u64)
    });
    let help = "Members by state, this node included";
    lines.gauges("cluster_members", help, None, "state", &states)
}

fn of_peers(lines: &mut Lines<'_>, members: &[MemberView]) -> fmt::Result {
    let linked = linked(members);
    let outboxes: Vec<_> =
        linked.iter().map(|(peer, link)| (peer.clone(), link.unacknowledged as u64)).collect();
    let help = "Entries that a peer has not acknowledged";
    lines.gauges("cluster_outbox_entries", help, None, "peer", &outboxes)?;
    let lags: Vec<_> =
        linked.iter().map(|(peer, link)| (peer.clone(), link.lag.as_secs_f64())).collect();
    let help = "How long the oldest of them has been waiting";
    lines.gauges("cluster_lag", help, Some(Unit::Seconds), "peer", &lags)?;
    let equal: Vec<_> = linked
        .iter()
        .filter_map(|(peer, link)| Some((peer.clone(), u64::from(link.equal?))))
        .collect();
    let help = "1 where a peer holds what this node holds, as far as it has said";
    lines.gauges("cluster_equal", help, None, "peer", &equal)?;
    // A hint that only packets are lost, as by a firewall that lets TCP pass.
    let deaf = members.iter().filter(|member| {
        !member.state.is_active() && member.link.as_ref().is_some_and(|link| link.mails)
    });
    let help = "Members that gossip takes for dead while their links work";
    lines.gauge("cluster_linked_but_down", help, deaf.count() as u64)
}

/// The members that there is a link with, each under a label of its own: one series twice would make a
/// scraper refuse the whole page.
fn linked(members: &[MemberView]) -> Vec<(String, &PeerView)> {
    let linked = members.iter().filter_map(|member| Some((member, member.link.as_ref()?)));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    linked.clone().for_each(|(member, _)| *counts.entry(label(member)).or_default() += 1);
    let distinct = |member: &MemberView| match label(member) {
        label if counts[&label] > 1 => format!("{label} {}", member.node),
        label => label,
    };
    linked.map(|(member, link)| (distinct(member), link)).collect()
}

fn label(member: &MemberView) -> String {
    member.name.clone().unwrap_or_else(|| member.node.to_string())
}

fn of_gossip(lines: &mut Lines<'_>, cluster: &Cluster) -> fmt::Result {
    let figures = cluster.figures();
    let help = "Gossip packets";
    let packets = both(&figures.packets_sent, &figures.packets_received);
    lines.counters("gossip_packets", help, None, "direction", &packets)?;
    let help = "Bytes of gossip packets, without the headers of UDP and IP";
    let bytes = both(&figures.packet_bytes_sent, &figures.packet_bytes_received);
    lines.counters("gossip", help, Some(Unit::Bytes), "direction", &bytes)?;
    let help = "Gossip packets that the system did not take";
    lines.counter("gossip_dropped", help, read(&figures.packets_dropped))?;
    let refused: Vec<_> = figures.packets_refused.all().into_iter().collect();
    lines.counters("gossip_refused", "Gossip packets refused", None, "reason", &refused)
}

fn of_links(lines: &mut Lines<'_>, cluster: &Cluster) -> fmt::Result {
    let figures = cluster.figures();
    let view = cluster.node().cluster();
    let outgoing = view.peers.iter().filter(|peer| peer.mailed).count() as u64;
    let incoming = view.peers.iter().filter(|peer| peer.mails).count() as u64;
    let links = [("outgoing".to_owned(), outgoing), ("incoming".to_owned(), incoming)];
    lines.gauges("links", "Open links, by who opened them", None, "direction", &links)?;
    let help = "Bytes of links, sealed, without the headers of TCP and IP";
    let bytes = both(&figures.links.sent, &figures.links.received);
    lines.counters("link", help, Some(Unit::Bytes), "direction", &bytes)?;
    let help = "Links that this node tried to open";
    lines.counter("link_attempts", help, read(&figures.link_attempts))?;
    let help = "Links that it could not open";
    lines.counter("link_failures", help, read(&figures.link_failures))?;
    let refused: Vec<_> = figures.links_refused.all().into_iter().collect();
    lines.counters("link_refused", "Links that came to nothing", None, "reason", &refused)?;
    let broken: Vec<_> = figures.links_broken.all().into_iter().collect();
    lines.counters("link_broken", "Links that worked and broke", None, "reason", &broken)?;
    let help = "Links closed because the peer did not read";
    lines.counter("link_overflows", help, view.links_overflowed)
}

fn of_repair(lines: &mut Lines<'_>, cluster: &Cluster) -> fmt::Result {
    let repair = cluster.node().cluster().repair;
    let rounds = [
        ("same", repair.same),
        ("mended", repair.mended),
        ("busy", repair.busy),
        ("failed", repair.failed),
    ];
    lines.counters("repair_rounds", "Repairs begun here", None, "result", &rounds)?;
    let help = "Bytes sent to find out what differs, without the entries";
    lines.bytes("repair", help, repair.bytes_sent)?;
    let help = "Entries that repair put into outboxes";
    lines.counter("repair_entries", help, repair.entries_sent)?;
    let help = "Slots sent as a whole";
    lines.counter("repair_whole_slots", help, repair.whole_slots)?;
    let help = "Outboxes emptied because they were full, and left to repair";
    lines.counter("outbox_overflows", help, repair.overflows)
}

fn both(sent: &AtomicU64, received: &AtomicU64) -> [(&'static str, u64); 2] {
    [("sent", read(sent)), ("received", read(received))]
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use likewise_replica::member::{NodeId, Peer};

    use super::*;

    fn member(node: u64, name: &str, is_linked: bool) -> MemberView {
        let (node, name) = (NodeId(node), name.to_owned());
        let http = String::new();
        let peer = Peer { node, name: name.clone(), http, incarnation: 1, takes_contexts: false };
        let link = PeerView { mailed: true, mails: true, ..PeerView::new(peer) };
        MemberView {
            node,
            is_self: false,
            name: Some(name),
            address: None,
            http: None,
            state: MemberState::Alive,
            since: SystemTime::UNIX_EPOCH,
            incarnation: 1,
            link: is_linked.then_some(link),
        }
    }

    #[test]
    fn two_members_of_one_name_have_a_series_each() {
        let members = [
            member(1, "a", true),
            member(2, "b", true),
            member(3, "a", true),
            member(4, "b", false),
        ];
        let labels: Vec<String> = linked(&members).into_iter().map(|(label, _)| label).collect();
        let with_id = |node| format!("a {}", NodeId(node));
        assert_eq!(labels, [with_id(1), "b".to_owned(), with_id(3)]);
    }
}
