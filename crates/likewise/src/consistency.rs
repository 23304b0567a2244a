//! How much an answer promises, as a client or an operator asks for it.

use std::fmt;

use likewise_replica::quorum::request::Level;

/// What stands behind an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// The node that answers, with what it has heard by then.
    #[default]
    Local,
    /// A majority of the voters, for one like by itself.
    Quorum,
    /// A majority of the voters, for everything about one post.
    Linearizable,
}

impl Consistency {
    /// The names that may be written, for remedies.
    pub const NAMES: &str = "local, quorum or linearizable";

    /// The consistency of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Local, Self::Quorum, Self::Linearizable].into_iter().find(|it| it.as_str() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Quorum => "quorum",
            Self::Linearizable => "linearizable",
        }
    }

    /// What the voters are asked for; `None` where they are not.
    #[must_use]
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::Local => None,
            Self::Quorum => Some(Level::Quorum),
            Self::Linearizable => Some(Level::Linearizable),
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
