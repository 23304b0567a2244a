//! Figures of votes, where there are voters.

use std::fmt;

use likewise_replica::quorum::request::Part;
use likewise_replica::quorum::view::{Standing, View};

use crate::metrics::lines::Lines;

/// How many rounds an agreement took, as the label `rounds` says it.
const ROUNDS: [&str; 4] = ["1", "2", "3", "more"];

pub(super) fn encode(lines: &mut Lines<'_>, view: &View) -> fmt::Result {
    let askable = view.voters.iter().filter(|(_, part)| *part == Part::Answered);
    let help = "Voters that can be asked now, this node included";
    lines.gauge("votes_voters_askable", help, askable.count() as u64)?;
    let help = "Voters that it takes to answer anything";
    lines.gauge("votes_majority", help, view.majority as u64)?;
    let help = "1 where this node is one of the voters";
    lines.gauge("votes_voter", help, view.standing.is_some().into())?;
    let is_active = view.standing == Some(Standing::Active);
    lines.gauge("votes_active", "1 while this node votes", is_active.into())?;
    let help = "Requests that wait for votes";
    lines.gauge("votes_waiting_requests", help, view.waiting as u64)?;
    let figures = &view.figures;
    let outcomes = [
        ("written", figures.writes),
        ("read", figures.reads),
        ("unanswered", figures.unanswered),
        ("contended", figures.contended),
    ];
    let help = "Requests that this node asked the voters for, by what came of them";
    lines.counters("votes_requests", help, None, "outcome", &outcomes)?;
    let rounds: Vec<_> = ROUNDS.into_iter().zip(figures.rounds).collect();
    let help = "Agreements of a majority on a post, by how many rounds they took";
    lines.counters("votes_agreements", help, None, "rounds", &rounds)?;
    let help = "Questions to voters that were asked once more";
    lines.counter("votes_asked_again", help, figures.asked_again)?;
    let help = "Bytes of questions and answers between voters";
    lines.bytes("votes_sent", help, figures.bytes_sent)?;
    let help = "Entries sent because voters differed";
    lines.counter("votes_entries_sent", help, figures.entries_sent)?;
    let help = "Times that writes to a post were held back for a read";
    lines.counter("votes_holds", help, figures.holds)?;
    lines.counter("votes_held_writes", "Writes that waited for that", figures.held)
}
