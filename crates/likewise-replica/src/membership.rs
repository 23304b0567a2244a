//! Who is in the cluster: SWIM with suspicion, by `foca`, as a state machine of the same kind as the replica.
//!
//! Each member probes another one twice a second. One that does not answer is probed through others, then
//! suspected; if it does not say in time that it lives, it is down:
//!
//! ```text
//! A ── ping ──────────────────> B      no answer
//! A ── ping B for me ─> C ─> B         no answer either
//! A ── "B is suspect" ──> all          B hears of it: "I live", with a greater number
//! A ── "B is down" ─────> all          B did not: it comes back in a new incarnation
//! ```
//!
//! What foca leaves to its user is here: members are told apart by the id of their data and never by their
//! address; a node that was taken for dead renews itself; whoever is alone, or has lost somebody, announces
//! itself again and again, so that the halves of a healed partition find each other; a clean leave is told
//! apart from a death; and whole views travel over links, because gossip alone can leave holes.
//!
//! The rule of use is that of the [replica](crate::replica): hand in what happened, carry out
//! [`poll_output`](Membership::poll_output) until it gives `None`, come back at
//! [`next_deadline`](Membership::next_deadline).
//!
//! Source: A. Das, I. Gupta and A. Motivala, "SWIM: scalable weakly-consistent infection-style process group
//! membership protocol", DSN 2002.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use foca::{AccumulatingRuntime, Foca, NoCustomBroadcast, OwnedNotification, State, Timer};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::limits::{
    LOST_ANNOUNCED_MAX, LOST_MAX, NAMESAKE_TIME, NOTICE_INTERVAL, RENEWAL_REST, RENEWAL_STEP_MAX,
    RENEWAL_WINDOW, RENEWALS_MAX, SEEDS_INTERVAL, SEEK_ALONE, SEEK_INTERVAL,
};
use crate::member::{NodeId, Peer};

mod output;

mod identity;

mod roster;

mod notice;

mod timing;

mod target;

mod leaving;

pub use identity::{GossipError, Identity, SameNode};
pub use output::{Event, ForgetError, Happened, Output};
pub use roster::{Member, MemberState};
pub use target::{Patience, Target, Targets};

use identity::Bytes;
use leaving::Leaving;
use notice::Notice;
use roster::{Roster, compare_one};
use timing::config;

/// One node's view of the cluster.
pub struct Membership {
    foca: Foca<Identity, Bytes, SmallRng, NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Identity>,
    timers: BTreeMap<(Duration, u64), Timer<Identity>>,
    timers_set: u64,
    roster: Roster,
    outputs: VecDeque<Output>,
    random: SmallRng,
    now: Duration,
    /// Whether foca has somebody to talk to. Without, it does nothing by itself.
    connected: bool,
    next_seek: Duration,
    next_seeds: Duration,
    next_notice: Duration,
    /// Where the next announcements to lost members begin.
    next_lost: usize,
    renewals: VecDeque<Duration>,
    /// Pairs of members that seem to live and have one name, and since when.
    namesakes: VecDeque<(Duration, [NodeId; 2])>,
    leaving: Option<Leaving>,
}

impl Membership {
    /// The view of node `me`, which knows nobody. `seed` decides whom it probes and when: another one in
    /// each life.
    #[must_use]
    pub fn new(me: Identity, seed: u64, now: Duration) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let of_foca = SmallRng::seed_from_u64(random.random());
        Self {
            foca: Foca::new(me, config(1), of_foca, Bytes),
            runtime: AccumulatingRuntime::new(),
            timers: BTreeMap::new(),
            timers_set: 0,
            roster: Roster::default(),
            outputs: VecDeque::new(),
            random,
            now,
            connected: false,
            next_seek: now,
            next_seeds: now,
            next_notice: now + NOTICE_INTERVAL,
            next_lost: 0,
            renewals: VecDeque::new(),
            namesakes: VecDeque::new(),
            leaving: None,
        }
    }

    /// This node.
    #[must_use]
    pub const fn me(&self) -> &Identity {
        self.foca.identity()
    }

    /// The others that this node has ever seen, the lost ones included until they are forgotten.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.roster.seen()
    }

    /// How many timers are set, for whoever checks that they are bounded.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Whether nobody else takes part.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        !self.connected
    }

    /// A packet has come in, from wherever.
    ///
    /// # Errors
    /// Where it makes no sense. Nothing has changed then.
    pub fn received(&mut self, packet: &[u8], now: Duration) -> Result<(), GossipError> {
        self.now = now;
        // foca sees only at the end that something follows the members, and has believed them by then.
        identity::check_packet(packet)?;
        // Whoever has been told that this node goes takes it for gone, answers each of its packets with that,
        // and does the same when it goes itself: two that go at once would answer each other for ever.
        if self.leaving.is_some() {
            return Ok(());
        }
        let result = self.foca.handle_data(packet, &mut self.runtime);
        self.settle();
        // What other errors there are is a packet for another life of this node, or a detour that led back
        // here.
        if let Err(foca::Error::DataFromOurselves) = result {
            self.heard_myself(packet);
        }
        Ok(())
    }

    /// A packet from this node's own id: it found its own address among the seeds, or it has a twin.
    fn heard_myself(&mut self, mut packet: &[u8]) {
        let Ok(header) = foca::Codec::decode_header(&mut Bytes, &mut packet) else { return };
        if header.src.address != self.me().address {
            self.outputs.push_back(Output::Twin { address: Some(header.src.address) });
        }
    }

    /// Asks whoever is at these addresses to be let in. Those of this node and of active members are left
    /// out.
    pub fn announce(&mut self, addresses: impl IntoIterator<Item = SocketAddr>, now: Duration) {
        self.now = now;
        for address in addresses {
            let mut active = self.roster.seen().filter(|member| member.state.is_active());
            let is_known = active.any(|member| member.identity.address == address);
            if address == self.me().address || is_known && self.connected {
                continue;
            }
            // It fails only where a header does not fit a packet, and that is a constant.
            let _ = self.foca.announce(Identity::whoever(address), &mut self.runtime);
        }
        self.settle();
    }

    /// Does whatever is due.
    pub fn tick(&mut self, now: Duration) {
        self.now = now;
        while let Some(timer) = self.timers.first_entry().filter(|timer| timer.key().0 <= now) {
            let timer = timer.remove();
            if self.is_refuted(&timer) {
                continue;
            }
            // It fails where the clock has jumped over a whole probe, and mends itself.
            let _ = self.foca.handle_timer(timer, &mut self.runtime);
            self.settle();
        }
        self.step_out();
        if self.leaving.is_some() {
            return;
        }
        if now >= self.next_seek {
            self.seek();
        }
        if now >= self.next_notice {
            self.next_notice = now + self.about(NOTICE_INTERVAL);
            self.outputs.push_back(Output::Tell { notice: self.view() });
        }
        self.judge_namesakes();
        for node in self.roster.expired(now) {
            self.hide(node);
            self.drop_member(node);
        }
    }

    /// Whether a suspect has said in time that it lives. Foca (2.0) would leave it alive, and yet tell it
    /// that it is dead, so that it came back as another incarnation and all its links were opened anew.
    fn is_refuted(&self, timer: &Timer<Identity>) -> bool {
        let Timer::ChangeSuspectToDown { member_id, incarnation, .. } = timer else { return false };
        let mut members = self.foca.iter_membership_state();
        !members.any(|member| {
            let is_it = member.id() == member_id && member.incarnation() == *incarnation;
            is_it && member.state() == State::Suspect
        })
    }

    /// Looks for those that this node should know but does not.
    fn seek(&mut self) {
        let lost: Vec<SocketAddr> =
            self.roster.lost().map(|member| member.identity.address).collect();
        let from = self.next_lost;
        self.next_lost += LOST_ANNOUNCED_MAX;
        let some = lost.iter().cycle().skip(from % lost.len().max(1)).take(LOST_ANNOUNCED_MAX);
        let some: Vec<SocketAddr> = some.take(lost.len()).copied().collect();
        self.announce(some, self.now);
        if self.is_alone() || self.now >= self.next_seeds {
            self.next_seeds = self.now + self.about(SEEDS_INTERVAL);
            self.outputs.push_back(Output::Seek);
        }
        let interval = if self.is_alone() { SEEK_ALONE } else { SEEK_INTERVAL };
        self.next_seek = self.now + self.about(interval);
    }

    /// A time between three and five quarters of `interval`: nodes that started together drift apart.
    fn about(&mut self, interval: Duration) -> Duration {
        interval.mul_f64(self.random.random_range(0.75..1.25))
    }

    /// All that this node knows, for a peer that there is a new link with: hand it to its [`Self::told`].
    #[must_use]
    pub fn view(&self) -> Vec<u8> {
        let me = foca::Member::alive(*self.me());
        let others = self.foca.iter_membership_state().filter_map(|member| {
            let known = self.roster.find(member.id().node)?;
            Some((member.clone(), known.state == MemberState::Left))
        });
        Notice::Members([(me, false)].into_iter().chain(others).collect()).encode()
    }

    /// A peer has told something over a link.
    ///
    /// # Errors
    /// Where it makes no sense. Nothing has changed then.
    pub fn told(&mut self, notice: &[u8], now: Duration) -> Result<(), GossipError> {
        self.now = now;
        match Notice::decode(notice)? {
            Notice::Members(members) => {
                for (member, left) in &members {
                    let known = self.roster.find_mut(member.id().node);
                    if let Some(known) = known.filter(|_| *left) {
                        known.leaving = Some(member.id().incarnation);
                    }
                }
                // That somebody is gone whom this node never met is no news.
                let members = members.into_iter().map(|(member, _)| member).filter(|member| {
                    member.state() != State::Down || self.roster.find(member.id().node).is_some()
                });
                let members: Vec<_> = members.collect();
                let _ = self.foca.apply_many(members.into_iter(), true, &mut self.runtime);
            }
            Notice::Leaving(identity) if identity.node != self.me().node => {
                if let Some(known) = self.roster.find_mut(identity.node) {
                    known.leaving = Some(identity.incarnation);
                }
                let gone = foca::Member::down(identity);
                let _ = self.foca.apply_many([gone].into_iter(), true, &mut self.runtime);
            }
            Notice::Leaving(_) => {}
            Notice::Forget { node, incarnation } => {
                let known = self.roster.find(node);
                let is_gone = known.is_some_and(|known| {
                    !known.state.is_active() && known.identity.incarnation <= incarnation
                });
                if is_gone {
                    self.hide(node);
                }
            }
        }
        self.settle();
        Ok(())
    }

    /// A peer has said its name on a link. A lost member of the same name has been replaced by it and is
    /// forgotten; one that seems to live may be lost too, and is given the time to be found out.
    pub fn introduced(&mut self, peer: &Peer, now: Duration) {
        self.now = now;
        let known = self.roster.find(peer.node);
        let is_news = known.is_some_and(|known| known.name.as_ref() != Some(&peer.name));
        let others = self.roster.introduce(peer);
        if let Some(member) = self.roster.find(peer.node).filter(|_| is_news).cloned() {
            self.outputs.push_back(Output::Event(Event { what: Happened::Introduced, member }));
        }
        for other in others {
            let pair = [peer.node, other.identity.node];
            if self.namesakes.len() < LOST_MAX {
                self.namesakes.push_back((now, pair));
            }
        }
        self.judge_namesakes();
    }

    fn judge_namesakes(&mut self) {
        for (since, [one, other]) in std::mem::take(&mut self.namesakes) {
            let active = |node| self.roster.find(node).is_some_and(|it| it.state.is_active());
            match (active(one), active(other)) {
                (true, true) if self.now < since + NAMESAKE_TIME => {
                    self.namesakes.push_back((since, [one, other]));
                }
                (true, true) => {
                    let name = self.roster.find(one).and_then(|member| member.name.clone());
                    let name = name.unwrap_or_default();
                    self.outputs.push_back(Output::SameName { name, nodes: [one, other] });
                }
                (true, false) => self.hide(other),
                (false, true) => self.hide(one),
                (false, false) => {}
            }
        }
    }

    /// Forgets a member that will not come back, here and at all peers. If it does come back, it joins
    /// like a new one.
    ///
    /// # Errors
    /// Where there is nobody to forget.
    pub fn forget(&mut self, node: NodeId, now: Duration) -> Result<(), ForgetError> {
        self.now = now;
        let member = self.roster.find(node).filter(|member| member.was_seen);
        let member = member.ok_or(ForgetError::Unknown)?;
        if member.state.is_active() {
            return Err(ForgetError::Active);
        }
        let incarnation = member.identity.incarnation;
        self.hide(node);
        let notice = Notice::Forget { node, incarnation }.encode();
        self.outputs.push_back(Output::Tell { notice });
        Ok(())
    }

    /// Shows a member no more. It stays known as gone: a view that has not heard of its death yet must not
    /// bring it back.
    fn hide(&mut self, node: NodeId) {
        let known = self.roster.find_mut(node).filter(|known| known.was_seen);
        if let Some(known) = known {
            known.was_seen = false;
            let member = known.clone();
            self.outputs.push_back(Output::Event(Event { what: Happened::Forgotten, member }));
        }
    }

    fn drop_member(&mut self, node: NodeId) {
        if let Some(member) = self.roster.remove(node) {
            // Where it is not down it stays, and is compared anew.
            let removal = Timer::RemoveDown(member.identity);
            let _ = self.foca.handle_timer(removal, &mut self.runtime);
        }
    }

    /// Takes over what foca wants done, and compares what it knows with the roster.
    fn settle(&mut self) {
        let mut defunct = false;
        while let Some(notification) = self.runtime.to_notify() {
            match notification {
                OwnedNotification::Active => self.connected = true,
                OwnedNotification::Idle => {
                    self.connected = false;
                    self.next_seek = self.now;
                }
                OwnedNotification::Defunct => defunct = true,
                // The comparison below tells these, and what no notification tells.
                _ => {}
            }
        }
        if defunct && self.leaving.is_none() {
            self.renew();
        }
        while let Some((to, packet)) = self.runtime.to_send() {
            let packet = packet.to_vec();
            self.outputs.push_back(Output::Packet { to: to.address, packet });
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            self.timers_set += 1;
            self.timers.insert((self.now + after, self.timers_set), timer);
        }
        self.compare();
    }

    /// This node was taken for dead and may not come back as what it was. How far the others are ahead is
    /// not known (an old copy of the data may have been restored), so each attempt goes twice as far.
    fn renew(&mut self) {
        while self.renewals.front().is_some_and(|&at| at + RENEWAL_WINDOW < self.now) {
            self.renewals.pop_front();
        }
        let step = 1u64 << (self.renewals.len() as u32).min(RENEWAL_STEP_MAX);
        self.renewals.push_back(self.now);
        let pairs = self.renewals.iter().zip(self.renewals.iter().skip(1));
        let again = pairs.filter(|(before, after)| **after > **before + RENEWAL_REST).count();
        if again >= RENEWALS_MAX {
            self.outputs.push_back(Output::Twin { address: None });
        }
        let me = *self.me();
        let renewed = Identity { incarnation: me.incarnation.saturating_add(step), ..me };
        self.connected = false;
        // It fails only for the same identity, and where an own packet does not fit.
        let _ = self.foca.change_identity(renewed, &mut self.runtime);
        // Whoever has renewed itself too can't be probed as what it was, but takes an announcement.
        let active = self.roster.seen().filter(|member| member.state.is_active());
        for member in active.take(LOST_ANNOUNCED_MAX) {
            let whoever = Identity::whoever(member.identity.address);
            let _ = self.foca.announce(whoever, &mut self.runtime);
        }
        // By itself it probes again only once it has heard from somebody. If all that it knows have died
        // just now, nobody speaks, and they would live here for ever.
        let _ = self.foca.apply_many(std::iter::empty(), false, &mut self.runtime);
        self.next_seek = self.now;
        let member = self.myself();
        self.outputs.push_back(Output::Event(Event { what: Happened::Renewed, member }));
    }

    /// This node as a member.
    fn myself(&self) -> Member {
        let (name, http, leaving) = (None, None, None);
        let (identity, state) = (*self.me(), MemberState::Alive);
        Member { identity, state, since: self.now, name, http, leaving, was_seen: true }
    }

    fn compare(&mut self) {
        let before = self.roster.seen().filter(|member| member.state.is_active()).count();
        let mut events = Vec::new();
        for member in self.foca.iter_membership_state() {
            let what = compare_one(&mut self.roster, member, self.now);
            events.extend(what.map(|what| (what, member.id().node)));
        }
        for (what, node) in events {
            let Some(member) = self.roster.find(node).cloned() else { continue };
            self.outputs.push_back(Output::Event(Event { what, member }));
        }
        let active = self.roster.seen().filter(|member| member.state.is_active()).count();
        if active != before {
            // What it refuses is only to change how often it probes.
            let _ = self.foca.set_config(config(active + 1));
        }
    }

    /// The next thing to do, if there is any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::tick`] has something to do, if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Duration {
        let timer = self.timers.first_key_value().map(|(&(due, _), _)| due);
        let own = match &self.leaving {
            Some(leaving) => leaving.next,
            None => self.next_seek.min(self.next_notice),
        };
        timer.map_or(own, |timer| timer.min(own))
    }
}
