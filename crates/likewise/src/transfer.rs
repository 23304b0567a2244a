//! Import and export: all likes as lines of JSON, in requests and answers of any length and in little
//! memory.
//!
//! An exported line carries the version of its like as `seen`, so that importing it anywhere raises the
//! like to exactly that version: `target(n)` is `n` where the action fits its parity. Importing an export
//! is therefore a merge: it can be repeated, and two exports can be imported in any order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::args::{ExportArgs, ImportArgs};
use crate::client::{Client, ClientError};
use crate::commands::print;

/// Bytes of lines in one request. Small enough for a progress bar that moves, large enough that the round
/// trip costs nothing.
const REQUEST_BYTES_MAX: usize = 8 << 20;

/// Bytes of a line that are sent. What is longer is far beyond what any node takes and is sent cut off,
/// so that the node rejects it by its number.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Rejected lines that are described. Later ones are counted.
const REJECTED_SHOWN_MAX: usize = 100;

/// Bytes of an export that are read at once.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// What became of an import so far.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    lines: u64,
    accepted: u64,
    changed: u64,
    pub(crate) rejected: u64,
    /// The first rejected lines, with their numbers in the whole file.
    pub(crate) errors: Vec<(u64, String)>,
}

/// Runs `likewise import`.
///
/// # Errors
/// Where the file can't be read, the node can't be reached or refuses, or lines were rejected.
pub fn import(args: &ImportArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let name = args.file.display();
    let (input, bytes): (Box<dyn Read>, Option<u64>) = if is_dash(&args.file) {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(&args.file).map_err(ClientError::file(format!("open {name}")))?;
        let size = file.metadata().ok().map(|metadata| metadata.len());
        (Box::new(file), size)
    };
    let bar = progress(bytes);
    let mut input = BufReader::with_capacity(BLOCK_BYTES, input);
    let mut imported = Imported::default();
    let result = import_all(&client, &mut input, &mut imported, &bar);
    bar.finish_and_clear();
    imported.report(args.json)?;
    result.map_err(|cause| ClientError::Interrupted {
        after: format!("the first {} lines of {name} had been imported", imported.lines),
        cause: Box::new(cause),
    })?;
    match imported.rejected {
        0 => Ok(()),
        lines => Err(ClientError::Rejected { lines }),
    }
}

fn import_all(
    client: &Client,
    input: &mut impl BufRead,
    imported: &mut Imported,
    bar: &ProgressBar,
) -> Result<(), ClientError> {
    let mut batch = Vec::with_capacity(REQUEST_BYTES_MAX);
    loop {
        let lines = next_batch(input, &mut batch).map_err(ClientError::file("read the lines"))?;
        if lines == 0 {
            return Ok(());
        }
        let answer = client.post("/v1/likes", "application/x-ndjson", &batch)?;
        imported.add(&answer, lines);
        bar.inc(batch.len() as u64);
    }
}

/// Fills `batch` with whole lines, and answers how many: 0 at the end.
pub(crate) fn next_batch(input: &mut impl BufRead, batch: &mut Vec<u8>) -> io::Result<u64> {
    batch.clear();
    let mut lines = 0;
    while batch.len() < REQUEST_BYTES_MAX - LINE_BYTES_MAX as usize {
        if input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', batch)? == 0 {
            break;
        }
        lines += 1;
        if batch.last() != Some(&b'\n') {
            // The last line of the file, or one that is too long.
            input.skip_until(b'\n')?;
            batch.push(b'\n');
        }
    }
    Ok(lines)
}

impl Imported {
    /// Adds the answer to a request of `lines` lines.
    pub(crate) fn add(&mut self, answer: &Value, lines: u64) {
        let number = |field: &str| answer[field].as_u64().unwrap_or_default();
        // Whoever answers may be no node.
        self.accepted = self.accepted.saturating_add(number("accepted"));
        self.changed = self.changed.saturating_add(number("changed"));
        self.rejected = self.rejected.saturating_add(number("rejected"));
        for error in answer["errors"].as_array().into_iter().flatten() {
            if self.errors.len() < REJECTED_SHOWN_MAX {
                let line = error["line"].as_u64().unwrap_or_default();
                let line = self.lines.saturating_add(line);
                let detail = error["detail"].as_str().unwrap_or_default();
                self.errors.push((line, detail.to_owned()));
            }
        }
        self.lines = self.lines.saturating_add(lines);
    }

    fn report(&self, as_json: bool) -> Result<(), ClientError> {
        let Self { accepted, changed, rejected, errors, .. } = self;
        if as_json {
            let errors: Vec<Value> = errors
                .iter()
                .map(|(line, detail)| json!({ "line": line, "detail": detail }))
                .collect();
            let report = json!({
                "accepted": accepted, "changed": changed, "rejected": rejected, "errors": errors,
            });
            return print(format!("{report}\n"));
        }
        for (line, detail) in errors {
            // The report below goes on without standard error.
            let _ = writeln!(io::stderr(), "line {line}: {detail}");
        }
        print(format!("accepted {accepted} lines, {changed} changed a like, {rejected} rejected\n"))
    }
}

/// Runs `likewise export`. A file appears only once it is whole.
///
/// # Errors
/// Where the node can't be reached or breaks off, or the file can't be written.
pub fn export(args: &ExportArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let mut input = client.stream("/v1/export")?;
    let bar = progress(None);
    if is_dash(&args.file) {
        copy(&client, &mut input, &bar, |block| print(block))?;
    } else {
        to_file(&client, &mut input, &bar, &args.file)?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn to_file(
    client: &Client,
    input: &mut impl Read,
    bar: &ProgressBar,
    path: &Path,
) -> Result<(), ClientError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let failed = || ClientError::file(format!("write {}", partial.display()));
    let mut file = File::create(&partial).map_err(failed())?;
    let copied = copy(client, input, bar, |block| file.write_all(block).map_err(failed()));
    let whole = copied.and_then(|()| {
        file.sync_all().map_err(failed())?;
        let renamed = std::fs::rename(&partial, path);
        renamed.map_err(ClientError::file(format!("write {}", path.display())))
    });
    if whole.is_err() {
        // The first error is the one to tell of.
        let _ = std::fs::remove_file(&partial);
    }
    whole
}

/// Hands all of an answer to `write`, piece by piece.
pub(crate) fn copy(
    client: &Client,
    input: &mut impl Read,
    bar: &ProgressBar,
    mut write: impl FnMut(&[u8]) -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let bytes = input.read(&mut block).map_err(|error| client.broken_off(error))?;
        if bytes == 0 {
            return Ok(());
        }
        write(&block[..bytes])?;
        bar.inc(bytes as u64);
    }
}

pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A bar on standard error where that is a terminal, else nothing.
pub(crate) fn progress(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:40} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} to go",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {binary_bytes}, {binary_bytes_per_sec}, {elapsed}",
        ),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the templates are valid"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(text: &[u8]) -> Vec<(u64, usize)> {
        let mut input = BufReader::new(text);
        let mut batch = Vec::new();
        let next = || {
            let lines = next_batch(&mut input, &mut batch).unwrap();
            (lines > 0).then_some((lines, batch.len()))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn batches_hold_whole_lines_and_stay_bounded() {
        assert_eq!(batches(b""), []);
        assert_eq!(batches(b"a\n\nbc"), [(3, 6)]);
        let many = b"0123456\n".repeat(2_000_000);
        let found = batches(&many);
        assert_eq!(found.iter().map(|&(lines, _)| lines).sum::<u64>(), 2_000_000);
        assert!(found.len() > 1 && found.iter().all(|&(_, bytes)| bytes <= REQUEST_BYTES_MAX));
    }

    #[test]
    fn a_line_without_end_is_cut_off_and_still_one_line() {
        let text = [&b"x".repeat(1 << 20)[..], b"\ny\n"].concat();
        assert_eq!(batches(&text), [(2, LINE_BYTES_MAX as usize + 3)]);
    }

    #[test]
    fn rejected_lines_are_numbered_in_the_whole_file() {
        let mut imported = Imported { lines: 10, ..Imported::default() };
        let errors = json!([{ "line": 2, "detail": "no" }]);
        let answer = json!({ "accepted": 4, "changed": 1, "rejected": 1, "errors": errors });
        imported.add(&answer, 5);
        assert_eq!(imported.errors, [(12, "no".to_owned())]);
        assert_eq!((imported.lines, imported.accepted, imported.rejected), (15, 4, 1));
        // What is no node may say anything.
        let answer = json!({ "accepted": u64::MAX, "errors": [{ "line": u64::MAX }] });
        imported.add(&answer, u64::MAX);
        assert_eq!((imported.lines, imported.accepted), (u64::MAX, u64::MAX));
    }
}
