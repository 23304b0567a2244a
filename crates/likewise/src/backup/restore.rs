//! `likewise restore`: a file is checked to its end, and only then sent to a node, some blocks at a time.
//!
//! To send a block again changes nothing, so a restore that was interrupted is begun anew.

use std::io::{self, Read, Seek};

use indicatif::ProgressBar;
use serde_json::json;

use crate::args::RestoreArgs;
use crate::backup::error::BackupError;
use crate::backup::format::{Footer, Header};
use crate::backup::reader::{Content, Part, Reader};
use crate::backup::take::{check, open, sentence, summary, unread};
use crate::client::{Client, ClientError};
use crate::commands::print;
use crate::transfer::{BLOCK_BYTES, is_dash, progress};

/// The media type of a backup.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.likewise.backup";

/// Bytes of blocks in one request, or a block more. Small enough for a progress bar that moves and for an answer
/// in time from a slow disk, large enough that the round trip costs nothing.
const REQUEST_BYTES: usize = 1 << 20;

/// Runs `likewise restore`.
///
/// # Errors
/// Where the file can't be read or is damaged, the node can't be reached or refuses.
pub(crate) fn run(args: &RestoreArgs) -> Result<(), ClientError> {
    let name = args.file.display().to_string();
    if args.check {
        let (header, footer) = if is_dash(&args.file) {
            checked("standard input", &mut io::stdin().lock(), &progress(None))?
        } else {
            let mut file = open(&args.file)?;
            let bar = progress(file.metadata().ok().map(|metadata| metadata.len()));
            checked(&name, &mut file, &bar)?
        };
        return print(match args.json {
            true => format!("{}\n", summary(&header, &footer)),
            false => format!("{name} is whole: {}\n", sentence(&header, &footer)),
        });
    }
    if is_dash(&args.file) {
        return Err(ClientError::Unchecked);
    }
    let client = Client::of(&args.node)?;
    let mut file = open(&args.file)?;
    let size = file.metadata().ok().map(|metadata| metadata.len());
    let (header, footer) = checked(&name, &mut file, &progress(size))?;
    file.rewind().map_err(unread(&name))?;
    let mut sent = Sent::new(&client, &name, progress(size));
    let result = sent.all(&mut file);
    sent.bar.finish_and_clear();
    result.map_err(|cause| sent.interrupted(cause, &footer))?;
    print(sent.report(args.json, &header, &footer))
}

fn checked(
    name: &str,
    input: &mut impl Read,
    bar: &ProgressBar,
) -> Result<(Header, Footer), ClientError> {
    let found = check(input, |bytes| bar.inc(bytes as u64));
    bar.finish_and_clear();
    found.map_err(unread(name))?.map_err(damaged(name))
}

fn damaged(name: &str) -> impl Fn(BackupError) -> ClientError + use<> {
    let file = name.to_owned();
    move |error| ClientError::Damaged { file: file.clone(), error }
}

/// What of a file has been sent, and what became of it.
struct Sent<'a> {
    client: &'a Client,
    name: &'a str,
    bar: ProgressBar,
    /// Preamble and header: each request begins with them.
    head: Vec<u8>,
    request: Vec<u8>,
    blocks: u64,
    answered: u64,
    entries: u64,
    changed: u64,
}

impl<'a> Sent<'a> {
    fn new(client: &'a Client, name: &'a str, bar: ProgressBar) -> Self {
        let (head, request) = (Vec::new(), Vec::new());
        Self { client, name, bar, head, request, blocks: 0, answered: 0, entries: 0, changed: 0 }
    }

    /// Sends the whole file, which is checked once more on its way: nobody has locked it.
    fn all(&mut self, file: &mut impl Read) -> Result<(), ClientError> {
        let (mut reader, mut piece) = (Reader::default(), vec![0; BLOCK_BYTES]);
        loop {
            let bytes = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unread(self.name)(error)),
            };
            reader.push(&piece[..bytes]);
            while let Some(part) = reader.next_part().map_err(damaged(self.name))? {
                self.part(part)?;
            }
        }
        reader.finish().map_err(damaged(self.name))?;
        self.request()
    }

    fn part(&mut self, part: Part) -> Result<(), ClientError> {
        match part.content {
            Content::Header(_) => self.head = part.bytes,
            Content::Block(_) => {
                self.request.extend_from_slice(&part.bytes);
                self.blocks += 1;
            }
            Content::Footer(_) => {}
        }
        if self.request.len() >= REQUEST_BYTES { self.request() } else { Ok(()) }
    }

    /// Sends the blocks that have gathered.
    fn request(&mut self) -> Result<(), ClientError> {
        if self.request.is_empty() {
            return Ok(());
        }
        let body = [&self.head[..], &self.request].concat();
        let answer = self.client.post("/v1/restore", MEDIA_TYPE, &body)?;
        let number = |field: &str| answer[field].as_u64();
        let (Some(entries), Some(changed)) = (number("entries"), number("changed")) else {
            let (url, answer) = (self.client.url().to_owned(), answer.to_string());
            return Err(ClientError::Answer { url, answer });
        };
        self.entries = self.entries.saturating_add(entries);
        self.changed = self.changed.saturating_add(changed);
        self.answered = self.blocks;
        self.bar.inc(self.request.len() as u64);
        self.request.clear();
        Ok(())
    }

    fn interrupted(&self, cause: ClientError, footer: &Footer) -> ClientError {
        let after = format!(
            "the first {} of {} blocks of {} had been restored",
            self.answered, footer.blocks, self.name
        );
        ClientError::Interrupted { after, cause: Box::new(cause) }
    }

    fn report(&self, as_json: bool, header: &Header, footer: &Footer) -> String {
        if as_json {
            let mut report = summary(header, footer);
            report["restored"] = json!(self.entries);
            report["changed"] = json!(self.changed);
            return format!("{report}\n");
        }
        format!(
            "restored {}: {}; {} of {} were news to the node\n",
            self.name,
            sentence(header, footer),
            self.changed,
            self.entries
        )
    }
}
