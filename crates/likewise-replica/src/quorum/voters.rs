//! The fixed list of voters: the one thing that majorities are counted of, whoever is alive.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::limits::VOTERS_MAX;

/// The names of the voters, the same on all nodes of a cluster, in whatever order they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voters {
    /// Sorted: a voter's place among them is its number, on all nodes.
    names: Vec<String>,
}

/// Why names are no list of voters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VotersError {
    /// There is none.
    Empty,
    /// There are too many.
    TooMany(usize),
    /// One is there twice.
    Twice(String),
}

impl fmt::Display for VotersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "name at least one node, best three or five"),
            Self::TooMany(count) => write!(
                f,
                "there are {count}: name at most {VOTERS_MAX}; other nodes can still take every request"
            ),
            Self::Twice(name) => write!(f, "{name:?} is there twice: name each node once"),
        }
    }
}

impl std::error::Error for VotersError {}

impl Voters {
    /// The list of these names.
    ///
    /// # Errors
    /// Where they are none, too many, or one is there twice.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Self, VotersError> {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(VotersError::Twice(pair[0].clone()));
        }
        match names.len() {
            0 => Err(VotersError::Empty),
            count if count > VOTERS_MAX => Err(VotersError::TooMany(count)),
            _ => Ok(Self { names }),
        }
    }

    /// The names, sorted.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many make a majority: any two majorities share a voter.
    #[must_use]
    pub const fn majority(&self) -> usize {
        self.names.len() / 2 + 1
    }

    /// Which voter has this name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    /// Stands for the list in every message about votes: nodes whose lists differ form no majority together.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut hasher = SipHasher13::new_with_key(b"likewise  voters");
        for name in &self.names {
            hasher.write(&(name.len() as u64).to_le_bytes());
            hasher.write(name.as_bytes());
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(names: &[&str]) -> Result<Voters, VotersError> {
        Voters::new(names.iter().map(|&name| name.to_owned()))
    }

    #[test]
    fn the_order_in_which_voters_are_named_means_nothing_and_each_other_difference_does() {
        let list = voters(&["a", "b", "c"]).unwrap();
        assert_eq!(voters(&["c", "a", "b"]).unwrap().hash(), list.hash());
        for other in [&["a", "b"][..], &["a", "b", "d"], &["ab", "c"], &["a", "b", "c", "d"]] {
            assert_ne!(voters(other).unwrap().hash(), list.hash(), "{other:?}");
        }
        assert_eq!((list.number("b"), list.number("d")), (Some(1), None));
    }

    #[test]
    fn two_majorities_always_share_a_voter() {
        for count in 1..=VOTERS_MAX {
            let list = Voters::new((0..count).map(|n| format!("v{n:02}"))).unwrap();
            assert!(2 * list.majority() > count && 2 * (list.majority() - 1) <= count);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert_eq!(voters(&[]), Err(VotersError::Empty));
        assert_eq!(voters(&["a", "b", "a"]), Err(VotersError::Twice("a".to_owned())));
        let many = (0..=VOTERS_MAX).map(|n| n.to_string());
        assert_eq!(Voters::new(many), Err(VotersError::TooMany(VOTERS_MAX + 1)));
    }
}
