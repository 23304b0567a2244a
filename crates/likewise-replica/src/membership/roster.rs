//! What is known of each member, and for how long the lost ones are remembered.

use std::collections::BTreeMap;
use std::time::Duration;

use foca::State;

use super::identity::Identity;
use super::output::Happened;
use crate::limits::{LOST_AFTER, LOST_MAX};
use crate::member::{NodeId, Peer};

/// How a member is, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberState {
    /// It answers.
    Alive,
    /// It did not answer, and has a little time to say that it lives. It still gets mail.
    Suspect,
    /// It is taken for dead.
    Down,
    /// It said that it would go.
    Left,
}

impl MemberState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Alive, Self::Suspect, Self::Down, Self::Left];

    /// Whether it takes part in the cluster.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }

    /// The state in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Left => "left",
        }
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who and where.
    pub identity: Identity,
    /// How it is.
    pub state: MemberState,
    /// Since when.
    pub since: Duration,
    /// Its name, once there was a link.
    pub name: Option<String>,
    /// Where it serves HTTP, once there was a link.
    pub http: Option<String>,
    /// The life in which it said that it would go.
    pub(super) leaving: Option<u64>,
    /// Whether this node ever saw it active. Of others it only heard that they are gone.
    pub(super) was_seen: bool,
}

/// The members by id.
#[derive(Default)]
pub(super) struct Roster(BTreeMap<NodeId, Member>);

impl Roster {
    pub(super) fn find(&self, node: NodeId) -> Option<&Member> {
        self.0.get(&node)
    }

    pub(super) fn find_mut(&mut self, node: NodeId) -> Option<&mut Member> {
        self.0.get_mut(&node)
    }

    pub(super) fn remove(&mut self, node: NodeId) -> Option<Member> {
        self.0.remove(&node)
    }

    pub(super) fn insert(&mut self, identity: Identity, state: MemberState, now: Duration) {
        let (name, http, leaving) = (None, None, None);
        let was_seen = state.is_active();
        let member = Member { identity, state, since: now, name, http, leaving, was_seen };
        self.0.insert(identity.node, member);
    }

    /// Those that this node ever saw active.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Member> {
        self.0.values().filter(|member| member.was_seen)
    }

    /// Those that may come back where they were.
    pub(super) fn lost(&self) -> impl Iterator<Item = &Member> {
        self.seen().filter(|member| member.state == MemberState::Down)
    }

    /// Keeps the name that a member gave, and answers who else claims it.
    pub(super) fn introduce(&mut self, peer: &Peer) -> Vec<Member> {
        if let Some(member) = self.0.get_mut(&peer.node) {
            member.name = Some(peer.name.clone());
            member.http = Some(peer.http.clone());
        }
        let others = self.0.values().filter(|member| member.identity.node != peer.node);
        others.filter(|member| member.name.as_ref() == Some(&peer.name)).cloned().collect()
    }

    /// Those that have been gone for too long, or are too many: first those that this node never met, then
    /// the longest gone.
    pub(super) fn expired(&self, now: Duration) -> Vec<NodeId> {
        let gone = self.0.values().filter(|member| !member.state.is_active());
        let mut gone: Vec<_> =
            gone.map(|member| (member.was_seen, member.since, member.identity.node)).collect();
        gone.sort_unstable();
        let kept = gone.split_off(gone.len().saturating_sub(LOST_MAX));
        let expired =
            kept.into_iter().filter(|(_, since, _)| now.saturating_sub(*since) > LOST_AFTER);
        gone.into_iter().chain(expired).map(|(_, _, node)| node).collect()
    }
}

/// Brings the roster up to what foca knows of a member, and answers with what that means.
pub(super) fn compare_one(
    roster: &mut Roster,
    member: &foca::Member<Identity>,
    now: Duration,
) -> Option<Happened> {
    let identity = *member.id();
    let Some(known) = roster.find_mut(identity.node) else {
        let state = state_of(member.state(), false);
        roster.insert(identity, state, now);
        return state.is_active().then_some(Happened::Joined);
    };
    let has_left = known.leaving >= Some(identity.incarnation) && known.leaving.is_some();
    let (state, was) = (state_of(member.state(), has_left), known.state);
    let is_same = known.identity == identity;
    known.identity = identity;
    if state == was && is_same {
        return None;
    }
    let was_seen = known.was_seen;
    known.was_seen |= state.is_active();
    if state != was {
        known.since = now;
        known.state = state;
    }
    match (was, state) {
        (MemberState::Alive, MemberState::Suspect) => Some(Happened::Suspected),
        (was, now) if was.is_active() && now.is_active() => {
            Some(if is_same { Happened::Recovered } else { Happened::Restarted })
        }
        (_, MemberState::Alive | MemberState::Suspect) => Some(Happened::Joined),
        (was, MemberState::Down) => (was.is_active() && was_seen).then_some(Happened::Down),
        (_, MemberState::Left) => was_seen.then_some(Happened::Left),
    }
}

const fn state_of(state: State, has_left: bool) -> MemberState {
    match (state, has_left) {
        (State::Alive, _) => MemberState::Alive,
        (State::Suspect, _) => MemberState::Suspect,
        (State::Down, true) => MemberState::Left,
        (State::Down, false) => MemberState::Down,
    }
}
