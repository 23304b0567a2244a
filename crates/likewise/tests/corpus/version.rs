//! The folder of a version: what was recorded of a release that wrote it.

use std::path::{Path, PathBuf};

use likewise::cluster::secret::Secret;
use sha2::{Digest as _, Sha256};

use super::told::hex;

/// The version that this release writes: what was recorded of it is also written to the same bytes again. Older
/// ones are only read.
pub(crate) const WRITTEN: &str = "v1";

/// Bytes of a version: everybody who clones the repository has all of them.
const BYTES_MAX: usize = 200_000;

/// The name of the cluster that was recorded.
pub(crate) const CLUSTER: &str = "corpus";

/// The folder of a version.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// Where the versions are.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

impl Version {
    /// The version of this name.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), folder: corpus().join(name) }
    }

    /// The version that this release writes.
    pub(crate) fn written() -> Self {
        Self::named(WRITTEN)
    }

    /// All that were ever recorded.
    pub(crate) fn all() -> Vec<Self> {
        let entries = std::fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().is_dir());
        let names = folders.map(|entry| entry.file_name().into_string().unwrap());
        let mut versions: Vec<Self> = names.map(|name| Self::named(&name)).collect();
        versions.sort_by(|one, other| one.name.cmp(&other.name));
        assert!(versions.iter().any(|version| version.name == WRITTEN), "{versions:?}");
        versions
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let file = self.file(name);
        std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// The file with the secret of the cluster that was recorded.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.file("cluster.key")
    }

    pub(crate) fn secret(&self) -> Secret {
        Secret::from_file(CLUSTER, &self.key_file()).unwrap()
    }
}

/// What each version comes to: SHA-256 of all its files with their names, in the order of these. A line is
/// added with each version, and none is ever changed.
const SUMS: [(&str, &str); 1] =
    [("v1", "34ac9542da7dfbcedd4aa706016f20a1d87ba6d1c5045d18ae2d83d0f3ca96cf")];

/// All files under `folder`, with their names from there on.
fn files(folder: &Path, within: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{within}{}", path.file_name().unwrap().to_str().unwrap());
        match path.is_dir() {
            true => found.extend(files(&path, &format!("{name}/"))),
            false => found.push((name, std::fs::read(path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn what_was_recorded_is_never_changed() {
    let versions = Version::all();
    assert_eq!(versions.len(), SUMS.len(), "each version has its line");
    for (version, (name, known)) in versions.iter().zip(SUMS) {
        assert_eq!(version.name, name);
        let mut sum = Sha256::new();
        let files = files(&version.folder, "");
        for (name, bytes) in &files {
            sum.update(format!("{name} {}\n", bytes.len()));
            sum.update(bytes);
        }
        assert_eq!(hex(&sum.finalize()), known, "{name} is no longer what was recorded");
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes < BYTES_MAX, "{name} has {bytes} bytes");
    }
}

/// The lines of a text file.
pub(crate) fn lines(version: &Version, name: &str) -> Vec<String> {
    version.text(name).lines().map(str::to_owned).collect()
}

/// Compares what is understood today with the text that was written beside it, line by line.
pub(crate) fn compare(version: &Version, name: &str, said: &str) {
    let known = version.text(name);
    for (number, (known, said)) in known.lines().zip(said.lines()).enumerate() {
        assert_eq!(said, known, "{}/{name}, line {}", version.name, number + 1);
    }
    assert_eq!(said.lines().count(), known.lines().count(), "{}/{name}: lines", version.name);
}
