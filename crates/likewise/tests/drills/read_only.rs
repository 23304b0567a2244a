//! A disk that fails under a running node and goes read-only, as ext4 does after an error, and that is
//! still read-only at the next start.

use super::Drill;
use super::disks::MountedDisk;
use super::pair::Pair;
use super::reader::Reader;
use super::tally::Tally;

pub(crate) const READ_ONLY: Drill = Drill {
    name: "read-only-disk",
    tried: "the data folder's disk turned read-only under a running node, start refused while it is, restart once it is writable",
    waits: false,
    run: read_only,
};

/// Room for some segments of 16 MiB.
const DISK_BYTES: u64 = 96 << 20;

const SOME: usize = 100;

fn read_only(tally: &mut Tally) -> Result<(), String> {
    for _ in 0..tally.asked {
        let mut disk = MountedDisk::in_a_file(DISK_BYTES)?;
        let mut pair = Pair::start(&disk.path());
        pair.load.until_more(1 + tally.random.below(3 * SOME));
        // What ext4 does by itself when the device fails: from now on every write to it does.
        disk.remount("abort");
        tally.rounds += 1;
        let refusal = pair.refused();
        assert_eq!((refusal.status, &*refusal.problem), (503, "/problems/read-only"));
        for word in ["Read-only file system", "check the disk", "restart the node", "reads go on"] {
            assert!(refusal.detail.contains(word), "{refusal:?} does not say {word:?}");
        }
        tally.note(format!("refused with {}", refusal.status));
        let reader = Reader::start(&pair.troubled.url);
        pair.assert_served(SOME);
        tally.worst("p99 of reads while read-only", reader.stop().p99);
        let before = pair.load.record();
        pair.troubled.kill();

        // A disk with a log of its own puts itself in order first, and can only do so while it is writable.
        disk.unmount();
        disk.mount(&["-o", "loop"])?;
        disk.remount("ro");
        let http = pair.troubled.url.trim_start_matches("http://").to_owned();
        pair.troubled.setup.http = http;
        pair.troubled.setup.cluster.clone_from(&pair.troubled.address);
        let said = pair.troubled.attempt().expect_err("a node can't start on a read-only disk");
        for word in ["Read-only file system", "check the disk", "troubled"] {
            assert!(said.contains(word), "{said:?} does not say {word:?}");
        }
        tally.note("start refused by name of the folder and cause".to_owned());

        disk.remount("rw");
        pair.troubled.restart();
        pair.audit_troubled(tally, &before);
        pair.load.until_more(SOME);
        drop(pair.finish(tally));
    }
    Ok(())
}
