//! The bytes of a backup: they come back whole, however they come, and whatever has happened to them is noticed.
//!
//! Golden files are kept for ever. To add a format version leave the old files as they are, add new ones with the
//! new number in their name, and let the test of the old version only read. `LIKEWISE_GOLDEN=write` writes files
//! that are missing; it never changes one.

use std::ops::ControlFlow;
use std::path::PathBuf;

use likewise::backup::error::{BackupError, Cause};
use likewise::backup::format::{
    self, BLOCK_ENTRIES_MAX, BLOCK_PLAIN_BYTES_MAX, FRAME_HEAD_BYTES, Footer, Header,
    PREAMBLE_BYTES, STORED_BYTES_MAX, Sort,
};
use likewise::backup::reader::{Content, Part, Reader};
use likewise::backup::writer::Writer;
use likewise_state::delta::Delta;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use likewise_state::slot::SLOTS;
use likewise_state::state::{Keys, State};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Damages of each sort, in files that have three blocks and more.
const DAMAGES: usize = 400;

fn header() -> Header {
    let (cluster, node) = ("likewise".to_owned(), "a".to_owned());
    Header { cluster, node, begun: 1_790_000_000_000, posts: 3, likes: 2, users: 4 }
}

/// Some likes: posts of many users and of one, kinds, ids that hold anything, and lengths of any size.
fn likes(count: usize) -> State {
    let state = State::new(Keys::for_tests());
    for n in 0..count {
        let post = if n % 3 == 0 { "hot".to_owned() } else { format!("\u{1f600}/{}", n / 2) };
        let kind = if n % 5 == 0 { "heart" } else { "like" };
        let length = match n % 100 {
            1 => CausalLength::MAX.value(),
            2 => 123_456,
            3..10 => 2,
            _ => 1,
        };
        let user = format!("user {n}\0");
        let like = Like::new(&post, kind, &user).unwrap();
        state.raise(like, |_| CausalLength::new(length));
    }
    state
}

/// The pieces of a backup as a writer makes them: head, blocks, and what ends it.
fn pieces(state: &State) -> Vec<Vec<u8>> {
    let (mut writer, first) = Writer::begin(&header());
    let mut pieces = vec![first];
    for slot in 0..SLOTS {
        let _: ControlFlow<()> = state.each_entry(slot, |like, length| {
            pieces.extend(writer.push(like, length));
            ControlFlow::Continue(())
        });
    }
    pieces.push(writer.finish(1_790_000_000_500));
    pieces
}

/// Reads a backup that comes in pieces of this size.
fn read(bytes: &[u8], piece: usize) -> Result<(Vec<Part>, Footer), BackupError> {
    let (mut reader, mut parts) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(part) = reader.next_part()? {
            parts.push(part);
        }
    }
    Ok((parts, reader.finish()?))
}

fn merged(parts: &[Part]) -> State {
    let state = State::new(Keys::for_tests());
    for part in parts {
        if let Content::Block(delta) = &part.content {
            state.merge_delta(delta);
        }
    }
    state
}

/// Where the frames of a backup begin, and its end.
fn boundaries(parts: &[Part]) -> Vec<usize> {
    let mut at = 0;
    let ends = parts.iter().map(|part| {
        at += part.bytes.len();
        at
    });
    let ends: Vec<usize> = ends.collect();
    [&[0, PREAMBLE_BYTES][..], &ends].concat()
}

#[test]
fn what_is_backed_up_comes_back_to_the_version_however_it_is_cut() {
    for count in [0, 1, 2, 20_000] {
        let state = likes(count);
        let bytes = pieces(&state).concat();
        let (parts, footer) = read(&bytes, bytes.len()).unwrap();
        assert_eq!(parts[0].content, Content::Header(header()));
        assert_eq!(merged(&parts).root_digest(), state.root_digest(), "{count} likes");
        assert_eq!((footer.entries, footer.likes), (count as u64, state.totals().likes));
        assert_eq!(footer.blocks as usize, count.div_ceil(BLOCK_ENTRIES_MAX));
        assert_eq!(parts.iter().map(|part| &part.bytes[..]).collect::<Vec<_>>().concat(), bytes);
        for piece in [1, 13, 4_096, 100_000] {
            assert_eq!(read(&bytes, piece).unwrap(), (read(&bytes, bytes.len()).unwrap()));
        }
    }
}

#[test]
fn long_ids_close_a_block_before_it_grows_beyond_its_bound() {
    let state = State::new(Keys::for_tests());
    for n in 0..2_000 {
        let (post, user) = (format!("{n:0>512}"), format!("{n:x>512}"));
        let like = Like::new(&post, "a-kind-of-thirty-two-characters-", &user).unwrap();
        state.raise(like, |_| Some(CausalLength::MAX));
    }
    let bytes = pieces(&state).concat();
    let (parts, footer) = read(&bytes, 1 << 20).unwrap();
    assert_eq!(merged(&parts).root_digest(), state.root_digest());
    assert!(footer.blocks > 5, "{} blocks", footer.blocks);
}

#[test]
fn a_backup_that_is_cut_off_is_noticed_wherever_that_is() {
    let bytes = pieces(&likes(10_000)).concat();
    let (parts, _) = read(&bytes, bytes.len()).unwrap();
    let boundaries = boundaries(&parts);
    let mut random = SmallRng::seed_from_u64(1);
    let near = boundaries.iter().flat_map(|&at| [at.saturating_sub(1), at, at + 1]);
    let anywhere = std::iter::repeat_with(|| random.random_range(0..bytes.len())).take(DAMAGES);
    let cuts: Vec<usize> = near.chain(anywhere).filter(|&at| at < bytes.len()).collect();
    for at in cuts {
        let error = read(&bytes[..at], 50_000).expect_err(&format!("cut at {at}"));
        let is_known = matches!(error.cause, Cause::Truncated(_) | Cause::NoFooter);
        assert!(is_known && error.offset as usize <= at, "cut at {at}: {error}");
        assert!(boundaries.contains(&(error.offset as usize)), "cut at {at}: {error}");
    }
    let longer = [&bytes[..], b"\0"].concat();
    let error = read(&longer, 10).unwrap_err();
    assert_eq!((error.offset, error.cause), (bytes.len() as u64, Cause::Trailing));
}

#[test]
fn a_bit_that_is_flipped_is_noticed_wherever_it_is() {
    let bytes = pieces(&likes(10_000)).concat();
    let (parts, _) = read(&bytes, bytes.len()).unwrap();
    let boundaries = boundaries(&parts);
    let mut random = SmallRng::seed_from_u64(2);
    let mut places: Vec<usize> = (0..PREAMBLE_BYTES + 60).collect();
    for &at in &boundaries {
        places.extend(at.saturating_sub(2)..at + FRAME_HEAD_BYTES + 2);
    }
    places.extend(std::iter::repeat_with(|| random.random_range(0..bytes.len())).take(DAMAGES));
    places.retain(|&at| at < bytes.len());
    for at in places {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << random.random_range(0..8);
        let error = read(&damaged, 50_000).expect_err(&format!("flipped at {at}"));
        assert!(error.offset as usize <= at, "flipped at {at}: {error}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn blocks_that_are_missing_doubled_or_out_of_order_are_noticed_at_the_end() {
    let made = pieces(&likes(20_000));
    assert!(made.len() > 4);
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut pieces = made.clone();
        change(&mut pieces);
        read(&pieces.concat(), 50_000).unwrap_err().cause
    };
    let count = |cause| matches!(cause, Cause::Count { what: "blocks", .. });
    assert!(count(changed(&|pieces| drop(pieces.remove(2)))));
    assert!(count(changed(&|pieces| pieces.insert(2, pieces[1].clone()))));
    assert_eq!(changed(&|pieces| pieces.swap(1, 2)), Cause::Sum);
    // A header of another backup, whose own checksum is right.
    let (_, other) = Writer::begin(&Header { node: "b".to_owned(), ..header() });
    assert_eq!(changed(&|pieces| pieces[0].clone_from(&other)), Cause::Sum);
    let twice = changed(&|pieces| pieces.insert(1, pieces[0][PREAMBLE_BYTES..].to_vec()));
    assert_eq!(twice, Cause::OutOfPlace(Sort::Header));
    assert_eq!(changed(&|pieces| drop(pieces.pop())), Cause::NoFooter);
    assert_eq!(changed(&|pieces| drop(pieces.remove(0))), Cause::NoBackup);
}

/// Behind a header, a frame with a right checksum.
fn with_frame(
    sort: Sort,
    plain: usize,
    payload: &[u8],
) -> Result<(Vec<Part>, Footer), BackupError> {
    let (_, first) = Writer::begin(&header());
    read(&[first, format::frame(sort, plain, payload)].concat(), 1_000)
}

#[test]
fn a_block_unpacks_to_no_more_than_it_says_and_says_no_more_than_any_has() {
    let deflated = |bytes: &[u8]| miniz_oxide::deflate::compress_to_vec(bytes, 1);
    let bomb = deflated(&vec![0; 100 << 20]);
    assert!(bomb.len() < 1 << 20);
    let bomb = &bomb[..bomb.len().min(STORED_BYTES_MAX)];
    for plain in [0, 1, BLOCK_PLAIN_BYTES_MAX] {
        let error = with_frame(Sort::Block, plain, bomb).unwrap_err();
        assert_eq!(error.cause, Cause::Unpacked { plain: plain as u32 });
    }
    let mut frame = format::frame(Sort::Block, 1, b"");
    frame[1..5].copy_from_slice(&(BLOCK_PLAIN_BYTES_MAX as u32 + 1).to_le_bytes());
    let (_, first) = Writer::begin(&header());
    let error = read(&[&first[..], &frame].concat(), 1_000).unwrap_err();
    assert!(matches!(error.cause, Cause::TooLong { sort: Sort::Block, .. }), "{error}");

    let mut many = Delta::default();
    let length = CausalLength::LIKED_ONCE;
    let like = Like::new("p", "like", "u").unwrap();
    (0..=BLOCK_ENTRIES_MAX).for_each(|_| many.push(like, length));
    let error =
        with_frame(Sort::Block, many.as_bytes().len(), &deflated(many.as_bytes())).unwrap_err();
    assert_eq!(error.cause, Cause::TooManyEntries(BLOCK_ENTRIES_MAX + 1));
    let error = with_frame(Sort::Block, 3, &deflated(b"\x01\0\0")).unwrap_err();
    assert!(matches!(error.cause, Cause::Content(Sort::Block, _)), "{error}");
    assert!(error.to_string().contains("names no post"), "{error}");
}

#[test]
fn what_is_no_backup_or_one_of_a_later_format_says_so_at_once() {
    let error = read(b"{\"post\":\"p\"}", 100).unwrap_err();
    assert_eq!(error.to_string(), "at byte 0: it does not begin as a backup of likewise does");
    let mut later = pieces(&likes(1)).concat();
    later[format::MAGIC.len()] = 2;
    let error = read(&later, 21).unwrap_err();
    assert!(error.to_string().contains("format version 2, and this release reads version 1"));
    assert_eq!(read(b"", 1).unwrap_err().cause, Cause::Truncated("header"));
}

#[test]
fn version_1_is_read_for_ever() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/backup-1.bin");
    let state = likes(300);
    if !path.exists() && std::env::var_os("LIKEWISE_GOLDEN").is_some_and(|what| what == "write") {
        std::fs::write(&path, pieces(&state).concat()).unwrap();
    }
    let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (parts, footer) = read(&golden, 64).unwrap();
    assert_eq!(parts[0].content, Content::Header(header()));
    // The head is written as ever; what a block deflates to is up to the library.
    assert_eq!(parts[0].bytes, pieces(&state)[0]);
    assert_eq!((footer.entries, footer.ended), (300, 1_790_000_000_500));
    assert_eq!(merged(&parts).root_digest(), state.root_digest());
}
