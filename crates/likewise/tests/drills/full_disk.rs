//! A disk that is full while clients write, and has space again.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use super::Drill;
use super::ask::{PATIENCE, agent, check, until};
use super::ballast::Ballast;
use super::disks::MountedDisk;
use super::holdings::held;
use super::pair::Pair;
use super::reader::Reader;
use super::tally::Tally;

pub(crate) const FULL: Drill = Drill {
    name: "full-disk",
    tried: "the data folder's disk filled up, writes refused, every second time `kill -9` and restart while full, space freed, writes without another restart",
    waits: false,
    run: full,
};

/// Room for a segment of 16 MiB and not for a second one, unless the file that takes it is removed.
const DISK_BYTES: usize = 44 << 20;
const TAKEN_BYTES: usize = 20 << 20;

const SOME: usize = 100;

fn full(tally: &mut Tally) -> Result<(), String> {
    for round in 0..tally.asked {
        let disk = MountedDisk::in_memory(DISK_BYTES)?;
        let taken = disk.path().join("taken");
        let mut file = File::create(&taken).unwrap();
        file.write_all(&vec![1; TAKEN_BYTES]).unwrap();
        let mut pair = Pair::start(&disk.path());
        pair.load.until_more(SOME);
        let mut ballast = Ballast::new();
        let refused = loop {
            if let Err(refused) = ballast.grow(&pair.troubled.url) {
                break refused;
            }
        };
        tally.rounds += 1;
        for refusal in [refused, pair.refused()] {
            assert_eq!((refusal.status, &*refusal.problem), (503, "/problems/read-only"));
            for word in ["no space for", "free space", "reads go on", "safe"] {
                assert!(refusal.detail.contains(word), "{refusal:?} does not say {word:?}");
            }
            tally.note(format!("refused with {}", refusal.status));
        }
        assert_eq!(pair.troubled.readiness().unwrap(), 503, "/readyz of a node that can't write");
        let reader = Reader::start(&pair.troubled.url);
        pair.assert_served(SOME);
        tally.worst("p99 of reads while full", reader.stop().p99);
        if round % 2 == 1 {
            let before = pair.load.record();
            pair.troubled.kill();
            pair.troubled.restart();
            pair.assert_served(SOME);
            pair.audit_troubled(tally, &before);
            ballast.audit(tally, &pair.troubled.url, &held(&pair.troubled.url).0);
        }
        // The disk must still be full, or nothing is shown.
        pair.refused();
        std::fs::remove_file(&taken).unwrap();
        drop(file);
        let began = Instant::now();
        until_taken(&pair);
        tally.worst("writes go on after space was freed", began.elapsed());
        pair.load.until_more(SOME);
        while let Err(refused) = ballast.grow(&pair.troubled.url) {
            assert!(began.elapsed() < PATIENCE, "{refused:?}");
        }
        let (troubled, other, _folder) = pair.finish(tally);
        for node in [&troubled, &other] {
            ballast.audit(tally, &node.url, &held(&node.url).0);
        }
        ballast.count(tally);
    }
    Ok(())
}

/// Waits until the node that was in trouble takes writes again.
fn until_taken(pair: &Pair) {
    let url = format!("{}/v1/posts/trouble/likes/somebody?seen=0", pair.troubled.url);
    until("writes are taken again", PATIENCE, || {
        let answer = agent(PATIENCE).put(&url).send_empty().map_err(|error| error.to_string())?;
        check(answer.status() == 200, || answer.status().to_string())
    });
}
