//! The rules, and the mistakes that one could make with each of them.
//!
//! Each field of [`Protocol`] is a rule. [`LIKEWISE`] is the protocol that is built; a test takes one rule
//! away with `Protocol { reads: Reads::WriteBack, ..LIKEWISE }` and must be shown a history that is wrong.

/// How many voters there are. Three is the fewest of which one may be missing.
pub const VOTERS: usize = 3;

/// The rules that a world goes by.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// What makes an answer of what the voters said.
    pub reads: Reads,
    /// Where requests that are about one user look.
    pub one_user: OneUser,
    /// How a like without `seen` comes by its target.
    pub sets: Sets,
    /// How many voters are enough.
    pub quorum: Quorum,
    /// What a voter waits for before it answers.
    pub answers: Answers,
    /// What somebody who takes over a seat does before voting.
    pub seats: Seats,
}

/// The protocol that is built.
pub const LIKEWISE: Protocol = Protocol {
    reads: Reads::SameState,
    one_user: OneUser::LikeAnyRead,
    sets: Sets::ReadThenWrite,
    quorum: Quorum::OfTheList,
    answers: Answers::AfterTheDisk,
    seats: Seats::ClaimThenCopy,
};

/// What makes an answer of what the voters said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// A quorum that reports one and the same state in one round. If there is none, everything that was
    /// heard is joined and goes with the question of the next round.
    SameState,
    /// Wrong: the join of what any quorum said.
    Merge,
    /// Wrong: the same, but it is written back to a quorum before it is the answer. This is right for a
    /// register (Attiya, Bar-Noy and Dolev), and not for a set.
    WriteBack,
}

/// Where requests that are about one user look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneUser {
    /// At the whole post, by the same read as lists and counts.
    LikeAnyRead,
    /// At the length of that user at any quorum; the largest is written back unless all are equal. This is
    /// the level `quorum`: right as long as nobody reads the whole post.
    ByItself,
}

/// How a like without `seen` comes by its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sets {
    /// It reads the version, and then it is bound to the next one.
    ReadThenWrite,
    /// Wrong: it writes a guess while it reads, and aims anew if the guess was not everybody's.
    GuessFirst,
}

/// How many voters are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// A majority of the list that everybody was given.
    OfTheList,
    /// Wrong: a majority of those whom the coordinator believes to be alive.
    OfTheVisible,
}

/// What a voter waits for before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// All that it reports is on its disk, be it asked to write or to read.
    AfterTheDisk,
    /// Wrong: writes wait for the disk, and reads report what is in memory.
    WritesAfterTheDisk,
    /// Wrong: nothing waits for the disk.
    BeforeTheDisk,
}

/// What somebody who takes over a seat, with an empty disk, does before voting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seats {
    /// It claims the seat, waits until the rolls of a quorum that votes name it, copies from each of those
    /// what it holds and its roll, and votes. Votes carry the roll of the voter, and a coordinator drops
    /// those of a holder that a roll has replaced.
    ClaimThenCopy,
    /// The same, but it copies from each as soon as that one names it, and votes when all is done.
    ClaimThenCopyEach,
    /// Wrong: it copies from all the others, whether those vote or are new themselves.
    ClaimThenCopyFromAny,
    /// Wrong: it does not take over the rolls of those that it copies from.
    ClaimThenCopyWithoutRolls,
    /// Wrong: it copies, claims the seat, waits until it is named, and votes.
    CopyThenClaim,
    /// Wrong: it copies, and votes. There are no rolls.
    CopyOnly,
    /// Wrong: it votes at once.
    AtOnce,
}

impl Seats {
    /// Whether rolls say who holds a seat.
    #[must_use]
    pub const fn rolls(self) -> bool {
        !matches!(self, Self::CopyOnly | Self::AtOnce)
    }
}
