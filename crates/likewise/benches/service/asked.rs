//! What the command line of a benchmark asks for.

use std::path::PathBuf;

use tempfile::TempDir;

/// The command line.
pub(crate) struct Asked {
    /// Little of everything, to show that it works.
    pub(crate) quick: bool,
    /// The parts to do; none means all.
    parts: Vec<String>,
    /// Where to put files.
    folder: PathBuf,
}

impl Asked {
    /// Reads the command line of this process.
    pub(crate) fn from_command_line() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        let folder = std::env::var_os("LIKEWISE_BENCH_FOLDER")
            .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
        Self {
            // Cargo names the reason when it is a benchmark; otherwise this is part of a test run.
            quick: has("--quick") || !has("--bench"),
            parts: arguments.into_iter().filter(|name| !name.starts_with("--")).collect(),
            folder,
        }
    }

    /// Whether this part is to be done.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|part| part == name)
    }

    /// A folder that is gone when it is dropped.
    pub(crate) fn temporary(&self, prefix: &str) -> TempDir {
        let made = tempfile::Builder::new().prefix(prefix).tempdir_in(&self.folder);
        made.expect("the folder for the files can be made")
    }
}
