//! Voters as the world sees them: which faults they must be able to bear, and when they must have a vote.

use std::time::Duration;

use likewise_journal::journal::{Journal, Options};
use likewise_journal::store::StoreId;
use likewise_replica::member::NodeId;
use likewise_replica::quorum::Voting;
use likewise_replica::quorum::request::Part;
use likewise_replica::quorum::seats::Kept;
use likewise_replica::quorum::view::Standing;

use super::troubles::Ending;
use super::votes::Step;
use super::{Happening, World};
use crate::schedule::Fault;

/// How long an image that voters could not know to be old is kept until it is tried again.
const OLDER: Duration = Duration::from_secs(2);

/// Time between two looks whether a voter has its vote back.
const APART: Duration = Duration::from_millis(50);

/// Writes of clients who wait for long that a machine takes while it is alone with a voter.
const WAITING: usize = 2;

/// How long it takes then until the last of the others reaches the machine that was apart.
const REUNION: Duration = Duration::from_secs(2);

/// How long the machine is down meanwhile.
const DOWN: Duration = Duration::from_millis(100);

impl World {
    /// How a node takes part in votes that has found this on its disk.
    pub(super) fn voting(
        &mut self,
        machine: usize,
        boot: u64,
        seats: Option<&[u8]>,
    ) -> Option<Voting> {
        self.polls.as_ref()?;
        let kept = seats.map(|seats| Kept::decode(seats).expect("a voter has written it"));
        self.electorate.starts(machine, kept.clone());
        let voters = self.electorate.list().clone();
        Some(Voting { voters, name: format!("n{machine}"), boot, kept })
    }

    /// A node has made durable what it knows of the seats.
    pub(super) fn seats_kept(&mut self, machine: usize, kept: &[u8]) {
        self.electorate.keeps(machine, kept);
    }

    /// Looks at how a voter stands.
    pub(super) fn look_at_voter(&mut self, machine: usize) {
        let Some(node) = &self.machines[machine].node else { return };
        if self.electorate.stands(machine, node.replica.standing()) {
            self.say(machine, "voter", 1, || "has its vote back".to_owned());
        }
    }

    /// Whether the voters can bear a fault, by what they promise. If so, what they lose is noted.
    pub(super) fn voters_bear(&mut self, fault: &Fault) -> bool {
        if self.polls.is_none() {
            return true;
        }
        let runs = |machine: &usize| self.machines[*machine].node.is_some();
        let forgets =
            |machine: &usize| runs(machine) && self.machines[*machine].durability.is_none();
        let (losers, goes): (Vec<usize>, bool) = match *fault {
            Fault::Kill { machine, .. }
            | Fault::PowerCut { machine, .. }
            | Fault::Move { machine, .. } => {
                (Some(machine).into_iter().filter(forgets).collect(), false)
            }
            Fault::Restart { machine, .. } => {
                (Some(machine).into_iter().filter(forgets).collect(), true)
            }
            Fault::Swap { one, other, .. } => {
                let forgetful = [one, other].into_iter().filter(forgets);
                let takes_place = one != other && runs(&one) && runs(&other);
                (forgetful.filter(|_| takes_place).collect(), false)
            }
            Fault::Wipe { machine, .. } => {
                (Some(machine).into_iter().filter(runs).collect(), false)
            }
            Fault::Remove { machine } | Fault::Destroy { machine } => {
                (Some(machine).into_iter().filter(|&it| self.may_lose(it)).collect(), true)
            }
            _ => return true,
        };
        self.voters_lose(&losers, goes)
    }

    /// Whether these machines may lose their data. If so, it is noted.
    fn voters_lose(&mut self, losers: &[usize], goes: bool) -> bool {
        if !self.electorate.can_bear(losers) {
            return false;
        }
        for &machine in losers {
            self.figures.votes_lost += u64::from(self.electorate.is_voter(machine));
            self.electorate.loses(machine, goes);
        }
        true
    }

    /// Leaves a machine alone with a voter.
    pub(super) fn succession(
        &mut self,
        machine: usize,
        voter: usize,
        (alone, down, apart): (Duration, Duration, Duration),
    ) -> bool {
        let runs = |machine: usize| self.machines[machine].node.is_some();
        if machine == voter || !runs(machine) || !runs(voter) {
            return false;
        }
        for other in (0..self.machines.len()).filter(|&it| it != machine && it != voter) {
            let pairs = vec![(voter, other), (other, voter)];
            self.network.cut(&pairs, true);
            let lasts = alone + self.chance.time(Duration::ZERO..alone);
            self.after(lasts, Happening::End(Ending::Cut(pairs)));
            self.network.cut(&[(machine, other), (other, machine)], true);
        }
        for _ in 0..WAITING {
            let wait = self.chance.time(Duration::ZERO..alone);
            self.after(wait, Happening::Vote(Step::Wait { machine }));
        }
        self.after(alone, Happening::End(Ending::Alone { machine, voter, down, apart }));
        true
    }

    /// The voter loses its disk, and the machine can't reach whatever comes in its place.
    pub(super) fn succeed(
        &mut self,
        machine: usize,
        voter: usize,
        (down, apart): (Duration, Duration),
    ) {
        if self.is_calm {
            return;
        }
        self.network.cut(&[(machine, voter), (voter, machine)], true);
        if self.machines[voter].node.is_some() && self.voters_lose(&[voter], false) {
            self.wipe(voter);
            let life = self.machines[voter].life;
            self.after(down, Happening::Start { machine: voter, life });
        }
        let ending = Ending::Apart { machine, voter, until: self.now + apart };
        self.after(APART, Happening::End(ending));
    }

    /// Whether the others may reach the machine again by now.
    pub(super) fn reunite(&mut self, machine: usize, voter: usize, until: Duration) {
        if self.is_calm {
            return;
        }
        if self.now < until && !self.electorate.has_vote(voter) {
            let ending = Ending::Apart { machine, voter, until };
            return self.after(APART, Happening::End(ending));
        }
        for other in (0..self.machines.len()).filter(|&it| it != machine) {
            let pairs = vec![(machine, other), (other, machine)];
            let wait = self.chance.time(Duration::ZERO..REUNION);
            self.after(wait, Happening::End(Ending::Cut(pairs)));
        }
    }

    /// Whether a machine may come back with the image of its disk, as far as the voters are concerned: they can
    /// bear the loss, and know the image to be one. If so, the loss is noted; if not, the machine is started
    /// anew, so that the image becomes older.
    pub(super) fn image_may_come(&mut self, machine: usize, down: Duration, tries: u32) -> bool {
        if self.polls.is_none() || !self.electorate.is_voter(machine) {
            return true;
        }
        if self.is_image_known(machine) && self.voters_lose(&[machine], false) {
            self.figures.images_of_voters += 1;
            return true;
        }
        if tries > 0 {
            if self.machines[machine].node.is_some() {
                self.kill(machine);
                let life = self.machines[machine].life;
                self.after(DOWN, Happening::Start { machine, life });
            }
            let tries = tries - 1;
            self.after(OLDER, Happening::End(Ending::Image { machine, down, tries }));
        }
        false
    }

    fn is_image_known(&mut self, machine: usize) -> bool {
        let Some(image) = &self.machines[machine].image else { return false };
        let (image, state) = (image.image(), self.empty_state());
        let options = Options::new(StoreId([0; 16]), format!("n{machine}"));
        let Ok((_, recovery)) = Journal::open(image, options, &state) else { return false };
        let node = u64::from_le_bytes(*recovery.store.0.first_chunk().expect("it is longer"));
        let kept =
            recovery.seats.map(|seats| Kept::decode(&seats).expect("a voter has written it"));
        let (node, boot) = (NodeId(node.max(1)), recovery.incarnation);
        self.electorate.knows_image(machine, node, boot, kept.as_ref())
    }

    /// Whether all voters that can have their votes do, and every node can ask a majority.
    pub(super) fn look_whether_voting(&self) -> Result<(), String> {
        if self.polls.is_none() || !self.electorate.must_vote() {
            return Ok(());
        }
        for machine in self.running().filter(|&machine| self.electorate.is_voter(machine)) {
            let node = self.machines[machine].node.as_ref();
            let standing = node.and_then(|node| node.replica.standing());
            if standing != Some(Standing::Active) {
                return Err(format!("n{machine} has no vote: it is {standing:?}"));
            }
        }
        // A link that was cut may be opened again only after a while.
        for machine in self.running() {
            let node = self.machines[machine].node.as_ref();
            let view = node.and_then(|node| node.replica.votes()).ok_or("a node without voters")?;
            let able = view.voters.iter().filter(|(_, part)| *part == Part::Answered).count();
            if able < view.majority {
                return Err(format!("n{machine} can ask {able} voters only"));
            }
        }
        Ok(())
    }
}
