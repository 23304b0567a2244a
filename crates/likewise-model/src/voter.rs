//! One voter: what it holds, what it has said to whom, and what is still on its way to it.
//!
//! Everything that names a voter is inside that voter. So two states that differ only in which voter is
//! which become equal by sorting the voters, and the search looks at one of them: see
//! [`State::representative`](crate::state::State).

use crate::post::Post;
use crate::seats::Roll;

/// The most clients that a scenario has.
pub const CLIENTS_MAX: usize = 4;

/// What has become of the question that a client has for a voter in the step that the client is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Talk {
    /// The question is on its way, and may be for ever.
    #[default]
    Asked,
    /// It got there, and the answer did not get back.
    Lost,
    /// It got there, and the answer waits until the disk has what it reports.
    Unsynced(Post),
    /// The answer is on its way. Only where every step is taken, see [`Steps`](crate::world::Steps).
    OnItsWay(Vote),
    /// The answer is there.
    Heard(Vote),
}

/// What a voter reports: what it held, and its roll at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vote {
    /// All that the voter held.
    pub post: Post,
    /// Which newcomers its roll named.
    pub roll: Roll,
}

/// One voter. The order of the fields only matters to sorting.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voter {
    /// What it holds.
    pub memory: Post,
    /// What a crash leaves. Only kept where crashes happen.
    pub disk: Post,
    /// What it and each client have to say to each other.
    pub talks: [Talk; CLIENTS_MAX],
    /// What questions of steps that are over would still write here, if they arrived.
    pub late: Vec<Post>,
    /// Whether it votes. A newcomer does not at first.
    pub votes: bool,
    /// Who holds the seats, as far as it knows.
    pub roll: Roll,
    /// Which newcomers have copied all that it held.
    pub copied_by: Roll,
}

impl Voter {
    /// Joins what came with a question or a copy.
    pub fn receive(&mut self, push: Post, crashes: bool) {
        self.memory.join(push);
        let kept = if crashes { self.disk } else { self.memory };
        self.late.retain(|late| !kept.covers(*late));
    }

    /// The client is in another step: its question may still arrive, and its answer counts no more.
    pub fn leave_behind(&mut self, client: usize, push: Post, crashes: bool) {
        let talk = std::mem::take(&mut self.talks[client]);
        let kept = if crashes { self.disk } else { self.memory };
        if talk == Talk::Asked && !kept.covers(push) {
            self.late.push(push);
            self.late.sort_unstable();
            self.late.dedup();
        }
    }

    /// What it would report now.
    #[must_use]
    pub const fn vote(&self, post: Post) -> Vote {
        Vote { post, roll: self.roll }
    }

    /// The power is gone and comes back. Who waited for an answer may ask again.
    pub fn crash(&mut self) {
        self.memory = self.disk;
        for talk in &mut self.talks {
            if matches!(talk, Talk::Unsynced(_)) {
                *talk = Talk::Asked;
            }
        }
    }
}
