//! Doors to what the command line reads: files to import, and answers of whatever answers.

use std::io::{self, BufReader};

use serde_json::Value;

use crate::client::{Client, ClientError};
use crate::{commands, transfer};

/// The requests that a file becomes: the number of lines of each, and their bytes.
///
/// # Errors
/// Where the file can't be read: never, as it is in memory.
pub fn import_batches(file: &[u8]) -> io::Result<Vec<(u64, Vec<u8>)>> {
    let mut input = BufReader::new(file);
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    loop {
        match transfer::next_batch(&mut input, &mut batch)? {
            0 => return Ok(batches),
            lines => batches.push((lines, batch.clone())),
        }
    }
}

/// What an import tells after these answers, each to a request of so many lines: how many lines were
/// rejected, and those that are described.
#[must_use]
pub fn import_answer(answers: &[(Value, u64)]) -> (u64, Vec<(u64, String)>) {
    let mut imported = transfer::Imported::default();
    answers.iter().for_each(|(answer, lines)| imported.add(answer, *lines));
    (imported.rejected, imported.errors)
}

/// What `likewise members` prints of an answer.
#[must_use]
pub fn cluster_table(members: &[Value]) -> String {
    commands::members::listing(members)
}

/// What `likewise count` and `likewise top` print of an answer.
///
/// # Errors
/// Where it is no node's.
pub fn counts(answer: &Value, as_json: bool) -> Result<String, ClientError> {
    commands::counts(&Client::new("http://127.0.0.1:1")?, answer, as_json)
}
