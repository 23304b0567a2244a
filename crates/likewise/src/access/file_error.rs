//! Why a file gives no tokens or keys. It never shows what the file holds: a slip may have brought a secret
//! to any place in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a file.
#[derive(Debug)]
pub struct AccessFileError {
    /// What kind of file it should be.
    kind: FileKind,
    file: PathBuf,
    problem: Problem,
}

/// The files that say who may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `--tokens-file`
    Tokens,
    /// `--jwks-file`
    Jwks,
}

#[derive(Debug)]
enum Problem {
    /// It can't be read.
    Read(io::Error),
    /// A place in it makes no sense: where, and what to do.
    Place(String, String),
    /// The whole of it makes no sense: what to do.
    Whole(String),
}

impl FileKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens file",
            Self::Jwks => "JWKS file",
        }
    }

    const fn setting(self) -> &'static str {
        match self {
            Self::Tokens => "tokens-file",
            Self::Jwks => "jwks-file",
        }
    }

    /// The error of a file that can't be read.
    pub(crate) fn unreadable(self, file: &Path, source: io::Error) -> AccessFileError {
        self.error(file, Problem::Read(source))
    }

    /// The error of a place in a file.
    pub(crate) fn wrong_at(
        self,
        file: &Path,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) -> AccessFileError {
        self.error(file, Problem::Place(place.into(), problem.into()))
    }

    /// The error of a whole file.
    pub(crate) fn wrong(self, file: &Path, problem: impl Into<String>) -> AccessFileError {
        self.error(file, Problem::Whole(problem.into()))
    }

    fn error(self, file: &Path, problem: Problem) -> AccessFileError {
        AccessFileError { kind: self, file: file.to_owned(), problem }
    }
}

impl fmt::Display for AccessFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, file) = (self.kind.name(), self.file.display());
        match &self.problem {
            Problem::Read(source) => write!(
                f,
                "can't read the {name} {file}: {source}; check the path that --{} gives, and that the node's user may read it",
                self.kind.setting()
            ),
            Problem::Place(place, problem) => write!(f, "{name} {file}: {place} {problem}"),
            Problem::Whole(problem) => write!(f, "{name} {file} {problem}"),
        }
    }
}

impl std::error::Error for AccessFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Read(source) => Some(source),
            Problem::Place(..) | Problem::Whole(_) => None,
        }
    }
}
