//! A disk in memory that is as bad as a real one may be: for crash tests and for the simulator.
//!
//! Every file has two contents: what readers see and what would survive a power cut. A write reaches
//! the first at once and the second at the next sync. A power cut applies any part of the writes that
//! were not synced, sector by sector, and any of the name changes since the last sync of the folder.
//! A failed sync loses what it should have made durable, and the next sync does not know of it: that
//! is what Linux does.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::disk::{Disk, DiskFile};

const SECTOR_BYTES: usize = 512;

/// The disk. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Platter>>);

/// An open file of a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryFile {
    platter: Arc<Mutex<Platter>>,
    id: u64,
}

/// What is to go wrong from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Every write fails with an I/O error, having written half of its bytes.
    pub write: bool,
    /// Every sync of a file fails, and loses what it should have made durable.
    pub sync: bool,
    /// Every sync of the folder fails.
    pub sync_folder: bool,
    /// All files together can have this many bytes; a write beyond it fails for want of space.
    pub bytes_max: Option<u64>,
    /// No file can be made: there is no descriptor left.
    pub descriptors: bool,
    /// After this many further changes (writes, syncs, name changes) the power is off: all fails.
    pub changes_max: Option<u64>,
}

#[derive(Debug, Default)]
struct Platter {
    files: BTreeMap<u64, Content>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    name_changes: Vec<NameChange>,
    next_id: u64,
    faults: Faults,
    syncs: u64,
}

#[derive(Clone, Debug, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Set(String, u64),
    Remove(String),
    Rename(String, String, u64),
}

impl MemoryDisk {
    /// Sets what is to go wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.platter().faults = faults;
    }

    /// How many syncs of files were asked for so far, failed ones included.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.platter().syncs
    }

    /// The bytes of a file as a reader sees them, `None` where there is no such file.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let platter = self.platter();
        platter.names.get(name).map(|id| platter.files[id].seen.clone())
    }

    /// Puts a file there, durable at once: for tests that damage, shorten or forge one.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut platter = self.platter();
        let id = platter.new_id();
        let content = Content { seen: bytes.into(), durable: bytes.into(), unsynced: Vec::new() };
        platter.files.insert(id, content);
        platter.names.insert(name.to_owned(), id);
        platter.durable_names.insert(name.to_owned(), id);
    }

    /// The disk as it may be found after a power cut. `random(n)` must answer with a number below n.
    /// Files opened before belong to the old disk and no longer matter.
    #[must_use]
    pub fn after_power_cut(&self, mut random: impl FnMut(usize) -> usize) -> Self {
        let platter = self.platter();
        let mut names = platter.durable_names.clone();
        for change in &platter.name_changes {
            if random(2) == 0 {
                change.apply(&mut names);
            }
        }
        let mut files = platter.files.clone();
        files.retain(|id, _| names.values().any(|kept| kept == id));
        for content in files.values_mut() {
            content.cut(&mut random);
        }
        let next_id = platter.next_id;
        let durable_names = names.clone();
        let survivor = Platter { files, names, durable_names, next_id, ..Platter::default() };
        Self(Arc::new(Mutex::new(survivor)))
    }

    /// Another disk with what is seen on this one now, all of it durable: a backup image.
    #[must_use]
    pub fn image(&self) -> Self {
        let platter = self.platter();
        let mut files = platter.files.clone();
        files.retain(|id, _| platter.names.values().any(|named| named == id));
        for content in files.values_mut() {
            content.unsynced.clear();
            content.durable = content.seen.clone();
        }
        let (names, durable_names) = (platter.names.clone(), platter.names.clone());
        let next_id = platter.next_id;
        let image = Platter { files, names, durable_names, next_id, ..Platter::default() };
        Self(Arc::new(Mutex::new(image)))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        lock(&self.0)
    }
}

fn lock(platter: &Mutex<Platter>) -> MutexGuard<'_, Platter> {
    platter.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Set(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, id) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

impl Platter {
    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Counts a change, and fails once the power is off.
    fn change(&mut self) -> io::Result<()> {
        match &mut self.faults.changes_max {
            Some(0) => Err(io::Error::other("the power is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn find(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn rename(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    fn content(&mut self, id: u64) -> &mut Content {
        self.files.get_mut(&id).expect("an open file is never dropped from the platter")
    }

    /// How many of `len` bytes at `offset` of a file there is space for.
    fn room(&self, id: u64, offset: usize, len: usize) -> usize {
        let Some(bytes_max) = self.faults.bytes_max else { return len };
        let in_use = |content: &Content| content.seen.len() as u64;
        let named = self.names.values().chain([&id]).collect::<std::collections::BTreeSet<_>>();
        let used: u64 = named.into_iter().map(|id| in_use(&self.files[id])).sum();
        let growth_max = bytes_max.saturating_sub(used) as usize;
        let end_max = self.files[&id].seen.len() + growth_max;
        len.min(end_max.saturating_sub(offset))
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.seen, offset, bytes);
        self.unsynced.push((offset, bytes.to_vec()));
    }

    /// Of each unsynced write each sector is there, or not, or its first bytes are.
    fn cut(&mut self, random: &mut impl FnMut(usize) -> usize) {
        for (offset, bytes) in std::mem::take(&mut self.unsynced) {
            let mut start = 0;
            while start < bytes.len() {
                let to_boundary = SECTOR_BYTES - (offset + start) % SECTOR_BYTES;
                let sector = &bytes[start..bytes.len().min(start + to_boundary)];
                let kept = match random(3) {
                    0 => 0,
                    1 => random(sector.len() + 1),
                    _ => sector.len(),
                };
                put(&mut self.durable, offset + start, &sector[..kept]);
                start += sector.len();
            }
        }
        self.seen = self.durable.clone();
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    file.resize(file.len().max(offset + bytes.len()), 0);
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn create(&self, name: &str) -> io::Result<MemoryFile> {
        let mut platter = self.platter();
        if platter.faults.descriptors {
            return Err(Errno::MFILE.into());
        }
        platter.change()?;
        // A file of that name loses its content at once. That this is so for sure after a power cut
        // is kinder than a real disk, but the journal only ever creates names that end in `.tmp`.
        let id = platter.new_id();
        platter.files.insert(id, Content::default());
        platter.rename(NameChange::Set(name.to_owned(), id));
        Ok(MemoryFile { platter: self.0.clone(), id })
    }

    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        let id = self.platter().find(name)?;
        Ok(MemoryFile { platter: self.0.clone(), id })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        let id = platter.find(from)?;
        platter.rename(NameChange::Rename(from.to_owned(), to.to_owned(), id));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        platter.find(name)?;
        platter.rename(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.platter().names.keys().cloned().collect())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        if platter.faults.sync_folder {
            return Err(io::Error::other("injected: the folder can't be synced"));
        }
        platter.durable_names = platter.names.clone();
        platter.name_changes.clear();
        Ok(())
    }
}

impl MemoryFile {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        lock(&self.platter)
    }
}

impl DiskFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.platter().content(self.id).seen.len() as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut platter = self.platter();
        let seen = &platter.content(self.id).seen;
        let found = usize::try_from(offset)
            .ok()
            .and_then(|offset| seen.get(offset..offset.checked_add(bytes.len())?))
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        if platter.faults.write {
            platter.content(self.id).write(offset, &bytes[..bytes.len() / 2]);
            return Err(io::Error::other("injected: the write failed"));
        }
        let room = platter.room(self.id, offset, bytes.len());
        platter.content(self.id).write(offset, &bytes[..room]);
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        platter.syncs += 1;
        let failed = platter.faults.sync;
        let content = platter.content(self.id);
        let unsynced = std::mem::take(&mut content.unsynced);
        if failed {
            return Err(io::Error::other("injected: the sync failed"));
        }
        for (offset, bytes) in unsynced {
            put(&mut content.durable, offset, &bytes);
        }
        Ok(())
    }
}
