//! The protocol under test: right in every order of everything, and each mistake found.
//!
//! `cargo test -p likewise-model -- --nocapture` prints a row of the table for each search, and for each mistake
//! the shortest history that shows it.
#![expect(clippy::print_stdout, reason = "the table is what one runs this for")]

use likewise_model::protocol::Protocol;
use likewise_model::scenario::Scenario;
use likewise_model::world::World;

mod crashes;
mod judge;
mod mistakes;
mod right;
mod seats;
mod steps;

/// Every state is looked at, and each history is linearizable.
fn is_fine(rules: &str, scenario: Scenario, protocol: Protocol) {
    let verdict = World::new(scenario, protocol).exhaust();
    println!("{rules}: {verdict}");
    assert!(verdict.wrong.is_none(), "{rules}: {verdict}");
    assert!(verdict.tried, "{rules}: this search has seen nothing: {verdict}");
}

/// The shortest history that is wrong is found.
fn is_found(mistake: &str, scenario: Scenario, protocol: Protocol) {
    let verdict = World::new(scenario, protocol).shortest_mistake();
    println!("{mistake}: {verdict}");
    assert!(verdict.wrong.is_some(), "{mistake} was not found in {verdict}");
}
