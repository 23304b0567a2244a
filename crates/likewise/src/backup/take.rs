//! `likewise backup`: a node's likes into a file, which is read once more before it gets its name.

use std::fs::File;
use std::io::{self, Read, Write};

use serde_json::{Value, json};

use crate::args::BackupArgs;
use crate::backup::error::BackupError;
use crate::backup::format::{Footer, Header};
use crate::backup::keep::Kept;
use crate::backup::reader::{Content, Reader};
use crate::client::{Client, ClientError};
use crate::commands::print;
use crate::transfer::{BLOCK_BYTES, copy, is_dash, progress};

/// Runs `likewise backup`.
///
/// # Errors
/// Where the node can't be reached or breaks off, or what came is no whole backup, or the file can't be written.
pub(crate) fn run(args: &BackupArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    if is_dash(&args.file) {
        return to_standard_output(&client);
    }
    // Before the node is asked for all it has.
    let mut kept = Kept::begin(&args.file, args.force)?;
    let mut input = client.stream("/v1/backup")?;
    let bar = progress(None);
    copy(&client, &mut input, &bar, |piece| kept.write(piece))?;
    bar.finish_and_clear();
    let file = args.file.display().to_string();
    let found = check(&mut kept.written()?, |_| {}).map_err(unread(&file))?;
    let (header, footer) = found.map_err(|error| incomplete(&client, &error))?;
    kept.publish()?;
    let report = if args.json {
        format!("{}\n", summary(&header, &footer))
    } else {
        format!("{file}: {}\n", sentence(&header, &footer))
    };
    print(report)
}

/// Checked while it passes; what reads it must look at the exit code, or check it once more.
fn to_standard_output(client: &Client) -> Result<(), ClientError> {
    let mut input = client.stream("/v1/backup")?;
    let (bar, mut reader) = (progress(None), Reader::default());
    let mut output = io::stdout().lock();
    let mut wrong = None;
    copy(client, &mut input, &bar, |piece| {
        wrong = wrong.take().or_else(|| read_on(&mut reader, piece, |_| {}).err());
        output.write_all(piece).map_err(ClientError::file("write to standard output"))
    })?;
    bar.finish_and_clear();
    output.flush().map_err(ClientError::file("write to standard output"))?;
    let checked = wrong.map_or_else(|| reader.finish().map(drop), Err);
    checked.map_err(|error| incomplete(client, &error))
}

fn incomplete(client: &Client, error: &BackupError) -> ClientError {
    ClientError::Incomplete { url: client.url().to_owned(), error: error.clone() }
}

/// The error of a file that can't be read.
pub(crate) fn unread(file: &str) -> impl FnOnce(io::Error) -> ClientError + use<> {
    ClientError::file(format!("read {file}"))
}

/// Reads a backup to its end, all of it in little memory, and answers with what it tells of itself.
pub(crate) fn check(
    input: &mut impl Read,
    mut came: impl FnMut(usize),
) -> io::Result<Result<(Header, Footer), BackupError>> {
    let (mut reader, mut header) = (Reader::default(), Header::default());
    let mut piece = vec![0; BLOCK_BYTES];
    loop {
        let bytes = match input.read(&mut piece) {
            Ok(0) => return Ok(reader.finish().map(|footer| (header, footer))),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        came(bytes);
        if let Err(error) = read_on(&mut reader, &piece[..bytes], |found| header = found) {
            return Ok(Err(error));
        }
    }
}

fn read_on(
    reader: &mut Reader,
    piece: &[u8],
    mut told: impl FnMut(Header),
) -> Result<(), BackupError> {
    reader.push(piece);
    while let Some(part) = reader.next_part()? {
        if let Content::Header(header) = part.content {
            told(header);
        }
    }
    Ok(())
}

/// What a backup tells of itself, for programs.
pub(crate) fn summary(header: &Header, footer: &Footer) -> Value {
    json!({
        "cluster": header.cluster, "node": header.node,
        "begun": moment(header.begun), "ended": moment(footer.ended),
        "blocks": footer.blocks, "entries": footer.entries, "likes": footer.likes,
    })
}

/// The same for people.
pub(crate) fn sentence(header: &Header, footer: &Footer) -> String {
    let Header { cluster, node, .. } = header;
    let (likes, others) = (footer.likes, footer.entries.saturating_sub(footer.likes));
    format!(
        "{likes} likes and {others} that were taken back, of node {} of cluster {}, begun {}, ended {}",
        // A file may be anybody's, and a terminal obeys what it is shown.
        node.escape_debug(),
        cluster.escape_debug(),
        moment(header.begun),
        moment(footer.ended)
    )
}

/// Milliseconds since 1970 as a date; beyond year 9999 there is none.
fn moment(millis: u64) -> String {
    let time = std::time::Duration::from_millis(millis.min(253_402_300_799_000));
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + time).to_string()
}

/// Opens a backup.
pub(crate) fn open(file: &std::path::Path) -> Result<File, ClientError> {
    File::open(file).map_err(ClientError::file(format!("open {}", file.display())))
}
