//! Judges all that concerns voters.

use likewise_journal::journal::Durability;
use likewise_replica::quorum::voters::Voters;

use crate::config::error::{ConfigError, invalid};
use crate::config::settings::Settings;
use crate::config::{Config, name};
use crate::consistency::Consistency;

/// The voters, where there are any.
pub(super) fn voters(settings: &Settings) -> Result<Option<Voters>, ConfigError> {
    let Some(names) = &settings.voters else { return Ok(None) };
    for voter in names {
        drop(name("voters", voter.clone())?);
    }
    let voters = Voters::new(names.iter().cloned());
    voters.map(Some).map_err(|error| invalid("voters", names.join(","), &error.to_string()))
}

/// What a request gets that asks for nothing.
pub(super) fn consistency(
    value: &str,
    voters: Option<&Voters>,
) -> Result<Consistency, ConfigError> {
    let remedy = || format!("use {}", Consistency::NAMES);
    let consistency =
        Consistency::parse(value).ok_or_else(|| invalid("consistency", value, &remedy()))?;
    if consistency != Consistency::Local && voters.is_none() {
        let remedy = "a majority of voters has to stand behind that: set voters too, the same names on all \
             nodes, or use local";
        return Err(invalid("consistency", value, remedy));
    }
    Ok(consistency)
}

impl Config {
    /// Judges what is asked of a node of this name. That is not always the name that was set: a data folder
    /// keeps the one that its node was given first.
    ///
    /// # Errors
    /// Where the voters can't be reached, or this node can't be one.
    pub fn judge_votes(&self, name: &str) -> Result<(), ConfigError> {
        let Some(voters) = &self.voters else { return Ok(()) };
        if self.cluster.is_none() && voters.names() != [name] {
            let remedy = format!(
                "set cluster too, the address to meet them on; or name only this node, which is {name:?}"
            );
            return Err(invalid("voters", voters.names().join(","), &remedy));
        }
        let is_voter = voters.number(name).is_some();
        let (word, outlives) = match self.durability {
            Durability::Always => return Ok(()),
            Durability::Interval => ("interval", "power loss could take back"),
            Durability::Never => ("never", "a crash of the machine could take back"),
        };
        if is_voter && self.data.is_some() {
            let remedy = format!(
                "{outlives} what this node, {name:?}, has acknowledged as a voter, and with it what a \
                 majority has said: use always or in-memory, or leave the node out of voters"
            );
            return Err(invalid("durability", word, &remedy));
        }
        Ok(())
    }
}
