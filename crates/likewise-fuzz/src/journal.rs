//! What stands in the data folder: files that are damaged, foreign or missing, and files whose checksums all
//! fit whatever they hold.

use std::sync::LazyLock;

use likewise_journal::disk::Disk;
use likewise_journal::disk::memory::MemoryDisk;
use likewise_journal::error::{Corruption, JournalError};
use likewise_journal::journal::{Journal, Options};
use likewise_journal::store::StoreId;
use likewise_state::state::{Keys, State};

use crate::forged::{header, incarnation, record};
use crate::script::{Script, put_piece};
use crate::state::{STATE_BYTES, STATE_FACTOR, some_likes};
use crate::{Bound, Target, assert_says_something};

/// Two states, and a disk in memory with some files of 4 KiB: it keeps each file as it is seen, as it is
/// durable, and every write in between.
const BOUND: Bound = Bound { constant: 2 * STATE_BYTES + (512 << 10), factor: 2 * STATE_FACTOR };

/// [`journal`](fn@journal)
pub const JOURNAL: Target =
    Target { name: "journal", run: journal, seeds: journal_seeds, bound: BOUND, slowness: 20 };

/// [`journal_sealed`]
pub const JOURNAL_SEALED: Target = Target {
    name: "journal_sealed",
    run: journal_sealed,
    seeds: sealed_seeds,
    bound: BOUND,
    slowness: 20,
};

/// Files that are damaged before the folder is opened: the disk in memory never forgets a content.
const STEPS_MAX: usize = 8;

const STORE: StoreId = StoreId(*b"0123456789abcdef");

/// Names that a file may get beside those that are there: each kind's, and the last number that fits it.
const NAMES: [&str; 8] = [
    "store",
    "incarnation",
    "journal-0000000001.log",
    "journal-0000000009.log",
    "journal-18446744073709551615.log",
    "snapshot-0000000001.snap",
    "snapshot-18446744073709551615.snap",
    "store.tmp",
];

fn options() -> Options {
    let snapshot_journal_bytes_min = u64::MAX;
    Options { segment_bytes: 4_096, snapshot_journal_bytes_min, ..Options::new(STORE, "likes-0") }
}

type Files = Vec<(String, Vec<u8>)>;

fn files(disk: &MemoryDisk) -> Files {
    let names = disk.list().expect("it is in memory");
    let file = |name: String| disk.bytes(&name).map(|bytes| (name, bytes));
    names.into_iter().filter_map(file).collect()
}

fn folder(files: &Files) -> MemoryDisk {
    let disk = MemoryDisk::default();
    files.iter().for_each(|(name, bytes)| disk.put(name, bytes));
    disk
}

/// The folder of a node that has been started twice: three segments, and two snapshots between them.
static FOLDER: LazyLock<Files> = LazyLock::new(|| {
    let disk = MemoryDisk::default();
    for life in 0..2 {
        let state = State::new(Keys::for_tests());
        let opened = Journal::open(disk.clone(), options(), &state).expect("the disk is in order");
        let (mut journal, _) = opened;
        for n in life * 20..life * 20 + 20 {
            let delta = some_likes(10 * n, 10);
            state.merge_delta(&delta);
            journal.commit([&delta]).expect("the disk is in order");
            if n % 20 == 15 {
                let job = journal.begin_snapshot().expect("the disk is in order");
                let snapshot = job.run(&state, || true).expect("the disk is in order");
                journal.snapshot_written(snapshot).expect("the disk is in order");
            }
        }
    }
    files(&disk)
});

/// The folder of a node, of which files were replaced, damaged, cut off, removed or renamed.
pub fn journal(data: &[u8]) {
    let disk = folder(&FOLDER);
    let mut script = Script(data);
    for _ in 0..STEPS_MAX {
        if script.0.is_empty() {
            break;
        }
        let (step, which) = (script.byte() % 5, usize::from(script.byte()));
        let names = disk.list().expect("it is in memory");
        if names.is_empty() {
            break;
        }
        let name = &names[which % names.len()];
        let mut bytes = disk.bytes(name).expect("it is there");
        let at =
            usize::from(u16::from_le_bytes([script.byte(), script.byte()])) % (bytes.len() + 1);
        match step {
            0 => disk.put(name, script.piece().unwrap_or_default()),
            1 => {
                let over = script.piece().unwrap_or_default();
                let end = bytes.len().min(at + over.len());
                bytes[at..end].copy_from_slice(&over[..end - at]);
                disk.put(name, &bytes);
            }
            2 => disk.put(name, &bytes[..at]),
            3 => disk.remove(name).expect("it is there"),
            _ => disk.put(NAMES[at % NAMES.len()], &bytes),
        }
    }
    recover(&disk);
}

fn journal_seeds() -> Vec<Vec<u8>> {
    // By number, as they are listed: incarnation, segments, snapshots, store.
    let mut seeds = vec![Vec::new()];
    for which in 0..FOLDER.len() as u8 {
        let mut whole = vec![0, which, 0, 0];
        put_piece(&mut whole, &FOLDER[usize::from(which)].1);
        let over = [1, which, 100, 0, 4, 0, 1, 2, 3, 4];
        seeds.extend([whole, over.to_vec(), vec![2, which, 80, 0], vec![3, which, 0, 0]]);
        seeds.push(vec![4, which, which, 0]);
    }
    seeds
}

/// Opens the folder as a node does. What can be opened can be written to, and opened again with all of it.
fn recover(disk: &MemoryDisk) {
    let before = files(disk);
    let state = State::new(Keys::for_tests());
    let mut journal = match Journal::open(disk.clone(), options(), &state) {
        Ok((journal, _)) => journal,
        Err(error) => {
            assert_says_something(&error);
            // It has counted its start, and may have swept up what it had not finished.
            let is_kept = |name: &str| name != "incarnation" && !name.ends_with(".tmp");
            for (name, bytes) in before.iter().filter(|(name, _)| is_kept(name)) {
                assert!(disk.bytes(name).as_ref() == Some(bytes), "{name} was changed: {error}");
            }
            return;
        }
    };
    let delta = some_likes(100_000, 3);
    state.merge_delta(&delta);
    let go_on = || {
        journal.commit([&delta])?;
        let job = journal.begin_snapshot()?;
        let snapshot = job.run(&state, || true)?;
        journal.snapshot_written(snapshot)?;
        journal.commit([&delta])
    };
    // Numbers may have run out.
    if let Err(error) = { go_on }() {
        return assert_says_something(&error);
    }
    let again = State::new(Keys::for_tests());
    match Journal::open(disk.clone(), options(), &again) {
        Ok(_) => {}
        // The last numbers of all have been given.
        Err(JournalError::Corrupt { found: Corruption::TooLarge(_), .. }) => return,
        Err(error) => panic!("what was opened does not open again: {error}"),
    }
    assert_eq!(again.root_digest(), state.root_digest(), "something is lost");
}

/// Files whose checksums fit, so that everything behind them is reached.
pub fn journal_sealed(data: &[u8]) {
    let mut script = Script(data);
    let head = script.byte();
    // Among the files of a node, or with nothing but the file that says whose they are.
    let mut files = FOLDER.clone();
    if head & 0x80 != 0 {
        files.retain(|(name, _)| name == "store");
    }
    let disk = folder(&files);
    match head % 4 {
        0 => {
            let number = small_or_any(&mut script);
            disk.put(&format!("journal-{number:010}.log"), &segment(&mut script, number));
        }
        1 => {
            let number = small_or_any(&mut script);
            disk.put(&format!("snapshot-{number:010}.snap"), &snapshot(&mut script, number));
        }
        2 => {
            let lines = [incarnation(script.u64()), incarnation(small_or_any(&mut script))];
            disk.put("incarnation", lines.concat().as_bytes());
        }
        _ => disk.put("store", &store(&script)),
    }
    recover(&disk);
}

/// A number that fits what is there, or any.
fn small_or_any(script: &mut Script<'_>) -> u64 {
    match script.byte() {
        number @ 0..0xf0 => u64::from(number % 16),
        _ => script.u64(),
    }
}

/// Records with any payload and any numbers; or what the script has, where it wants no record.
fn segment(script: &mut Script<'_>, number: u64) -> Vec<u8> {
    let first = small_or_any(script);
    let size = script.byte();
    let mut sequence = first;
    let mut body = Vec::new();
    while !script.0.is_empty() {
        let flags = script.byte();
        if flags & 1 != 0 {
            sequence = small_or_any(script);
        }
        let unsynced = if flags & 2 != 0 { script.u64() as u32 } else { 0 };
        let piece = script.piece().unwrap_or_default();
        let length =
            if flags & 4 != 0 { (piece.len() as u32).to_le_bytes().to_vec() } else { Vec::new() };
        let payload = [&length, piece].concat();
        if flags & 8 != 0 {
            body.extend_from_slice(piece);
        } else {
            body.extend_from_slice(&record(STORE, number, sequence, unsynced, &payload));
        }
        sequence = sequence.wrapping_add(1);
    }
    // Zeros behind it, as in a file that is not full.
    body.resize(body.len() + usize::from(size & 0x7f) * 64, 0);
    let second = if size & 0x80 != 0 { script.u64() } else { 64 + body.len() as u64 };
    [header(STORE, b"LIKEJRNL", number, first, second), body].concat()
}

fn snapshot(script: &mut Script<'_>, number: u64) -> Vec<u8> {
    let (first, second) = (small_or_any(script), small_or_any(script));
    let mut bytes = header(STORE, b"LIKESNAP", number, first, second);
    let (mut chunks, mut total) = (0u64, 0u64);
    while let Some(chunk) = script.piece() {
        let place = [number, chunks, chunk.len() as u64].map(u64::to_le_bytes).concat();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&place), chunk);
        bytes.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(chunk);
        chunks += 1;
        total += chunk.len() as u64;
    }
    let totals = [chunks, total].map(u64::to_le_bytes).concat();
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&crc32c::crc32c(&totals).to_le_bytes());
    bytes.extend_from_slice(&totals);
    bytes
}

fn store(script: &Script<'_>) -> Vec<u8> {
    let sum = crc32c::crc32c(script.0);
    [script.0, format!("crc32c {sum:08x}\n").as_bytes()].concat()
}

fn sealed_seeds() -> Vec<Vec<u8>> {
    let likes = |from, count| some_likes(from, count).as_bytes().to_vec();
    let record = |flags: u8, payload: &[u8]| {
        let mut bytes = vec![flags];
        put_piece(&mut bytes, payload);
        bytes
    };
    let alone =
        [&[0x80, 1, 1, 0x40][..], &record(4, &likes(0, 5)), &record(4, &likes(5, 9))].concat();
    let torn = [&alone[..], &record(8, b"\xf1LKr\xff\xff\xff\xff torn")].concat();
    let last = [&[0, 9, 1, 0x40][..], &record(4, &likes(0, 5))].concat();
    let end = u64::MAX.to_le_bytes();
    let at_the_end = [&[0x80, 1, 0xff][..], &end, &[0x40], &record(4, &likes(0, 5))].concat();
    let state = State::new(Keys::for_tests());
    state.merge_delta(&some_likes(0, 40));
    let mut newest = vec![1, 9, 1, 1];
    state.chunks().for_each(|chunk| put_piece(&mut newest, &chunk));
    let far = [&[0x81, 9, 0xff][..], &end, &[0xff], &end, &newest[4..]].concat();
    let lives = [&[2][..], &17u64.to_le_bytes(), &[0xff], &16u64.to_le_bytes()].concat();
    let last_life = [&[2][..], &end, &[3]].concat();
    let id = STORE.to_string();
    let whose = format!("\u{3}likewise store\nformat 1\nid {id}\nnode likes-0\n").into_bytes();
    vec![alone, torn, last, at_the_end, newest, far, lives, last_life, whose]
}
