//! Everything that the world is at one moment.

use crate::client::Client;
use crate::history::History;
use crate::protocol::VOTERS;
use crate::voter::Voter;

/// The place among the voters of who takes over seat 0, where somebody does.
pub const NEWCOMER: usize = VOTERS;

/// One moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Who holds the seats; then the newcomer, where there is one.
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
    /// Whether seat 0 changes hands in this scenario.
    #[must_use]
    pub fn has_newcomer(&self) -> bool {
        self.voters.len() > VOTERS
    }

    /// The same state with its voters in order: which of them is which matters to nobody. Where seat 0
    /// changes hands, only the other two are alike.
    #[must_use]
    pub fn representative(&self) -> Self {
        let mut state = self.clone();
        let alike = if self.has_newcomer() { 1..VOTERS } else { 0..VOTERS };
        state.voters[alike].sort_unstable();
        state
    }
}
