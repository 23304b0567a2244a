//! The file that holds a cluster's secret: text for people to copy, and errors that never repeat it.
//!
//! ```text
//! # comments and empty lines
//! key     64 hexadecimal digits       1 to 8 lines: the first seals, all are accepted
//! digests 64 hexadecimal digits       exactly 1 line: stays when keys are rotated
//! ```

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// `key` lines of a file. One more is an error: whoever needs more has forgotten to remove old ones, and
/// each is one more that may have leaked.
pub const KEYS_MAX: usize = 8;

/// Bytes of a file. A longer one is an error, lest a wrong path read a disk into memory.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The bytes of a `key` or `digests` line.
pub(crate) type Key = [u8; 32];

/// What a key file holds. It has no `Debug`: nothing may print it.
pub(crate) struct KeyFile {
    /// Seals packets and opens links.
    pub(crate) first: Key,
    /// Are accepted too.
    pub(crate) others: Vec<Key>,
    /// The key of digests.
    pub(crate) digests: Key,
}

/// Why a file gives no secret. It never shows what the file holds.
#[derive(Debug)]
pub enum KeyFileError {
    /// The file can't be read.
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is none of a key file.
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Something that is wrong with the whole of it.
    Whole {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
}

/// The text of a new key file, with a new secret in it.
///
/// # Errors
/// Where the system has no random numbers.
pub fn generate() -> Result<String, getrandom::Error> {
    let (mut key, mut digests) = ([0; 32], [0; 32]);
    getrandom::fill(&mut key)?;
    getrandom::fill(&mut digests)?;
    let (key, digests) = (hex(&key), hex(&digests));
    Ok(format!(
        "\
# The secret of a Likewise cluster. Whoever has this file can join the cluster and read and write all
# likes: keep it like a password, readable by the node's user only, and give the same file to every node
# (--cluster-key-file FILE).
#
# To replace the key of a running cluster, restart the nodes one after the other, all of them in each
# step, so that any two can talk at any time:
#   1. Add the `key` line of a new file (`likewise keygen`) below the one here: the new key is accepted.
#   2. Swap the two lines: the first key is the one that seals.
#   3. Remove the old line.
key {key}

# Leave this line as it is when you replace the key. State is compared under it, so a node with another
# one has nothing in common with the rest.
digests {digests}
"
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl KeyFile {
    /// Reads a key file. Warns where others than the owner may read it.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source| KeyFileError::Read { file: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        warn_if_others_may_read(path, &file);
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        Self::from_bytes(path, &bytes)
    }

    /// Reads the bytes of a key file; `path` is for errors.
    pub(crate) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, KeyFileError> {
        let whole = |problem| KeyFileError::Whole { file: path.to_owned(), problem };
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(whole("is longer than any key file: check the path"));
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(whole("is not text: check the path"));
        };
        Self::parse(path, text)
    }

    /// Reads the text of a key file; `path` is for errors.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, KeyFileError> {
        let mut keys: Vec<(usize, Key)> = Vec::new();
        let mut digests: Option<(usize, Key)> = None;
        for (line, content) in (1..).zip(text.lines()) {
            let wrong = |problem| KeyFileError::Line { file: path.to_owned(), line, problem };
            let mut words = content.split_whitespace();
            let name = match words.next() {
                None => continue,
                Some(name) if name.starts_with('#') => continue,
                Some(name @ ("key" | "digests")) => name,
                // The line is not shown: a slip may have brought the secret itself to its beginning.
                Some(_) => return Err(wrong("begins with neither key, digests nor #: mend it, or make a new file with `likewise keygen`".to_owned())),
            };
            let key = value(words.next(), words.next()).map_err(|found| {
                wrong(format!("should be the word {name}, a space and 64 hexadecimal digits, but {found}: copy the line again"))
            })?;
            if let Some((first, _)) = keys.iter().chain(&digests).find(|(_, other)| *other == key) {
                return Err(wrong(format!(
                    "repeats the secret of line {first}: remove one of the two, or make another with `likewise keygen`"
                )));
            }
            if name == "key" {
                if keys.len() == KEYS_MAX {
                    return Err(wrong(format!(
                        "is one key more than the {KEYS_MAX} of a file: remove the keys that no node uses any more"
                    )));
                }
                keys.push((line, key));
            } else if let Some((first, _)) = digests.replace((line, key)) {
                return Err(wrong(format!(
                    "is a second digests line, after line {first}: keep the one that the other nodes have"
                )));
            }
        }
        Self::whole(path, &keys, digests)
    }

    fn whole(
        path: &Path,
        keys: &[(usize, Key)],
        digests: Option<(usize, Key)>,
    ) -> Result<Self, KeyFileError> {
        let lacks = |problem| KeyFileError::Whole { file: path.to_owned(), problem };
        let Some(((_, first), others)) = keys.split_first() else {
            return Err(lacks(
                "has no key line: copy the file of another node, or make one with `likewise keygen`",
            ));
        };
        let Some((_, digests)) = digests else {
            return Err(lacks(
                "has no digests line: copy that of the other nodes, or make a new file with `likewise keygen`",
            ));
        };
        Ok(Self { first: *first, others: others.iter().map(|(_, key)| *key).collect(), digests })
    }
}

/// The 32 bytes of 64 hexadecimal digits, or what stands there instead.
fn value(digits: Option<&str>, rest: Option<&str>) -> Result<Key, String> {
    let digits = digits.ok_or("nothing follows the word")?;
    if rest.is_some() {
        return Err("something follows the digits".to_owned());
    }
    let found = digits.chars().count();
    if found != 64 {
        return Err(format!("has {found} digits"));
    }
    let mut key = Key::default();
    for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err("has other characters among the digits".to_owned());
        };
        *byte = (high << 4 | low) as u8;
    }
    Ok(key)
}

#[cfg(unix)]
fn warn_if_others_may_read(path: &Path, file: &File) {
    use std::os::unix::fs::MetadataExt;
    // What can't be asked is not warned about: reading the file comes next and tells.
    let Ok(metadata) = file.metadata() else { return };
    let mode = metadata.mode();
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if lets_others_in(mode, is_ours) {
        tracing::warn!(
            file = %path.display(),
            mode = format_args!("{:03o}", mode & 0o777),
            "others than its owner may use the key file: run `chmod 600` on it",
        );
    }
}

/// Whether more people may use a file than the node needs. One that belongs to somebody else, as what
/// Kubernetes mounts belongs to root, can be read through the group alone.
#[cfg(unix)]
const fn lets_others_in(mode: u32, is_ours: bool) -> bool {
    mode & if is_ours { 0o077 } else { 0o037 } != 0
}

#[cfg(not(unix))]
fn warn_if_others_may_read(_: &Path, _: &File) {}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, source } => write!(
                f,
                "can't read the key file {}: {source}; check the path that --cluster-key-file gives, and that the node's user may read it",
                file.display()
            ),
            Self::Line { file, line, problem } => {
                write!(f, "key file {}: line {line} {problem}", file.display())
            }
            Self::Whole { file, problem } => write!(f, "key file {} {problem}", file.display()),
        }
    }
}

impl std::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Line { .. } | Self::Whole { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
