//! The file of tokens: who knows one of them has its right.
//!
//! ```text
//! # comments and empty lines
//! write sha256:64 hexadecimal digits web shop      RIGHT sha256:HASH [NAME], 1 to 64 lines
//! ```
//!
//! The file holds hashes, so that whoever reads it has no token. A plain SHA-256 is enough, because a token is 32
//! random bytes: nobody finds it by trying, as they would a password, which needs a slow hash.

use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::access::file_error::{AccessFileError, FileKind};
use crate::access::right::{Caller, Right};

/// Tokens of a file. One more is an error: each is one more that may have leaked, and is compared with at each
/// request.
pub(crate) const TOKENS_MAX: usize = 64;

/// Bytes of a token's name. A longer one is an error: it is a word for logs.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// The shortest token that is looked for, in bytes. What is shorter has no match, whatever the file says: it
/// could be found by trying.
pub(crate) const TOKEN_BYTES_MIN: usize = 32;

/// Random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// What tokens begin with, so that people and scanners for secrets know one where they see it.
const PREFIX: &str = "likewise_";

/// What stands before a hash.
const HASH_PREFIX: &str = "sha256:";

/// The tokens that are taken. It has no `Debug`: nothing should print it.
pub(crate) struct Tokens(Vec<Entry>);

struct Entry {
    hash: [u8; 32],
    right: Right,
    name: String,
}

/// A token that was just made.
pub(crate) struct Made {
    /// The token itself, to be shown once.
    pub(crate) token: String,
    /// Its line of the file.
    pub(crate) line: String,
}

/// Makes a token of 32 random bytes.
///
/// # Errors
/// Where the system has no random numbers.
pub(crate) fn make(right: Right, name: &str) -> Result<Made, getrandom::Error> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)?;
    let token = format!("{PREFIX}{}", hex(&bytes));
    let line = format!("{} {HASH_PREFIX}{} {name}", right.as_str(), hex(&hash(token.as_bytes())));
    Ok(Made { token, line: line.trim_end().to_owned() })
}

/// Whether a token may have this name.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
        return Err(format!(
            "should be at most {NAME_BYTES_MAX} bytes of text without control characters"
        ));
    }
    Ok(())
}

impl Tokens {
    /// Reads the bytes of a file; `file` is for errors.
    pub(crate) fn parse(file: &Path, bytes: &[u8]) -> Result<Self, AccessFileError> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(FileKind::Tokens.wrong(file, "is not text: check the path"));
        };
        let mut found: Vec<(usize, Entry)> = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !is_comment(line)) {
            let wrong =
                |problem| FileKind::Tokens.wrong_at(file, format!("line {number}"), problem);
            let entry = Entry::parse(line).map_err(wrong)?;
            if let Some((first, _)) = found.iter().find(|(_, it)| it.hash == entry.hash) {
                return Err(wrong(format!(
                    "has the token of line {first} again: remove one of the two"
                )));
            }
            if found.len() == TOKENS_MAX {
                return Err(wrong(format!(
                    "is one token more than the {TOKENS_MAX} of a file: remove those that nobody uses any more"
                )));
            }
            found.push((number, entry));
        }
        if found.is_empty() {
            let problem = "holds no token, so that nobody could do anything: add the line of one, as `likewise token` prints it";
            return Err(FileKind::Tokens.wrong(file, problem));
        }
        Ok(Self(found.into_iter().map(|(_, entry)| entry).collect()))
    }

    /// Who shows this token. How long it takes tells nothing about the hashes: all are compared to the end.
    pub(crate) fn find(&self, token: &str) -> Option<Caller> {
        if token.len() < TOKEN_BYTES_MIN {
            return None;
        }
        let hash = hash(token.as_bytes());
        // The number of the entry from 1; 0 is none.
        let mut found = 0_u32;
        for (number, entry) in (1_u32..).zip(&self.0) {
            found.conditional_assign(&number, entry.hash.ct_eq(&hash));
        }
        let entry = self.0.get(found.checked_sub(1)? as usize)?;
        Some(Caller::Holder { right: entry.right, name: entry.name.clone() })
    }
}

impl Entry {
    /// Reads a line; the error says what is wrong with it, and what to do.
    fn parse(line: &str) -> Result<Self, String> {
        let (right, rest) = word(line);
        // The word is not shown: a slip may have brought a token there.
        let right = Right::of_name(right).ok_or(
            "begins with none of read, write, admin and #: write the line as `likewise token` prints it",
        )?;
        let (hash, name) = word(rest);
        let hash = hash.strip_prefix(HASH_PREFIX).and_then(of_hex).ok_or(
            "should have sha256: and 64 hexadecimal digits after its right, and never the token itself: write it as `likewise token` prints it",
        )?;
        let name = name.trim();
        check_name(name).map_err(|problem| format!("has a name that {problem}: shorten it"))?;
        Ok(Self { hash, right, name: name.to_owned() })
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The first word, and what follows.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes of 64 hexadecimal digits.
fn of_hex(digits: &str) -> Option<[u8; 32]> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
