//! What operators see of votes.

use std::collections::BTreeMap;

use crate::member::LinkId;
use crate::quorum::Quorum;
use crate::quorum::request::Part;

pub use crate::quorum::seating::Standing;

/// Counters of votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Writes that a majority has made durable.
    pub writes: u64,
    /// Reads that a majority has agreed on.
    pub reads: u64,
    /// Requests that were given up because too few voters answered in time.
    pub unanswered: u64,
    /// Reads that were given up because the voters never told the same.
    pub contended: u64,
    /// Agreements of a majority on a post, by how many rounds they took: one, two, three, more.
    pub rounds: [u64; 4],
    /// Questions that were asked once more because no answer came.
    pub asked_again: u64,
    /// Bytes of questions and answers that were sent.
    pub bytes_sent: u64,
    /// Entries that were sent because voters differed.
    pub entries_sent: u64,
    /// Times that writes to a post were held back.
    pub holds: u64,
    /// Writes that had to wait for that.
    pub held: u64,
}

/// Votes as a node sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// How many voters make a majority.
    pub majority: usize,
    /// The voters by name, and whether each could be asked now.
    pub voters: Vec<(String, Part)>,
    /// How this node stands, where it is a voter.
    pub standing: Option<Standing>,
    /// Requests that wait for votes.
    pub waiting: usize,
    /// The counters.
    pub figures: Figures,
}

impl Quorum {
    /// Votes as they stand, where these voters can be asked.
    pub(crate) fn view(&self, askable: &BTreeMap<usize, LinkId>) -> View {
        let me = self.seating.as_ref().filter(|_| self.is_active());
        let able = askable.keys().copied().chain(me.map(|seating| seating.voter)).collect();
        View {
            majority: self.voters.majority(),
            voters: self.parts(&able, askable),
            standing: self.seating.as_ref().map(|seating| seating.standing),
            waiting: self.requests.len(),
            figures: self.figures,
        }
    }
}
