//! Whom a node has links with, and when it stops waiting for somebody to catch up with.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Identity, MemberState, Membership};
use crate::limits::JOIN_PATIENCE;
use crate::member::NodeId;

/// The members to have a link to.
pub type Targets = BTreeMap<NodeId, Target>;

/// A member to have a link to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Who and where.
    pub identity: Identity,
    /// Whether to open a link where there is none. A member that is down keeps the one that it has: if
    /// only its packets are lost, the link still carries likes.
    pub dial: bool,
}

impl Membership {
    /// Whom to have links with. O(members).
    #[must_use]
    pub fn targets(&self) -> Targets {
        let targets = self.members().filter(|member| member.state != MemberState::Left);
        let mine = self.me().address;
        let targets = targets.map(|member| {
            // Who had this node's address before it is not to be found there any more.
            let dial = member.state.is_active() && member.identity.address != mine;
            let target = Target { identity: member.identity, dial };
            (member.identity.node, target)
        });
        targets.collect()
    }
}

/// The patience of a node that was told to join others. One that for long enough finds nobody, or only
/// others that are as new as itself, has nobody to catch up with.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    since: Duration,
}

impl Patience {
    /// It begins `now`.
    #[must_use]
    pub const fn new(now: Duration) -> Self {
        Self { since: now }
    }

    /// Whether it has ended, where `is_settled` knows what peers have said of themselves: see
    /// [`PeerView::settled`](crate::peers::PeerView::settled).
    pub fn has_ended(
        &mut self,
        membership: &Membership,
        is_settled: impl Fn(NodeId) -> Option<bool>,
        now: Duration,
    ) -> bool {
        let mut active = membership.members().filter(|member| member.state.is_active());
        // Who has not said anything yet may have more.
        if active.any(|member| is_settled(member.identity.node) != Some(false)) {
            self.since = now;
        }
        now.saturating_sub(self.since) >= JOIN_PATIENCE
    }
}
