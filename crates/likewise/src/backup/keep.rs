//! A file that appears under its name only once it is whole, and replaces no other unless that is wanted.
//!
//! It is written as `FILE.partial`, which one process at a time holds locked. What a process has left there that
//! was killed is written over by the next one.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::client::ClientError;

/// Who may read a backup: its owner. It holds who likes what.
const MODE: u32 = 0o600;

/// A file that is being written. Dropped before [`Self::publish`] it is removed.
pub(crate) struct Kept {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    replaces: bool,
    is_published: bool,
}

impl Kept {
    /// Begins to write what is to become `path`.
    pub(crate) fn begin(path: &Path, replaces: bool) -> Result<Self, ClientError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        refuse_to_replace(path, replaces)?;
        let failed = ClientError::file(format!("write {}", partial.display()));
        let file = lock(&partial).map_err(failed)?;
        Ok(Self { file, partial, path: path.to_owned(), replaces, is_published: false })
    }

    /// Writes what comes next.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(bytes).map_err(self.failed())
    }

    /// Waits until the disk has all of it, and opens it for reading.
    pub(crate) fn written(&self) -> Result<File, ClientError> {
        self.file.sync_all().map_err(self.failed())?;
        File::open(&self.partial).map_err(self.failed())
    }

    /// Gives it its name.
    pub(crate) fn publish(mut self) -> Result<(), ClientError> {
        refuse_to_replace(&self.path, self.replaces)?;
        let failed = || ClientError::file(format!("write {}", self.path.display()));
        std::fs::rename(&self.partial, &self.path).map_err(failed())?;
        self.is_published = true;
        // A name is on the disk only once its folder is.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or_else(|| Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(failed())
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> ClientError + use<> {
        ClientError::file(format!("write {}", self.partial.display()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.is_published {
            // Whatever went wrong before is what there is to tell of.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

fn refuse_to_replace(path: &Path, replaces: bool) -> Result<(), ClientError> {
    let is_there = path.symlink_metadata().is_ok();
    if is_there && !replaces { Err(ClientError::Exists { file: path.to_owned() }) } else { Ok(()) }
}

/// The file, empty, held by this process alone.
fn lock(partial: &Path) -> io::Result<File> {
    let busy = || io::Error::other("another process is writing it: wait for it to end");
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(MODE);
    let file = options.open(partial)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Who held it may have given it its name in between: then it is no longer ours to write.
    let (held, named) = (file.metadata()?, partial.symlink_metadata());
    if !named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino())) {
        return Err(busy());
    }
    file.set_len(0)?;
    // What was left there may have been anybody's to read.
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut given_up = Kept::begin(&path, false).unwrap();
        given_up.write(b"half").unwrap();
        assert_eq!(names(folder.path()), ["f.partial"]);
        drop(given_up);
        assert_eq!(names(folder.path()), [""; 0]);
        // Somebody was killed while they wrote.
        std::fs::write(folder.path().join("f.partial"), "much more than what follows").unwrap();
        let mut kept = Kept::begin(&path, false).unwrap();
        kept.write(b"whole").unwrap();
        kept.publish().unwrap();
        assert_eq!(names(folder.path()), ["f"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, MODE);
    }

    #[test]
    fn what_is_there_is_replaced_only_if_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let late = Kept::begin(&path, false).unwrap();
        std::fs::write(&path, "old").unwrap();
        assert!(matches!(late.publish(), Err(ClientError::Exists { .. })));
        assert!(matches!(Kept::begin(&path, false), Err(ClientError::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        Kept::begin(&path, true).unwrap().publish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn two_at_a_time_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut first = Kept::begin(&path, false).unwrap();
        first.write(b"first").unwrap();
        let second = Kept::begin(&path, false).err().unwrap().to_string();
        assert!(second.contains("another process is writing it"), "{second}");
        first.publish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }
}
