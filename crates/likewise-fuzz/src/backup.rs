//! Backups: files as they are found, frames whose checksums all fit whatever they hold, and bodies of restores.

use likewise::backup::error::BackupError;
use likewise::backup::format::{BLOCK_ENTRIES_MAX, Header, STORED_BYTES_MAX, Sort, frame};
use likewise::backup::reader::{Content, Part, Reader};
use likewise::backup::writer::Writer;
use likewise_state::delta::Delta;

use crate::http::{BODY_FACTOR, NODE_BYTES, served};
use crate::script::{Script, put_piece};
use crate::state::some_likes;
use crate::{Bound, Target, assert_says_something};

/// What a deflated byte may cost: it unpacks to a thousand, up to a block's bound, in a buffer that doubles. Parts
/// are kept here as they are and unpacked, and written once more.
const BOUND: Bound = Bound { constant: 4 << 20, factor: 4_096 };

/// [`backup_file`]
pub const BACKUP_FILE: Target =
    Target { name: "backup_file", run: backup_file, seeds: file_seeds, bound: BOUND, slowness: 4 };

/// [`backup_sealed`]
pub const BACKUP_SEALED: Target = Target {
    name: "backup_sealed",
    run: backup_sealed,
    seeds: sealed_seeds,
    bound: BOUND,
    slowness: 8,
};

/// [`restore_body`]
pub const RESTORE_BODY: Target = Target {
    name: "restore_body",
    run: restore_body,
    seeds: sealed_seeds,
    bound: Bound { constant: NODE_BYTES + BOUND.constant, factor: BODY_FACTOR + BOUND.factor },
    slowness: 40,
};

type Read = Result<Vec<Part>, BackupError>;

fn read(bytes: &[u8], piece: usize) -> (Read, Reader) {
    let (mut reader, mut parts) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.next_part() {
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break,
                Err(error) => return (Err(error), reader),
            }
        }
    }
    (Ok(parts), reader)
}

/// A file: the same however it comes, and what is whole can be written once more and read again.
fn check_file(bytes: &[u8], piece: usize) {
    let (whole, reader) = read(bytes, bytes.len().max(1));
    let (pieces, _) = read(bytes, piece);
    assert!(whole == pieces, "a part depends on how the file is cut");
    let parts = match whole {
        Ok(parts) => parts,
        Err(error) => {
            assert!(error.offset <= bytes.len() as u64, "an error beyond the end");
            return assert_says_something(&error);
        }
    };
    let of_parts: usize = parts.iter().map(|part| part.bytes.len()).sum();
    assert!(of_parts <= bytes.len(), "more than there was");
    let footer = match reader.finish() {
        Ok(footer) => footer,
        Err(error) => return assert_says_something(&error),
    };
    assert_eq!(of_parts, bytes.len(), "something was left out");
    let mut entries = Delta::default();
    let mut header = Header::default();
    for part in parts {
        match part.content {
            Content::Header(found) => header = found,
            Content::Block(delta) => {
                assert!(delta.len() <= BLOCK_ENTRIES_MAX);
                delta.entries().for_each(|(like, length)| entries.push(like, length));
            }
            Content::Footer(found) => assert_eq!(found, footer),
        }
    }
    assert_eq!(entries.len() as u64, footer.entries);
    let again = written(&header, &entries);
    let (parts, reader) = read(&again, 1 << 20);
    let footer = reader.finish().expect("it was written here");
    assert_eq!(footer.entries, entries.len() as u64);
    assert_eq!(parts.expect("it was written here")[0].content, Content::Header(header));
}

fn written(header: &Header, entries: &Delta) -> Vec<u8> {
    let (mut writer, mut bytes) = Writer::begin(header);
    for (like, length) in entries.entries() {
        bytes.extend(writer.push(like, length).unwrap_or_default());
    }
    bytes.extend(writer.finish(7));
    bytes
}

/// A file as it is found.
pub fn backup_file(data: &[u8]) {
    let mut script = Script(data);
    let piece = 1 + usize::from(script.byte()) * 7;
    check_file(script.rest(), piece);
}

/// The frames that a script says, each with a right checksum: its first byte says of which sort it is, and whether
/// the rest is to be deflated or to be taken for that already.
fn sealed(script: &mut Script<'_>) -> Vec<u8> {
    let (_, mut bytes) = Writer::begin(&Header::default());
    while let Some(piece) = script.piece() {
        let Some((&how, content)) = piece.split_first() else { continue };
        let content = &content[..content.len().min(STORED_BYTES_MAX)];
        let sort = [Sort::Block, Sort::Block, Sort::Footer, Sort::Header][usize::from(how % 4)];
        bytes.extend(match how & 4 {
            0 if sort == Sort::Block => frame(sort, content.len(), &deflated(content)),
            // Deflated already: it says that it unpacks to a number of its own.
            _ => frame(sort, content.len() * usize::from(how >> 3) % (1 << 18), content),
        });
    }
    bytes
}

/// As deflate stores what it can't make smaller: blocks of up to 65,535 bytes behind five of their own.
fn deflated(content: &[u8]) -> Vec<u8> {
    let content = &content[..content.len().min(usize::from(u16::MAX))];
    let len = content.len() as u16;
    [&[1][..], &len.to_le_bytes(), &(!len).to_le_bytes(), content].concat()
}

/// A file of frames that all look right.
pub fn backup_sealed(data: &[u8]) {
    let mut script = Script(data);
    let piece = 1 + usize::from(script.byte()) * 7;
    check_file(&sealed(&mut script), piece);
}

/// The body of a restore, of such frames, cut off at times.
pub fn restore_body(data: &[u8]) {
    let mut script = Script(data);
    let cut = usize::from(script.byte());
    let mut body = sealed(&mut script);
    body.truncate(body.len() - if cut < 64 { cut.min(body.len()) } else { 0 });
    let head =
        format!("POST /v1/restore HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    served(&[head.as_bytes(), &body].concat());
}

fn file_seeds() -> Vec<Vec<u8>> {
    let header = Header { cluster: "c".to_owned(), node: "n".to_owned(), ..Header::default() };
    let counts = [(0, 0), (0, 1), (0, 30), (0, 5_000)];
    let files = counts.map(|(from, count)| written(&header, &some_likes(from, count)));
    files.map(|file| [&[9][..], &file].concat()).to_vec()
}

fn sealed_seeds() -> Vec<Vec<u8>> {
    let plain = |from, count| [&[0][..], some_likes(from, count).as_bytes()].concat();
    let footer = {
        let (writer, _) = Writer::begin(&Header::default());
        let bytes = writer.finish(0);
        [&[2][..], &bytes[likewise::backup::format::FRAME_HEAD_BYTES..]].concat()
    };
    // A run of zeros, deflated, behind a number that it does not unpack to.
    let bomb =
        [&[4 | 31 << 3][..], &[0x63, 0x60, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x0c, 0, 0]].concat();
    let scripts = [
        vec![plain(0, 3)],
        vec![plain(0, 40), plain(40, 2), footer.clone()],
        vec![footer],
        vec![bomb, plain(0, 1)],
    ];
    scripts
        .map(|pieces| {
            let mut script = vec![100];
            pieces.iter().for_each(|piece| put_piece(&mut script, piece));
            script
        })
        .to_vec()
}
