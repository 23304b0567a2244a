//! What the journal needs of a disk: a flat folder of files, and honest words about what is durable.
//!
//! It knows nothing of records or snapshots. [`file::FileDisk`] is the real one,
//! [`memory::MemoryDisk`] a model of it that can lose power, run full and fail. Both pass one
//! conformance suite, so the model can be believed.

use std::io;

pub mod file;

pub mod memory;

/// A folder of files. Clones share the folder.
pub trait Disk: Clone + Send + 'static {
    /// An open file.
    type File: DiskFile;

    /// Creates an empty file, or empties the one that is there.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` where there is none; else what the system says.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name at once, in place of any file of that name. Open files stay usable.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, sorted.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Returns once all that was created, renamed and removed so far is durable.
    ///
    /// # Errors
    /// What the system says. What of it is durable is unknown then.
    fn sync_folder(&self) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send + 'static {
    /// The size in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn size(&self) -> io::Result<u64>;

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file ends before; else what the system says.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, growing the file where needed. A gap reads as zeros.
    ///
    /// # Errors
    /// What the system says. Some of the bytes may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns once all that was written, and the size, is durable. The name is not: see
    /// [`Disk::sync_folder`].
    ///
    /// # Errors
    /// What the system says. What was written may be lost then even if a later sync succeeds.
    fn sync(&self) -> io::Result<()>;
}

/// Puts a small file in the place of any of its name: it is there as a whole, or as it was before. Meanwhile it is
/// written under its name with `.tmp` behind it.
///
/// # Errors
/// What the system says.
pub(crate) fn replace<D: Disk>(disk: &D, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.tmp");
    let mut file = disk.create(&temporary)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    disk.rename(&temporary, name)?;
    disk.sync_folder()
}
