//! Everything that the world is at one moment.

use crate::client::Client;
use crate::history::History;
use crate::protocol::VOTERS;
use crate::voter::Voter;

/// One moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Who holds the seats; then the newcomer of seat 0, then that of seat 1, where there are any.
    pub voters: Vec<Voter>,
    /// Who asks.
    pub clients: Vec<Client>,
    /// What they saw.
    pub history: History,
    /// How many crashes may still happen.
    pub crashes: u8,
    /// Whether the history is wrong. Nothing happens after that.
    pub wrong: bool,
}

impl State {
    /// The same state with its voters in order: which of them is which matters to nobody. Those
    /// whose seat changes hands stay where they are.
    #[must_use]
    pub fn representative(&self) -> Self {
        let mut state = self.clone();
        let alike = self.voters.len() - VOTERS..VOTERS;
        state.voters[alike].sort_unstable();
        state
    }
}
