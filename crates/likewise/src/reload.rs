//! Files that hold secrets, read again while the node runs: on SIGHUP, and by themselves once they changed.
//!
//! ```text
//! start    Reloader::add(what, files, load) ──> Reloaded<T>, or the error that keeps the node from starting
//! running  Reloader::run: looks at the files every LOOK_INTERVAL, loads anew what changed
//! request  Reloaded::now() ──> Arc<T>, the last that could be loaded
//! ```
//!
//! A file that can't be read or understood any more is logged, and what was loaded before stays in force: a slip
//! must not shut everybody out. A change is looked at twice before it is loaded, so that a file that is just
//! being written is not taken for a whole one; SIGHUP is the word of somebody who is done, and loads at once.
//!
//! Links are followed. Kubernetes changes a mounted secret by pointing the link `..data` at another folder: the
//! name of the file stays, and the file behind it is another one.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus_client::metrics::gauge::Gauge;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// Time between two looks at the files. Whoever changes one waits for two of them at most, and then as long as it
/// takes to load.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Bytes of a file that is read whole. A longer one is an error, lest a wrong path read a disk into memory.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// What files mean, as far as they could last be understood. Cheap to clone and to read.
pub(crate) struct Reloaded<T>(Arc<RwLock<Arc<T>>>);

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Reloaded<T> {
    /// What holds now. A request takes it once, and so is judged by one version of it from end to end.
    pub(crate) fn now(&self) -> Arc<T> {
        self.0.read().clone()
    }
}

/// All files that are read again, and when.
pub(crate) struct Reloader {
    watched: Vec<Watched>,
    hangup: Signal,
    stale: Gauge,
}

impl Reloader {
    /// A reloader without files. From now on SIGHUP does not end the process any more.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub(crate) fn new() -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self { watched: Vec::new(), hangup, stale: Gauge::default() })
    }

    /// Loads something from files, now and whenever one of them changes; `what` is for logs, as in "the tokens".
    /// `load` runs where it may block, and reads the same files each time.
    ///
    /// # Errors
    /// Why it can't be loaded now.
    pub(crate) fn add<T: Send + Sync + 'static, E: Display>(
        &mut self,
        what: &'static str,
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, E> + Send + 'static,
    ) -> Result<Reloaded<T>, E> {
        // Looked at first: what changes while it is read is then read again.
        let marks = marks(&files);
        let slot = Arc::new(RwLock::new(Arc::new(load()?)));
        let reloaded = Reloaded(slot.clone());
        let load = Box::new(move || {
            let loaded = load().map_err(|error| error.to_string())?;
            *slot.write() = Arc::new(loaded);
            Ok(())
        });
        let seen = marks.clone();
        self.watched.push(Watched { what, files, seen, loaded: marks, load, is_stale: false });
        Ok(reloaded)
    }

    /// How many things could not be loaded when their files changed last, so that the old ones are in force.
    pub(crate) fn stale(&self) -> Gauge {
        self.stale.clone()
    }

    /// Keeps everything up to date; never ends by itself.
    pub(crate) async fn run(self) {
        let Self { mut watched, mut hangup, stale } = self;
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                Some(()) = hangup.recv() => true,
                _ = ticks.tick(), if !watched.is_empty() => false,
            };
            if asked {
                tracing::info!(
                    files = watched.len(),
                    "SIGHUP: reading certificates and keys again"
                );
            }
            let stale = stale.clone();
            // A file may be on a disk that takes its time.
            let looked = tokio::task::spawn_blocking(move || {
                look(&mut watched, asked, &stale);
                watched
            });
            watched =
                looked.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        }
    }
}

/// What is told of a file without reading it; `None` where there is nothing to be told.
type Mark = Option<[i64; 7]>;

/// Something that is loaded from some files.
struct Watched {
    what: &'static str,
    files: Vec<PathBuf>,
    /// As the files looked the last time.
    seen: Vec<Mark>,
    /// As they looked before they were last loaded, whether that went well or not.
    loaded: Vec<Mark>,
    load: Box<dyn Fn() -> Result<(), String> + Send>,
    /// Whether that failed the last time.
    is_stale: bool,
}

fn look(watched: &mut [Watched], asked: bool, stale: &Gauge) {
    for it in &mut *watched {
        it.look(asked);
    }
    stale.set(watched.iter().filter(|it| it.is_stale).count() as i64);
}

impl Watched {
    /// Loads anew what has changed and stands still since the last look, or was asked for.
    fn look(&mut self, asked: bool) {
        let marks = marks(&self.files);
        let stands_still = marks == self.seen;
        self.seen.clone_from(&marks);
        if !asked && (marks == self.loaded || !stands_still) {
            return;
        }
        self.loaded = marks;
        let what = self.what;
        let result = (self.load)();
        self.is_stale = result.is_err();
        match result {
            Ok(()) => {
                tracing::info!(what, files = ?self.files, "read again: the new one is in force")
            }
            Err(error) => tracing::error!(
                what,
                %error,
                "can't be read again: the old one stays in force; mend the file, and it is read once more"
            ),
        }
    }
}

fn marks(files: &[PathBuf]) -> Vec<Mark> {
    files.iter().map(|file| mark(file)).collect()
}

fn mark(file: &Path) -> Mark {
    let it = std::fs::metadata(file).ok()?;
    // The last two change also where only the rights to the file do: that may be what was to be mended.
    Some([
        it.dev().cast_signed(),
        it.ino().cast_signed(),
        it.size().cast_signed(),
        it.mtime(),
        it.mtime_nsec(),
        it.ctime(),
        it.ctime_nsec(),
    ])
}

/// All bytes of a file that is not longer than [`FILE_BYTES_MAX`].
///
/// # Errors
/// Where it can't be read or is longer.
pub(crate) fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("it has more than {FILE_BYTES_MAX} bytes, which no such file has");
        return Err(io::Error::other(message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
