//! The checks beside those of the model, and the calm at the end of a run: everything is mended, and then
//! all nodes must become equal and agree on who is there, within a bounded time.

use std::collections::BTreeSet;
use std::time::Duration;

use likewise_replica::limits::{BATCHES_MAX, RECENT_KEPT};
use likewise_replica::member::NodeId;
use likewise_replica::membership::{Event, Happened, MemberState};

use super::{Happening, World};
use crate::clients::PATIENCE;
use crate::polls::Polls;

/// How long it may take, once all is well and clients are done, until all nodes are equal and agree.
const CONVERGENCE_MAX: Duration = Duration::from_secs(60);

/// How long clients may take with what they have still to ask, and nodes with their leaving.
const QUIET_MAX: Duration = Duration::from_secs(120);

/// How long nothing may change after that.
const STABLE: Duration = Duration::from_secs(6);

/// Time between two looks whether it is so.
const LOOK: Duration = Duration::from_millis(50);

/// Requests that a client still makes when all is well.
const LAST_REQUESTS: usize = 5;

/// Timers of a membership that has no members.
const TIMERS_MAX: usize = 10;

/// Timers that one member more may make, most of them those of suspicions that it has refuted.
const TIMERS_OF_ONE_MAX: usize = 10;

/// Bytes of an entry beside the padding of its two names.
const ENTRY_BYTES_MAX: usize = 40;

impl World {
    /// Mends everything, and waits.
    pub(super) fn calm_down(&mut self) {
        self.mend();
        let (since, mut waited) = (self.now, Duration::ZERO);
        let mut why = "nobody has looked".to_owned();
        while waited < CONVERGENCE_MAX && self.failure.is_none() {
            self.run_until(self.now + LOOK);
            self.forget_wires();
            if !self.is_quiet() {
                if self.now > since + QUIET_MAX {
                    self.fail("clients get their answers", "some still wait");
                }
                continue;
            }
            match self.look_whether_converged() {
                Ok(()) => {
                    self.figures.converged_after = waited;
                    return self.stay_calm();
                }
                Err(not_yet) => why = not_yet,
            }
            waited += LOOK;
        }
        if self.failure.is_none() {
            self.fail("all become equal and agree", why);
        }
    }

    fn mend(&mut self) {
        self.say(0, "calm", 0, || "from now on all is well".to_owned());
        self.is_calm = true;
        self.end_polls();
        self.network.heal();
        let last = self.now + PATIENCE;
        self.queue.retain(|&(at, _), happening| {
            !matches!(happening, Happening::Request { .. }) || at <= last
        });
        for client in &mut self.clients {
            client.left = client.left.min(LAST_REQUESTS);
        }
        for machine in 0..self.machines.len() {
            let it = &mut self.machines[machine];
            it.pauses = 0;
            it.slow_turn = None;
            it.slow_sync = None;
            it.set_disk_faults(|faults| *faults = Default::default());
            let storage = it.node.as_ref().and_then(|node| node.storage.as_ref());
            // Whoever has failed for good needs somebody who starts it anew.
            if storage.is_some_and(|storage| storage.has_failed()) {
                self.kill(machine);
            }
            self.wake(machine);
            let it = &self.machines[machine];
            if it.node.is_none() && !it.is_gone {
                let life = it.life;
                self.after(LOOK, Happening::Start { machine, life });
            }
        }
    }

    /// Whether clients are done, and whoever wanted to go is gone.
    fn is_quiet(&self) -> bool {
        let nodes = self.machines.iter().filter_map(|machine| machine.node.as_ref());
        let clients_are_done = self.clients.iter().all(|client| {
            client.left == 0 && client.operations.iter().all(|operation| operation.is_done)
        });
        let polls_are_done = self.polls.as_ref().is_none_or(Polls::are_done);
        clients_are_done
            && polls_are_done
            && nodes.into_iter().all(|node| node.leaving.is_none() && node.casts.is_empty())
    }

    pub(super) fn running(&self) -> impl Iterator<Item = usize> {
        (0..self.machines.len()).filter(|&machine| !self.machines[machine].is_gone)
    }

    /// What is not yet as it must become.
    fn look_whether_converged(&self) -> Result<(), String> {
        let mut ids = BTreeSet::new();
        for machine in self.running() {
            let node = self.machines[machine].node.as_ref();
            let node = node.ok_or_else(|| format!("n{machine} does not run"))?;
            ids.insert(node.me.node);
        }
        let mut roots = BTreeSet::new();
        for machine in self.running() {
            let node = self.machines[machine].node.as_ref().expect("all run");
            if !node.replica.has_caught_up() {
                return Err(format!("n{machine} has not caught up"));
            }
            let members = || node.membership.members().filter(|member| member.state.is_active());
            // Whoever was suspected before the calm may not have heard of it yet.
            if let Some(suspect) = members().find(|it| it.state == MemberState::Suspect) {
                return Err(format!("n{machine} suspects {}", suspect.identity.node));
            }
            let mut known: BTreeSet<NodeId> = members().map(|it| it.identity.node).collect();
            known.insert(node.me.node);
            if known != ids {
                let names = |ids: &BTreeSet<NodeId>| {
                    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
                    names.join(", ")
                };
                let (known, ids) = (names(&known), names(&ids));
                return Err(format!("n{machine} knows {known}, there are {ids}"));
            }
            roots.insert(self.model.digest(&node.state));
        }
        if roots.len() > 1 {
            return Err(format!("there are {} different states", roots.len()));
        }
        self.look_whether_voting()
    }

    /// What has been reached must last, and be right.
    fn stay_calm(&mut self) {
        let deaths = self.figures.deaths;
        self.read_polls();
        self.run_until(self.now + STABLE);
        self.check_polls();
        if let Err(why) = self.look_whether_converged() {
            self.fail("what is equal stays equal", why);
        }
        if self.figures.deaths > deaths {
            self.fail("nobody dies in peace", "a member was taken for dead while all was well");
        }
        let running: Vec<usize> = self.running().collect();
        let mut roots = BTreeSet::new();
        for &machine in &running {
            let state = self.machines[machine].node.as_ref().map(|node| node.state.clone());
            let Some(state) = state else { continue };
            // Of all slots: until now only those were looked at that hold anything.
            roots.insert(state.root_digest().to_bytes());
            self.check_nothing_waits(machine);
            let looked = self.model.look(machine, &state);
            self.check("what a node holds", machine, looked);
            let lost = self.model.check_nothing_lost(machine);
            self.check("nothing that was acknowledged is lost", machine, lost);
            let equal = self.model.check_equal(running[0], machine);
            self.check("equal digests mean equal states", machine, equal);
        }
        if roots.len() > 1 {
            self.fail("what is equal stays equal", format!("there are {} roots", roots.len()));
        }
    }

    /// In a run where nobody is away for long, nobody may be taken for dead: a suspect says that it lives.
    pub(super) fn check_death(&mut self, machine: usize, event: &Event) {
        if self.options.is_gentle && matches!(event.what, Happened::Down | Happened::Renewed) {
            let detail = format!("n{machine}: {} {}", event.member.identity.node, event.what);
            self.fail("a suspect that lives is not taken for dead", detail);
        }
    }

    /// A node finds fault with a peer only where the peer was away: all of them are honest here.
    pub(super) fn check_reason(&mut self, machine: usize, reason: &str) {
        if !reason.contains("did not answer a repair") {
            self.fail("honest nodes understand each other", format!("n{machine}: {reason}"));
        }
    }

    /// What waits in a node is bounded.
    pub(super) fn check_bounds(&mut self, machine: usize) {
        let Some(node) = &self.machines[machine].node else { return };
        let (bounds, backlog) = (&self.options.bounds, node.replica.backlog());
        let frames = backlog.links * bounds.frames_in_flight;
        // One frame is taken in at the bound, and it can hold everything that there is.
        let entries = self.options.all_posts() * self.options.all_users();
        let everything = entries * (2 * self.options.padding + ENTRY_BYTES_MAX);
        let gathered = bounds.gathered_bytes.max(bounds.gathered_bytes_of_peers + everything);
        let known = node.membership.members().count();
        let (requests, asked) = (bounds.gathered_requests, node.casts.len());
        let checks = [
            ("requests that wait for votes", backlog.coordinated, asked),
            ("writes behind holds", backlog.held, requests + asked),
            ("votes waiting", backlog.votes, requests * (BATCHES_MAX + 1)),
            ("changes remembered", backlog.recent, RECENT_KEPT),
            ("timers", node.membership.timers(), TIMERS_MAX + known * TIMERS_OF_ONE_MAX),
            ("bytes gathered", backlog.gathered_bytes, gathered),
            ("requests waiting", backlog.waiting, bounds.gathered_requests + frames),
            ("batches", backlog.batches, BATCHES_MAX),
            ("frames parked", backlog.parked, frames),
            ("entries in an outbox", backlog.outbox, bounds.outbox_entries),
            ("frames in flight", backlog.in_flight, bounds.frames_in_flight),
        ];
        if let Some((what, is, may_be)) = checks.into_iter().find(|&(_, is, may_be)| is > may_be) {
            self.fail("queues are bounded", format!("n{machine}: {is} {what}, at most {may_be}"));
        }
    }

    /// When all is well nobody waits for a vote any more.
    fn check_nothing_waits(&mut self, machine: usize) {
        let Some(node) = &self.machines[machine].node else { return };
        let backlog = node.replica.backlog();
        let waits = (node.casts.len(), backlog.coordinated, backlog.held, backlog.votes);
        if waits != (0, 0, 0, 0) {
            self.fail("queues are bounded", format!("n{machine} at rest: {backlog:?}"));
        }
    }

    /// Adds up what a node counted, before it goes.
    pub(super) fn count_figures(&mut self, machine: usize) {
        let Some(node) = &self.machines[machine].node else { return };
        let repair = node.replica.repair_figures();
        let figures = &mut self.figures;
        figures.overflows += repair.overflows;
        figures.repairs += repair.mended;
        figures.whole_slots += repair.whole_slots;
        if let Some(votes) = node.replica.votes().map(|view| view.figures) {
            for (sum, more) in figures.rounds.iter_mut().zip(votes.rounds) {
                *sum += more;
            }
            figures.unanswered += votes.unanswered;
            figures.contended += votes.contended;
            figures.held += votes.held;
        }
        if let Some(storage) = &node.storage {
            figures.snapshots += storage.snapshots;
            figures.stalls += storage.stalls;
        }
    }
}
