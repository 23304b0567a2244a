//! The real disk: a folder of the file system, held with a lock while it is in use.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;

/// The file whose lock says that the folder is in use. It stays when the lock is given back.
pub const LOCK_NAME: &str = "LOCK";

/// A folder on disk, locked for as long as any clone of this value lives. The system gives the lock
/// back when the process ends, however it ends.
#[derive(Clone, Debug)]
pub struct FileDisk {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// For fsync of the folder.
    handle: File,
    /// Held open: closing it would give the lock back.
    _lock: File,
}

impl FileDisk {
    /// Creates the folder where it is missing, and locks it.
    ///
    /// # Errors
    /// [`JournalError::Locked`] where another process, or another part of this one, holds the folder.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        let failed = |action| {
            let name = name.clone();
            move |error| JournalError::failed(action, &name, error)
        };
        create_folder(path).map_err(failed("create folder"))?;
        let handle = File::open(path).map_err(failed("open folder"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_NAME))
            .map_err(failed("open the lock file in"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { folder: name }),
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        Ok(Self { folder: Arc::new(Folder { path: path.to_owned(), handle, _lock: lock }) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path.join(name)
    }
}

/// Creates a folder with those above it, so that each name is durable in its parent.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_folder(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

impl Disk for FileDisk {
    type File = File;

    fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.path(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder.path)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours; neither is a folder (`lost+found`).
            if let (true, Ok(name)) =
                (entry.file_type()?.is_file(), entry.file_name().into_string())
            {
                names.push(name);
            }
        }
        names.retain(|name| name != LOCK_NAME);
        names.sort();
        Ok(names)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.folder.handle.sync_all()
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
