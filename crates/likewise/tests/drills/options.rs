//! The command line of the drills.

use std::path::{Path, PathBuf};

/// Rounds of each drill where nobody says how many: few enough for a machine that checks each change.
const ROUNDS: usize = 2;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) seed: u64,
    pub(crate) lists: bool,
    /// The binary of an earlier release, to update from.
    pub(crate) old: Option<PathBuf>,
    pub(crate) names: Vec<String>,
}

impl Options {
    /// Whether a drill of that name was asked for: by a part of its name, or by none at all.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| name.contains(part.as_str()))
    }

    /// Reads the command line. What only makes sense to the usual harness, and may be passed along to all
    /// test programs, changes nothing here.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { rounds: ROUNDS, seed: 1, lists: false, old: None, names: Vec::new() };
        while let Some(word) = words.next() {
            if word == "--old" {
                let file = words.next().filter(|file| Path::new(file).is_file());
                let file = file.ok_or("--old wants the binary of an earlier release after it")?;
                options.old = Some(PathBuf::from(file));
                continue;
            }
            let mut number = || {
                let value =
                    words.next().ok_or_else(|| format!("{word} wants a number after it"))?;
                let number = value.parse::<u32>().ok().filter(|&number| number > 0);
                number.ok_or_else(|| format!("{word} is {value:?}: give a number from 1 on"))
            };
            match word.as_str() {
                "--rounds" => options.rounds = number()? as usize,
                "--seed" => options.seed = u64::from(number()?),
                "--list" => options.lists = true,
                "--test-threads" => drop(number()?),
                "--nocapture" | "--no-capture" | "--quiet" | "-q" | "--show-output" => {}
                _ if word.starts_with("--test-threads=") => {}
                _ if word.starts_with('-') => {
                    return Err(format!(
                        "{word:?} is no option: use --list, --rounds N, --seed N, --old BINARY, or parts of the names of drills"
                    ));
                }
                _ => options.names.push(word),
            }
        }
        Ok(options)
    }
}
