//! The task that owns the membership: packets, timers and commands in, packets and news out.
//!
//! It never waits for anything but the next of these, because whoever probes this node counts the
//! milliseconds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use likewise_replica::member::{NodeId, Peer};
use likewise_replica::membership::{
    Event, ForgetError, Happened, Identity, Member, Membership, Output, Patience,
};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use crate::cluster::complaints::Complaints;
use crate::cluster::packet::{self, NONCE_BYTES, PACKET_BYTES_MAX};
use crate::cluster::secret::Secret;
use crate::cluster::seeds::{Seeds, plain};
use crate::cluster::{MemberEvent, Shared};

/// How long reading rests after an error of the system.
const READ_REST: Duration = Duration::from_millis(10);

/// Something for the task to do.
pub(crate) enum Command {
    /// The addresses of the seeds have been looked up.
    Seeds(Vec<SocketAddr>),
    /// A peer has told something over a link.
    Told(Vec<u8>),
    /// There is a new link; `notices` carries what is to be told over it.
    Introduced { peer: Peer, notices: mpsc::Sender<Vec<u8>> },
    /// Forget a member.
    Forget { node: NodeId, done: oneshot::Sender<Result<(), ForgetError>> },
    /// Leave, and say when it is done.
    Leave { done: oneshot::Sender<()> },
}

/// What the task holds.
pub(crate) struct Gossip {
    membership: Membership,
    /// The membership counts its time from here.
    started: Instant,
    socket: UdpSocket,
    secret: Arc<Secret>,
    shared: Arc<Shared>,
    seeds: Arc<Seeds>,
    /// Whether a look for seeds is under way: there is one at a time.
    looking: Arc<std::sync::atomic::AtomicBool>,
    /// How long the node still waits for somebody to catch up with, until it has been told that it is alone.
    patience: Option<Patience>,
    notices: Vec<mpsc::Sender<Vec<u8>>>,
    /// The addresses that the next life is to find, and how many lists there have been.
    remembered: (u64, Vec<SocketAddr>),
    /// About packets that may come from anybody.
    complaints: Complaints,
    /// About nodes that use the identity of this one: strangers must not crowd these out.
    twins: Complaints,
    leaving: Option<oneshot::Sender<()>>,
}

impl Gossip {
    pub(crate) fn new(
        me: Identity,
        seed: u64,
        socket: UdpSocket,
        secret: Arc<Secret>,
        shared: Arc<Shared>,
        seeds: Seeds,
    ) -> Self {
        let patience = (!seeds.is_empty()).then(|| Patience::new(Duration::ZERO));
        Self {
            membership: Membership::new(me, seed, Duration::ZERO),
            started: Instant::now(),
            socket,
            secret,
            shared,
            seeds: Arc::new(seeds),
            looking: Arc::default(),
            patience,
            notices: Vec::new(),
            remembered: (0, Vec::new()),
            complaints: Complaints::default(),
            twins: Complaints::default(),
            leaving: None,
        }
    }

    /// Runs until the node has left, or nobody can command it any more.
    pub(crate) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Command>,
        commands: mpsc::Sender<Command>,
    ) {
        // One byte more than a packet may have, so that a longer one is noticed.
        let mut buffer = [0; PACKET_BYTES_MAX + 1];
        self.settle(&commands);
        while !self.membership.has_left() {
            let due = self.started + self.membership.next_deadline();
            let may_matter = tokio::select! {
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.received(&buffer[..length], plain(from)),
                    Err(error) => {
                        tracing::debug!(%error, "gossip could not be read");
                        tokio::time::sleep(READ_REST).await;
                        false
                    }
                },
                command = queue.recv() => match command {
                    Some(command) => {
                        self.command(command);
                        true
                    }
                    None => break,
                },
                () = sleep_until(due.into()) => true,
            };
            // What strangers send must cost no more than to find out that they are strangers. The timers
            // are looked at all the same, or a flood would keep them from ever being due.
            if may_matter || Instant::now() >= due {
                self.membership.tick(self.started.elapsed());
                self.mind_being_alone();
                self.settle(&commands);
            }
        }
        if let Some(done) = self.leaving.take() {
            let _ = done.send(());
        }
    }

    /// Takes a packet. Answers whether it came from somebody who knows the secret, so that it may have
    /// changed something.
    fn received(&mut self, bytes: &[u8], from: SocketAddr) -> bool {
        let figures = &self.shared.figures;
        figures.packets_received.fetch_add(1, Ordering::Relaxed);
        figures.packet_bytes_received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let opened = packet::open(&self.secret, bytes, unix_now());
        let is_of_ours = opened.is_ok();
        let (reason, why) = match opened {
            Ok(body) => match self.membership.received(&body, self.started.elapsed()) {
                Ok(()) => return true,
                Err(error) => ("senseless", error.to_string()),
            },
            Err(refused) => (refused.reason(), refused.to_string()),
        };
        figures.packets_refused.count(reason);
        if self.complaints.is_due(from.ip(), reason, Instant::now()) {
            tracing::warn!(%from, reason, "gossip refused: {why}");
        }
        is_of_ours
    }

    fn command(&mut self, command: Command) {
        let now = self.started.elapsed();
        match command {
            Command::Seeds(addresses) => self.membership.announce(addresses, now),
            Command::Told(notice) => {
                if let Err(error) = self.membership.told(&notice, now) {
                    tracing::warn!(%error, "a peer's view of the members makes no sense");
                }
            }
            Command::Introduced { peer, notices } => {
                self.membership.introduced(&peer, now);
                // A new link's queue is empty.
                let _ = notices.try_send(self.membership.view());
                // Only open links are kept, of which there are few.
                self.notices.retain(|link| !link.is_closed());
                self.notices.push(notices);
            }
            Command::Forget { node, done } => {
                // Whoever asked may have gone away.
                let _ = done.send(self.membership.forget(node, now));
            }
            Command::Leave { done } => {
                self.leaving = Some(done);
                self.membership.leave(now);
            }
        }
    }

    fn mind_being_alone(&mut self) {
        let Some(patience) = &mut self.patience else { return };
        let peers = self.shared.node.cluster().peers;
        let is_settled = |node| peers.iter().find(|peer| peer.peer.node == node)?.settled;
        if patience.has_ended(&self.membership, is_settled, self.started.elapsed()) {
            tracing::info!(
                "nobody answers who has been here before: this node goes ahead, and goes on looking"
            );
            self.shared.node.alone();
            self.patience = None;
        }
    }

    /// Carries out what the membership wants done.
    fn settle(&mut self, commands: &mpsc::Sender<Command>) {
        let mut is_news = false;
        while let Some(output) = self.membership.poll_output() {
            match output {
                Output::Packet { to, packet } => self.send(&packet, to),
                Output::Seek => self.seek(commands),
                Output::Tell { notice } => {
                    // A link that is too busy for it hears of it another time.
                    self.notices.iter().for_each(|link| drop(link.try_send(notice.clone())));
                }
                Output::Event(event) => {
                    is_news = true;
                    self.tell(event);
                }
                Output::Twin { address } => self.twin(address),
                Output::SameName { name, nodes: [one, other] } => tracing::error!(
                    name,
                    "two living nodes ({one} and {other}) have one name: give each its own"
                ),
            }
        }
        // Names come with links and are no events.
        self.publish(is_news);
    }

    fn publish(&mut self, is_news: bool) {
        let mut known = self.shared.members.lock().unwrap_or_else(|error| error.into_inner());
        // Compared before anything is copied: most packets change nothing.
        if known.iter().eq(self.membership.members()) {
            return;
        }
        let members: Vec<_> = self.membership.members().cloned().collect();
        known.clone_from(&members);
        drop(known);
        let targets = self.membership.targets();
        self.shared.targets.send_if_modified(|current| {
            let is_other = *current != targets;
            *current = targets;
            is_other
        });
        if is_news {
            self.remember(members.iter().filter(|member| member.state.is_active()));
        }
    }

    fn remember<'a>(&mut self, active: impl Iterator<Item = &'a Member>) {
        let addresses: Vec<SocketAddr> = active.map(|member| member.identity.address).collect();
        // Whoever is alone remembers those that it was with.
        let (number, last) = &mut self.remembered;
        if addresses.is_empty() || addresses == *last {
            return;
        }
        *number += 1;
        last.clone_from(&addresses);
        let (seeds, number) = (self.seeds.clone(), *number);
        tokio::task::spawn_blocking(move || seeds.remember(number, &addresses));
    }

    fn send(&self, body: &[u8], to: SocketAddr) {
        let figures = &self.shared.figures;
        let mut nonce = [0; NONCE_BYTES];
        if getrandom::fill(&mut nonce).is_err() {
            figures.packets_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let packet = packet::seal(&self.secret, body, unix_now(), nonce);
        match self.socket.try_send_to(&packet, to) {
            Ok(_) => {
                figures.packets_sent.fetch_add(1, Ordering::Relaxed);
                figures.packet_bytes_sent.fetch_add(packet.len() as u64, Ordering::Relaxed);
            }
            // Gossip gets lost anyway, and is made for it.
            Err(_) => drop(figures.packets_dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Looks up the seeds beside this task: a name server may take its time.
    fn seek(&self, commands: &mpsc::Sender<Command>) {
        if self.seeds.is_empty() || self.looking.swap(true, Ordering::Relaxed) {
            return;
        }
        let (seeds, commands) = (self.seeds.clone(), commands.clone());
        let looking = self.looking.clone();
        tokio::spawn(async move {
            let found = seeds.look_up().await;
            looking.store(false, Ordering::Relaxed);
            let _ = commands.send(Command::Seeds(found)).await;
        });
    }

    fn tell(&self, event: Event) {
        let Event { what, member } = event;
        let Identity { node, incarnation, address } = member.identity;
        let id = node.to_string();
        // A member says its name on the first link.
        let name = member.name.as_deref().unwrap_or(&id);
        match what {
            Happened::Renewed => {
                self.shared.incarnation.store(incarnation, Ordering::Relaxed);
                tracing::warn!(
                    incarnation,
                    "the others took this node for dead: it was paused, overloaded or cut off; it \
                     joins again as a new incarnation"
                );
            }
            Happened::Suspected | Happened::Down => {
                tracing::warn!(member = name, id, %address, incarnation, "member {what}");
            }
            _ => tracing::info!(member = name, id, %address, incarnation, "member {what}"),
        }
        // There may be nobody who listens.
        let _ = self.shared.events.send(MemberEvent { what, member, at: SystemTime::now() });
    }

    fn twin(&mut self, address: Option<SocketAddr>) {
        let about = address.unwrap_or_else(|| self.membership.me().address).ip();
        if !self.twins.is_due(about, "twin", Instant::now()) {
            return;
        }
        match address {
            Some(address) => tracing::error!(
                "{address} uses the identity of this node: it runs on a copy of its data folder. \
                 Stop it, and start it with an empty one"
            ),
            None => tracing::error!(
                "this node is taken for dead again and again: either another one runs on a copy of \
                 its data folder, or this one can't keep up"
            ),
        }
    }
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
