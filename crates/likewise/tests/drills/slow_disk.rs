//! A disk that takes 200 ms for each sync, made by a tracer that holds the node's `fdatasync` up.

use std::process::Command;
use std::time::Duration;

use super::Drill;
use super::load::Load;
use super::nodes::{Setup, until_together};
use super::reader::Reader;
use super::record::Record;
use super::tally::Tally;

pub(crate) const SLOW: Drill = Drill {
    name: "slow-disk",
    tried: "each `fdatasync` of one of two nodes held up for 200 ms (strace), then `kill -9` in the middle and restart",
    waits: false,
    run: slow,
};

/// The tracer, which leaves the node the process that was started, and stops it only where it syncs.
const TRACER: [&str; 10] = [
    "strace",
    "-D",
    "-f",
    "-qq",
    "--seccomp-bpf",
    "-o",
    "/dev/null",
    "-e",
    "trace=fdatasync,fsync",
    "--inject=fdatasync,fsync:delay_enter=200ms",
];

const DELAY: Duration = Duration::from_millis(200);

/// How long clients wait for an answer: long enough to get one.
const ANSWER: Duration = Duration::from_secs(5);

const SOME: usize = 64;

/// Reads must not wait for the disk.
const READ_MAX: Duration = Duration::from_millis(100);

fn possible() -> Result<(), String> {
    let tried = Command::new(TRACER[0]).args(&TRACER[1..]).arg("true").output();
    let tried = tried.map_err(|error| format!("strace: {error}"))?;
    let said = String::from_utf8_lossy(&tried.stderr);
    if tried.status.success() && said.is_empty() { Ok(()) } else { Err(format!("strace: {said}")) }
}

fn slow(tally: &mut Tally) -> Result<(), String> {
    possible()?;
    let folder = tempfile::tempdir().unwrap();
    let other = Setup::new("other", folder.path()).start();
    let mut setup = Setup::new("slow", folder.path()).join(&other.address);
    setup.under = TRACER.map(str::to_owned).to_vec();
    let mut node = setup.start();
    until_together(&[&node, &other]);
    let mut all = Record::default();
    for round in 0..tally.asked.div_ceil(2) {
        let load = Load::start_with(vec![node.url.clone()], round * 200_000, ANSWER);
        let fast = Load::start(vec![other.url.clone()], round * 200_000 + 100_000);
        let reader = Reader::start(&node.url);
        let (began, before) = (std::time::Instant::now(), load.acknowledgements());
        load.until_more(SOME);
        let acknowledged = load.acknowledgements() - before;
        // Sixteen clients wait at once, and each for at least a sync.
        let least = DELAY * (acknowledged as u32 / 16).saturating_sub(1);
        let took = began.elapsed();
        assert!(took >= least, "the disk was not slow: {acknowledged} likes in {took:?}");
        tally.worst("mean time to an acknowledgement", took * 16 / acknowledged as u32);
        let times = reader.stop();
        assert!(times.median < READ_MAX, "reads wait for the disk: {times:?}");
        tally.worst("median of reads", times.median);
        tally.worst("p99 of reads", times.p99);
        node.kill();
        node.restart();
        let record = load.record();
        tally.audit(&node.url, &record, || {
            let mut now = load.record();
            now.merge(&fast.record());
            now.merge(&all);
            now
        });
        load.until_more(1);
        until_together(&[&node, &other]);
        all.merge(&tally.stop(load));
        all.merge(&tally.stop(fast));
        tally.audit_all(&[&node, &other], &all);
        tally.rounds += 1;
    }
    Ok(())
}
