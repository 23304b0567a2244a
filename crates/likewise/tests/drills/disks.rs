//! Small disks of a drill's own, mounted in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A disk. Dropping it unmounts it.
pub(crate) struct MountedDisk {
    folder: TempDir,
    /// The file that holds it, where it is not in memory.
    image: Option<PathBuf>,
    is_mounted: bool,
}

impl MountedDisk {
    /// A disk in memory, with room for `bytes`.
    pub(crate) fn in_memory(bytes: usize) -> Result<Self, String> {
        let mut disk =
            Self { folder: tempfile::tempdir().unwrap(), image: None, is_mounted: false };
        std::fs::create_dir(disk.path()).unwrap();
        let options = format!("size={bytes}");
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", path(&disk.path())])?;
        disk.is_mounted = true;
        Ok(disk)
    }

    /// A disk with ext4 in a file. Unlike one in memory it can be made to fail under those who use it.
    pub(crate) fn in_a_file(bytes: u64) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(bytes).unwrap();
        run("mkfs.ext4", &["-q", "-F", path(&image)])?;
        let mut disk = Self { folder, image: Some(image), is_mounted: false };
        std::fs::create_dir(disk.path()).unwrap();
        disk.mount(&["-o", "loop"])?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Mounts what is in a file.
    pub(crate) fn mount(&mut self, options: &[&str]) -> Result<(), String> {
        assert!(!self.is_mounted, "it is mounted");
        let image = self.image.as_deref().expect("only a disk in a file can be mounted again");
        run("mount", &[options, &[path(image), path(&self.path())]].concat())?;
        self.is_mounted = true;
        Ok(())
    }

    /// Mounts in another way what is mounted.
    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        run("mount", &["-o", &options, path(&self.path())]).unwrap();
    }

    pub(crate) fn unmount(&mut self) {
        run("umount", &[path(&self.path())]).unwrap();
        self.is_mounted = false;
    }
}

impl Drop for MountedDisk {
    fn drop(&mut self) {
        if self.is_mounted {
            // What was killed a moment ago may still be on its way out; a lazy unmount waits for it.
            let _ = run("umount", &["-l", path(&self.path())]);
        }
    }
}

/// A temporary folder's path.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// Runs a command to its end; what it said if it failed.
pub(crate) fn run(command: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(command).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command}: {}", said.trim())) }
}
