//! Files of the data folder that rot: flipped bytes and lost ends, at random places of every kind of file.
//!
//! A node must start with everything that it acknowledged, or refuse and say which file is damaged, where,
//! and what can be done. There is one place where it can't know: the last record of the journal looks the
//! same when its end was never written as when it rots afterwards. What is dropped there is told in the log
//! with file and offset, and nothing beyond that one record may be missing.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Drill;
use super::ask::{PATIENCE, check, until};
use super::ballast::Ballast;
use super::holdings::held;
use super::load::{Load, Random};
use super::nodes::{Cluster, Node, Setup};
use super::record::Record;
use super::tally::Tally;

pub(crate) const FILES: Drill = Drill {
    name: "damaged-files",
    tried: "after `kill -9`, bytes flipped or the end cut off at random places of each kind of file (segment, store, incarnation, peers), then a start",
    waits: false,
    run: files,
};

pub(crate) const SNAPSHOTS: Drill = Drill {
    name: "damaged-snapshots",
    tried: "the same for snapshots and for the segments that a start with a snapshot needs or does not; the remedy followed",
    waits: false,
    run: snapshots,
};

pub(crate) const REJOIN: Drill = Drill {
    name: "damage-rejoin",
    tried: "a node of three refuses its damaged segment; the remedy followed (folder emptied, joined again)",
    waits: false,
    run: rejoin,
};

/// Bytes that are flipped at once, at most.
const FLIPS_MAX: usize = 8;

const SOME: usize = 300;

/// Half megabytes of ballast that make a snapshot due.
const SNAPSHOT_GROWTHS: usize = 132;

/// A file before it was damaged.
struct Damage {
    file: PathBuf,
    bytes: Vec<u8>,
    what: String,
}

impl Damage {
    /// Damages `file` at random places of the bytes that mean anything.
    fn make(file: &Path, random: &mut Random) -> Self {
        let bytes = fs::read(file).unwrap();
        let used = bytes.iter().rposition(|&byte| byte != 0).map_or(1, |last| last + 1);
        let disk = fs::File::options().write(true).open(file).unwrap();
        let what = if random.below(3) == 0 {
            let length = random.below(used);
            disk.set_len(length as u64).unwrap();
            format!("cut to {length} of {} bytes", bytes.len())
        } else {
            let places: Vec<usize> =
                (0..=random.below(FLIPS_MAX)).map(|_| random.below(used)).collect();
            for &place in &places {
                let flipped = bytes[place] ^ (1 + random.below(255) as u8);
                disk.write_all_at(&[flipped], place as u64).unwrap();
            }
            format!("flipped at {places:?} of {used} bytes in use")
        };
        Self { file: file.to_owned(), bytes, what: format!("{}: {what}", file.display()) }
    }

    /// Undoes it. What a start did to the file in between goes too: the node was not written to.
    fn undo(self) {
        fs::write(&self.file, &self.bytes).unwrap();
    }

    fn name(&self) -> &str {
        self.file.file_name().and_then(|name| name.to_str()).unwrap()
    }
}

/// Starts the node over a damaged file. True if it started, and then it is checked and killed again.
fn try_start(node: &mut Node, tally: &mut Tally, record: &Record, damage: &Damage) -> bool {
    tally.rounds += 1;
    let warnings = torn_warnings(node, damage);
    if let Err(said) = node.attempt() {
        assert!(said.contains(damage.name()), "{}: refused without its name: {said}", damage.what);
        assert!(
            said.contains("is damaged at byte") || said.contains("has format version"),
            "{}: refused without a place: {said}",
            damage.what
        );
        let remedies = ["restore", "move this one away", "remove the file", "run the release"];
        let told = remedies.iter().any(|remedy| said.contains(remedy));
        assert!(told, "{}: refused without a remedy: {said}", damage.what);
        tally.count("starts refused by file, offset and remedy", 1);
        return false;
    }
    let lost_before = tally.lost.len();
    tally.audit(&node.url, record, || record.clone());
    let lost = tally.lost.len() - lost_before;
    if lost == 0 {
        tally.count("starts with everything there", 1);
    } else {
        // Only the newest record may be taken for torn, and the log says so: that is not silent.
        let told = torn_warnings(node, damage) > warnings;
        assert!(told, "{}: {lost} likes are gone without a word", damage.what);
        assert!(lost <= LAST_RECORD_MAX, "{}: {lost} likes are gone", damage.what);
        tally.lost.truncate(lost_before);
        tally.count("starts with the last record dropped, with a warning", 1);
    }
    node.kill();
    true
}

/// How often the log of a node says that the last record of that file was dropped.
fn torn_warnings(node: &Node, damage: &Damage) -> usize {
    let count = Cell::new(0);
    node.line(|line| {
        let is_one = line.contains("was incomplete") && line.contains(damage.name());
        count.set(count.get() + usize::from(is_one));
        false
    });
    count.get()
}

/// Likes that the last record of a journal may hold: one of each client.
const LAST_RECORD_MAX: usize = 16;

/// The files of a folder that are of a kind, in order.
fn of_kind(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            name.starts_with(prefix) && !name.ends_with(".tmp")
        })
        .collect();
    files.sort();
    files
}

fn files(tally: &mut Tally) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let other = Setup::new("other", folder.path()).start();
    let mut node = Setup::new("rotten", folder.path()).join(&other.address).start();
    node.until_ready();
    let load = Load::start(vec![node.url.clone()], 0);
    load.until_more(SOME);
    let record = tally.stop(load);
    tally.audit_all(&[&node, &other], &record);
    // From now on nobody can bring back what the node lost.
    drop(other);
    node.kill();
    for _ in 0..tally.asked {
        for kind in ["journal-", "journal-", "store", "incarnation", "peers"] {
            let files = of_kind(&node.setup.data, kind);
            let file = files.last().unwrap_or_else(|| panic!("there is no {kind}"));
            let damage = Damage::make(file, &mut tally.random);
            try_start(&mut node, tally, &record, &damage);
            damage.undo();
        }
    }
    node.attempt().unwrap();
    tally.audit(&node.url, &record, || record.clone());
    Ok(())
}

fn snapshots(tally: &mut Tally) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    // Much is to be written, and only what is written afterwards has to outlive a kill.
    let mut node = Setup::new("rotten", folder.path()).with(&["--durability", "never"]).start();
    let load = Load::start(vec![node.url.clone()], 0);
    load.until_more(SOME);
    let mut ballast = Ballast::new();
    for wanted in 1..=2 {
        for _ in 0..SNAPSHOT_GROWTHS {
            ballast.grow(&node.url).unwrap();
        }
        until("a snapshot is written", PATIENCE, || {
            let snapshots = of_kind(&node.setup.data, "snapshot-").len();
            check(snapshots >= wanted, || format!("{snapshots} snapshots"))
        });
    }
    node.terminate();
    assert!(node.ended().success(), "the node has not ended well");
    node.setup.more.clear();
    node.restart();
    load.until_more(SOME);
    let record = tally.stop(load);
    ballast.count(tally);
    node.kill();
    for _ in 0..tally.asked.div_ceil(2) {
        let snapshots = of_kind(&node.setup.data, "snapshot-");
        let [older, newest] = &snapshots[..] else { panic!("not two snapshots: {snapshots:?}") };
        let segments = of_kind(&node.setup.data, "journal-");
        let segment = &segments[tally.random.below(segments.len())];
        for file in [newest, older, segment] {
            let damage = Damage::make(file, &mut tally.random);
            if try_start(&mut node, tally, &record, &damage) {
                damage.undo();
                continue;
            }
            if file == newest {
                // The remedy that the message names: the older one and the journal since hold everything.
                let aside = folder.path().join("aside");
                fs::rename(newest, &aside).unwrap();
                node.attempt().unwrap();
                tally.audit(&node.url, &record, || record.clone());
                ballast.audit(tally, &node.url, &held(&node.url).0);
                node.kill();
                tally.count("brought back by the snapshot before it", 1);
            }
            damage.undo();
        }
    }
    node.attempt().unwrap();
    tally.audit(&node.url, &record, || record.clone());
    ballast.audit(tally, &node.url, &held(&node.url).0);
    Ok(())
}

fn rejoin(tally: &mut Tally) -> Result<(), String> {
    let mut cluster = Cluster::start(3);
    let mut record = Record::default();
    for round in 0..tally.asked {
        let load = Load::start(cluster.urls(), round * 100_000);
        load.until_more(SOME);
        let others = [0, 2].map(|number: usize| cluster.nodes[number].url.clone());
        load.aim(others.to_vec());
        // What nobody else has is gone with a folder that is emptied.
        cluster.nodes[1].until_handed_over();
        cluster.nodes[1].kill();
        let node = &mut cluster.nodes[1];
        let segment = of_kind(&node.setup.data, "journal-").pop().unwrap();
        // In the first record: many follow that were durable after it, so it can't be torn.
        let file = fs::File::options().write(true).open(segment).unwrap();
        file.write_all_at(&[0xff; 4], 64 + 24 + tally.random.below(16) as u64).unwrap();
        let said = node.attempt().expect_err("a node must not start without what it acknowledged");
        assert!(said.contains("let the peers fill it"), "no remedy: {said}");
        fs::remove_dir_all(&node.setup.data).unwrap();
        load.until_more(SOME);
        cluster.nodes[1].restart();
        cluster.until_together();
        load.aim(cluster.urls());
        load.until_more(SOME);
        record.merge(&tally.stop(load));
        tally.audit_all(&cluster.running().collect::<Vec<&Node>>(), &record);
        tally.rounds += 1;
    }
    Ok(())
}
