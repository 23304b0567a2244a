//! What a client may ask of the voters, and what it is told.

use likewise_state::digest::Digest;
use likewise_state::id::{Kind, Like, PostId, UserId};
use likewise_state::length::{Action, CausalLength};
use likewise_state::listing::Listing;

use crate::trace::TraceContext;

/// How much an answer promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One like as if there were one copy of it; nothing is promised about several likes together.
    Quorum,
    /// One post as if there were one copy of it.
    Linearizable,
}

/// A post and a kind, with texts of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    post: String,
    kind: String,
}

impl Subject {
    /// The subject of this post and kind.
    #[must_use]
    pub fn new(post: PostId<'_>, kind: Kind<'_>) -> Self {
        Self { post: post.as_str().to_owned(), kind: kind.as_str().to_owned() }
    }

    /// The post.
    #[must_use]
    pub fn post(&self) -> PostId<'_> {
        PostId::new(&self.post).expect("it was an id")
    }

    /// The kind of like.
    #[must_use]
    pub fn kind(&self) -> Kind<'_> {
        Kind::new(&self.kind).expect("it was a kind")
    }

    pub(crate) fn like<'a>(&'a self, user: &'a str) -> Like<'a> {
        let user = UserId::new(user).expect("it was an id");
        Like { post: self.post(), kind: self.kind(), user }
    }
}

/// What is to be done, at which level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub(crate) level: Level,
    pub(crate) subject: Subject,
    pub(crate) wish: Wish,
    pub(crate) trace: Option<TraceContext>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Write { user: String, action: Action, seen: Option<CausalLength> },
    Read { user: Option<String>, lists: bool },
}

impl Operation {
    /// To like or unlike. With `seen` it is one round trip to a majority.
    #[must_use]
    pub fn write(level: Level, like: Like<'_>, action: Action, seen: Option<CausalLength>) -> Self {
        let user = like.user.as_str().to_owned();
        let subject = Subject::new(like.post, like.kind);
        Self { level, subject, wish: Wish::Write { user, action, seen }, trace: None }
    }

    /// Whether a user likes a post.
    #[must_use]
    pub fn length(level: Level, like: Like<'_>) -> Self {
        let user = Some(like.user.as_str().to_owned());
        let subject = Subject::new(like.post, like.kind);
        Self { level, subject, wish: Wish::Read { user, lists: false }, trace: None }
    }

    /// How many like a post, and whether `user` does; always linearizable.
    #[must_use]
    pub fn count(post: PostId<'_>, kind: Kind<'_>, user: Option<UserId<'_>>) -> Self {
        let user = user.map(|user| user.as_str().to_owned());
        let wish = Wish::Read { user, lists: false };
        Self { level: Level::Linearizable, subject: Subject::new(post, kind), wish, trace: None }
    }

    /// Who likes a post; always linearizable.
    #[must_use]
    pub fn list(post: PostId<'_>, kind: Kind<'_>) -> Self {
        let wish = Wish::Read { user: None, lists: true };
        Self { level: Level::Linearizable, subject: Subject::new(post, kind), wish, trace: None }
    }

    /// At which level.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The same, as part of a trace.
    #[must_use]
    pub fn traced(mut self, context: TraceContext) -> Self {
        self.trace = Some(context);
        self
    }
}

/// What a majority of the voters has agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The length of the like that was asked about, or what the write has raised it to; it may have been
    /// raised further since.
    pub length: CausalLength,
    /// How many users like the post. Of a read at [`Level::Linearizable`].
    pub likes: u64,
    /// The digest of all that is known of the post. Of a read at [`Level::Linearizable`].
    pub digest: Digest,
    /// Who likes it, where that was asked.
    pub listing: Option<Listing>,
    /// How often voters were asked until a majority stood behind this.
    pub rounds: u32,
}

impl Agreed {
    /// An agreement on the length of one like, and on nothing else.
    pub(crate) fn on_length(length: CausalLength) -> Self {
        Self { length, likes: 0, digest: Digest::default(), listing: None, rounds: 0 }
    }
}

/// Why the voters have not agreed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// How many voters it takes.
    pub majority: usize,
    /// What each of them did, by name.
    pub voters: Vec<(String, Part)>,
    /// Whether what was to be written may still be found written. To repeat a request with `seen` is safe.
    pub may_take_effect: bool,
    /// Whether enough answered, but never all the same: others wrote to the post all the time.
    pub is_contended: bool,
}

/// What part a voter had in a request that was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It answered.
    Answered,
    /// It was asked and did not answer.
    Silent,
    /// There is no link to it.
    NoLink,
    /// It has another list of voters.
    OtherList,
    /// It is there, and has not yet got back what it may have voted for.
    Fresh,
}

impl Part {
    /// The part in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Silent => "did not answer",
            Self::NoLink => "not reached",
            Self::OtherList => "has another list of voters",
            Self::Fresh => "catching up, without a vote",
        }
    }
}
