//! Rights: what a token gives, and what a route needs.

/// What a token gives. Each right includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To see all likes, and the cluster.
    Read,
    /// To like and unlike in the name of any user.
    Write,
    /// To stop nodes and to forget members: all that operators do.
    Admin,
}

/// What a route needs, as the table of routes says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it is for those who watch the process, or tells how to ask.
    Nothing,
    /// [`Right::Read`]. Every JWT gives it.
    Read,
    /// [`Right::Write`], or to be the user whose like it is. The second is for the handler to find out, who
    /// asks [`Caller::may_like_as`] about each user.
    WriteAsUser,
    /// [`Right::Admin`].
    Admin,
}

/// Who sent a request, as far as its token tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody with a token of the tokens file.
    Holder {
        /// What the token gives.
        right: Right,
        /// What the file calls it.
        name: String,
    },
    /// The user whom a JWT names as its `sub`.
    User(String),
}

impl Right {
    /// All rights, the smallest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// As it is written in files and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The right of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == name)
    }
}

impl Need {
    /// The smallest right that is enough for everything that the route does.
    pub(crate) const fn right(self) -> Option<Right> {
        match self {
            Self::Nothing => None,
            Self::Read => Some(Right::Read),
            Self::WriteAsUser => Some(Right::Write),
            Self::Admin => Some(Right::Admin),
        }
    }
}

impl Caller {
    /// Whether a route with this need is open to the caller.
    pub(crate) fn has(&self, need: Need) -> bool {
        match (self, need) {
            (_, Need::Nothing) => true,
            (Self::Holder { right, .. }, need) => Some(*right) >= need.right(),
            (Self::User(_), Need::Read | Need::WriteAsUser) => true,
            (Self::User(_), Need::Admin) => false,
        }
    }

    /// Whether the caller may write likes of this user.
    pub(crate) fn may_like_as(&self, user: &str) -> bool {
        match self {
            Self::Holder { right, .. } => *right >= Right::Write,
            Self::User(subject) => subject == user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_right_includes_those_before_it() {
        use Need::{Admin, Nothing, Read, WriteAsUser};
        let holder = |right| Caller::Holder { right, name: String::new() };
        for (caller, opened) in [
            (holder(Right::Read), &[Nothing, Read][..]),
            (holder(Right::Write), &[Nothing, Read, WriteAsUser]),
            (holder(Right::Admin), &[Nothing, Read, WriteAsUser, Admin]),
            (Caller::User("ann".to_owned()), &[Nothing, Read, WriteAsUser]),
        ] {
            for need in [Nothing, Read, WriteAsUser, Admin] {
                assert_eq!(caller.has(need), opened.contains(&need), "{caller:?}, {need:?}");
            }
        }
    }

    #[test]
    fn a_user_writes_their_own_likes_and_a_reader_nobodys() {
        let user = Caller::User("ann".to_owned());
        assert!(user.may_like_as("ann") && !user.may_like_as("bob") && !user.may_like_as("Ann"));
        let holder = |right| Caller::Holder { right, name: String::new() };
        assert!(!holder(Right::Read).may_like_as("ann") && holder(Right::Write).may_like_as("ann"));
    }

    #[test]
    fn rights_are_found_by_the_name_that_they_are_written_with() {
        for right in Right::ALL {
            assert_eq!(Right::of_name(right.as_str()), Some(right));
        }
        assert_eq!(Right::of_name("Read"), None);
    }
}
