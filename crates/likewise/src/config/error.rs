//! Why settings make no configuration.

use std::fmt;
use std::path::PathBuf;

/// Why settings make no configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// The file can't be read.
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML, or holds a key or a type that no setting has.
    Parse {
        /// The file.
        file: PathBuf,
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting has a value that means nothing.
    Value {
        /// The setting, as in the file.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What to write instead.
        remedy: String,
    },
}

/// The error of a setting with this value.
pub(super) fn invalid(setting: &'static str, value: impl ToString, remedy: &str) -> ConfigError {
    ConfigError::Value { setting, value: value.to_string(), remedy: remedy.to_owned() }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, source } => write!(
                f,
                "can't read the settings file {}: {source}; check the path that --config or LIKEWISE_CONFIG gives",
                file.display()
            ),
            Self::Parse { file, line, problem } => {
                write!(f, "settings file {}", file.display())?;
                line.map_or(Ok(()), |line| write!(f, ", line {line}"))?;
                write!(f, ": {problem}")
            }
            Self::Value { setting, value, remedy } => write!(f, "{setting} is {value:?}: {remedy}"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Parse { .. } | Self::Value { .. } => None,
        }
    }
}
