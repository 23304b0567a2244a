//! A disk in memory that lets other threads run before and after whatever it does.

use std::io;

use likewise_journal::disk::memory::{MemoryDisk, MemoryFile};
use likewise_journal::disk::{Disk, DiskFile};
use likewise_schedules::thread::yield_now;

/// The disk.
#[derive(Clone, Debug)]
pub(crate) struct SlowDisk(MemoryDisk);

/// An open file of it.
pub(crate) struct SlowFile(MemoryFile);

impl SlowDisk {
    pub(crate) fn new(disk: MemoryDisk) -> Self {
        Self(disk)
    }
}

fn slowly<T>(run: impl FnOnce() -> T) -> T {
    yield_now();
    let done = run();
    yield_now();
    done
}

impl Disk for SlowDisk {
    type File = SlowFile;

    fn create(&self, name: &str) -> io::Result<SlowFile> {
        slowly(|| self.0.create(name).map(SlowFile))
    }

    fn open(&self, name: &str) -> io::Result<SlowFile> {
        slowly(|| self.0.open(name).map(SlowFile))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        slowly(|| self.0.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        slowly(|| self.0.remove(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        slowly(|| self.0.list())
    }

    fn sync_folder(&self) -> io::Result<()> {
        slowly(|| self.0.sync_folder())
    }
}

impl DiskFile for SlowFile {
    fn size(&self) -> io::Result<u64> {
        slowly(|| self.0.size())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        slowly(|| self.0.read_at(offset, bytes))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        slowly(|| self.0.write_at(offset, bytes))
    }

    fn sync(&self) -> io::Result<()> {
        slowly(|| self.0.sync())
    }
}
