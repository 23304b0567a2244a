//! Which voters still have what they voted for, kept beside the run by somebody who sees everything.
//!
//! What voters promise holds as long as fewer than a majority of them have lost their data at a time. So a
//! fault that would break more than that does not strike; all others do.

use likewise_replica::member::NodeId;
use likewise_replica::quorum::seats::{Kept, Seat};
use likewise_replica::quorum::view::Standing;
use likewise_replica::quorum::voters::Voters;

/// The voters of a run, by the numbers of their machines, which are also their numbers on the list.
pub(crate) struct Electorate {
    list: Voters,
    voters: Vec<Voter>,
    /// Those that had lost their data and came back to their vote.
    pub(crate) came_back: u64,
}

struct Voter {
    data: Data,
    /// Whether it is on its way out: what it has until then does not count.
    goes: bool,
    /// What its disk or its memory keeps of the seats.
    kept: Option<Kept>,
}

/// What has become of the data of a voter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    /// It never had a vote.
    New,
    /// It had a vote, and has what it voted for.
    Whole,
    /// It has lost it, and had no vote since.
    Lost,
    /// It is gone for good.
    Gone,
}

impl Electorate {
    /// The first so many machines.
    pub(crate) fn new(count: usize) -> Self {
        let names = (0..count).map(|machine| format!("n{machine}"));
        let list = Voters::new(names).expect("a run has a few voters");
        let voter = || Voter { data: Data::New, goes: false, kept: None };
        Self { list, voters: (0..count).map(|_| voter()).collect(), came_back: 0 }
    }

    pub(crate) const fn list(&self) -> &Voters {
        &self.list
    }

    pub(crate) fn is_voter(&self, machine: usize) -> bool {
        machine < self.voters.len()
    }

    /// Whether these machines may lose their data now.
    pub(crate) fn can_bear(&self, losers: &[usize]) -> bool {
        let is_lost = |(machine, it): &(usize, &Voter)| {
            it.goes || matches!(it.data, Data::Lost | Data::Gone) || losers.contains(machine)
        };
        let lost = self.voters.iter().enumerate().filter(is_lost).count();
        lost < self.list.majority() || !losers.iter().any(|&machine| self.is_voter(machine))
    }

    /// A machine has lost its data, or will have when it has left.
    pub(crate) fn loses(&mut self, machine: usize, goes: bool) {
        if let Some(it) = self.voters.get_mut(machine).filter(|it| it.data != Data::Gone) {
            it.data = Data::Lost;
            it.goes = goes;
            if !goes {
                it.kept = None;
            }
        }
    }

    /// A machine is gone for good.
    pub(crate) fn is_gone(&mut self, machine: usize) {
        if let Some(it) = self.voters.get_mut(machine) {
            it.data = Data::Gone;
        }
    }

    /// A node has started with this.
    pub(crate) fn starts(&mut self, machine: usize, kept: Option<Kept>) {
        if let Some(it) = self.voters.get_mut(machine) {
            it.goes = false;
            it.kept = kept;
        }
    }

    /// A node has made durable what it knows of the seats.
    pub(crate) fn keeps(&mut self, machine: usize, kept: &[u8]) {
        if let Some(it) = self.voters.get_mut(machine) {
            it.kept = Some(Kept::decode(kept).expect("a voter has written it"));
        }
    }

    /// A voter was seen to stand like this. Whether it has come back from a loss.
    pub(crate) fn stands(&mut self, machine: usize, standing: Option<Standing>) -> bool {
        let is_active = standing == Some(Standing::Active);
        let Some(it) = self.voters.get_mut(machine).filter(|it| is_active && !it.goes) else {
            return false;
        };
        let is_back = it.data == Data::Lost;
        it.data = Data::Whole;
        self.came_back += u64::from(is_back);
        is_back
    }

    /// Whether a voter has what it voted for.
    pub(crate) fn has_vote(&self, machine: usize) -> bool {
        self.voters.get(machine).is_some_and(|it| it.data == Data::Whole)
    }

    /// Whether all voters that are there must come to their votes once all is well: none is gone, or
    /// enough of those that are not have what they voted for.
    pub(crate) fn must_vote(&self) -> bool {
        let count = |data| self.voters.iter().filter(|it| it.data == data).count();
        count(Data::Gone) == 0 || count(Data::Whole) >= self.list.majority()
    }

    /// Whether an image of a machine's disk would be known to be one: every other voter keeps that the
    /// machine was started later than the image, as this node with this boot number and this on its disk.
    pub(crate) fn knows_image(
        &self,
        machine: usize,
        node: NodeId,
        boot: u64,
        kept: Option<&Kept>,
    ) -> bool {
        let last = kept.map_or(Seat::EMPTY, |kept| kept.seats.of(machine));
        let resumes = kept.is_some_and(|kept| kept.is_whole) && last.node == node;
        let term = if resumes { last.term } else { last.term + 1 };
        let seat = Seat { term, node, boot };
        let others = self.voters.iter().enumerate().filter(|&(number, _)| number != machine);
        others
            .filter(|(_, it)| it.data != Data::Gone)
            .all(|(_, it)| it.kept.as_ref().is_some_and(|kept| kept.seats.of(machine) > seat))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_majority_loses_its_data_at_a_time() {
        let mut voters = Electorate::new(3);
        assert!(voters.can_bear(&[1]) && !voters.can_bear(&[0, 1]) && voters.can_bear(&[0, 5, 6]));
        voters.loses(1, false);
        assert!(voters.can_bear(&[1]) && !voters.can_bear(&[2]) && voters.can_bear(&[3]));
        assert!(!voters.stands(1, Some(Standing::Fresh)) && !voters.can_bear(&[2]));
        assert!(voters.stands(1, Some(Standing::Active)) && voters.can_bear(&[2]));
        voters.loses(2, true);
        // Who is leaving still votes, and counts as lost already.
        assert!(!voters.stands(2, Some(Standing::Active)) && !voters.can_bear(&[0]));
        voters.is_gone(2);
        assert!(!voters.can_bear(&[0]) && !voters.must_vote());
        voters.stands(0, Some(Standing::Active));
        assert!(voters.must_vote());
    }
}
