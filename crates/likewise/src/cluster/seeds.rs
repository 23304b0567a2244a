//! Whom to ask to be let in: the names that the operator gave, looked up anew each time, and the addresses
//! of the members of an earlier life, which are only a hint.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

/// Addresses that one look brings. More are left out: any few of them know the rest.
const ADDRESSES_MAX: usize = 64;

/// How long a name server may take. Then the name counts as unknown, until the next look.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// The file of the data folder that remembers addresses, one a line.
const REMEMBERED_NAME: &str = "peers";

/// The largest such file that is read, in bytes.
const REMEMBERED_BYTES_MAX: u64 = 64 << 10;

/// Where to look.
#[derive(Debug)]
pub(crate) struct Seeds {
    names: Vec<String>,
    remembered: Vec<SocketAddr>,
    file: Option<PathBuf>,
    /// The number of the last list that was written, or that was to be.
    written: Mutex<u64>,
}

impl Seeds {
    /// The operator's `names`, and what an earlier life left in the data `folder`.
    pub(crate) fn new(names: Vec<String>, folder: Option<&std::path::Path>) -> Self {
        let file = folder.map(|folder| folder.join(REMEMBERED_NAME));
        let text = file.as_ref().and_then(|file| {
            let is_small = std::fs::metadata(file).is_ok_and(|it| it.len() <= REMEMBERED_BYTES_MAX);
            is_small.then(|| std::fs::read_to_string(file).ok()).flatten()
        });
        let remembered = remembered(text.as_deref().unwrap_or_default());
        Self { names, remembered, file, written: Mutex::new(0) }
    }

    /// Whether there is nobody to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.remembered.is_empty()
    }

    /// The addresses of all seeds as they are now.
    pub(crate) async fn look_up(&self) -> Vec<SocketAddr> {
        let mut found: BTreeSet<SocketAddr> = self.remembered.iter().copied().collect();
        for name in &self.names {
            match timeout(LOOKUP_TIME, tokio::net::lookup_host(name.as_str())).await {
                Ok(Ok(addresses)) => found.extend(addresses.map(plain).take(ADDRESSES_MAX)),
                Ok(Err(error)) => tracing::debug!(name, %error, "a seed's name is not known"),
                Err(_) => tracing::debug!(name, "looking up a seed took too long"),
            }
        }
        found.into_iter().take(ADDRESSES_MAX).collect()
    }

    /// Remembers addresses for the next life. Lists are numbered from 1 on: whichever comes first, an older
    /// one does not go over a newer one. Blocks for as long as the disk takes.
    pub(crate) fn remember(&self, number: u64, addresses: &[SocketAddr]) {
        let Some(file) = &self.file else { return };
        // Held while writing: there is one temporary file.
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if number <= *written {
            return;
        }
        *written = number;
        let text: String = addresses.iter().map(|address| format!("{address}\n")).collect();
        let temporary = file.with_extension("tmp");
        let renamed =
            std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, file));
        if let Err(error) = renamed {
            tracing::debug!(%error, file = %file.display(), "the peers could not be remembered");
        }
    }
}

/// The addresses in the text of the file. They are only a hint: what can't be read is passed over.
pub(crate) fn remembered(text: &str) -> Vec<SocketAddr> {
    text.lines().filter_map(|line| line.parse().ok()).take(ADDRESSES_MAX).collect()
}

/// An IPv4 address that was mapped into IPv6, as itself: the same node must not have two addresses.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_looked_up_and_addresses_of_an_earlier_life_come_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = Seeds::new(Vec::new(), Some(folder.path()));
        assert!(nobody.is_empty());
        nobody.remember(1, &["127.0.0.1:2".parse().unwrap()]);
        let seeds = Seeds::new(vec!["127.0.0.1:1".to_owned()], Some(folder.path()));
        let found: Vec<String> =
            seeds.look_up().await.into_iter().map(|found| found.to_string()).collect();
        assert_eq!(found, ["127.0.0.1:1", "127.0.0.1:2"]);
    }

    #[test]
    fn the_newest_list_stays_however_the_writes_come() {
        let folder = tempfile::tempdir().unwrap();
        let seeds = Seeds::new(Vec::new(), Some(folder.path()));
        let address = |port: u64| format!("127.0.0.1:{port}").parse().unwrap();
        std::thread::scope(|scope| {
            for number in (1..=32).rev() {
                let seeds = &seeds;
                scope.spawn(move || seeds.remember(number, &[address(number)]));
            }
        });
        seeds.remember(31, &[address(31)]);
        let again = Seeds::new(Vec::new(), Some(folder.path()));
        assert_eq!(again.remembered, [address(32)]);
        assert!(!folder.path().join("peers.tmp").exists());
    }

    #[test]
    fn a_damaged_file_of_peers_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(REMEMBERED_NAME), b"\xff\xfe").unwrap();
        assert!(Seeds::new(Vec::new(), Some(folder.path())).is_empty());
        std::fs::write(folder.path().join(REMEMBERED_NAME), "what\n127.0.0.1:9\n").unwrap();
        assert_eq!(Seeds::new(Vec::new(), Some(folder.path())).remembered.len(), 1);
    }

    #[test]
    fn a_mapped_address_is_the_address_that_it_maps() {
        assert_eq!(plain("[::ffff:10.0.0.1]:5".parse().unwrap()), "10.0.0.1:5".parse().unwrap());
    }
}
