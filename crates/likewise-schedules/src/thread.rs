//! Threads.

use std::io;

use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicBool, Ordering};

pub use shuttle::thread::{Result, yield_now};

/// Starts threads.
#[derive(Debug, Default)]
pub struct Builder {
    name: String,
}

/// A thread to wait for. Unlike shuttle's own it can be asked whether it is done.
#[derive(Debug)]
pub struct JoinHandle<T> {
    inner: shuttle::thread::JoinHandle<T>,
    finished: Arc<AtomicBool>,
}

impl Builder {
    /// Starts threads without a name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the thread a name.
    #[must_use]
    pub fn name(self, name: String) -> Self {
        Self { name }
    }

    /// Starts a thread.
    ///
    /// # Errors
    /// None: the real one has some.
    pub fn spawn<T: Send + 'static>(
        self,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let finished = Arc::new(AtomicBool::new(false));
        let done = finished.clone();
        let inner = shuttle::thread::Builder::new().name(self.name).spawn(move || {
            let result = run();
            done.store(true, Ordering::SeqCst);
            result
        })?;
        Ok(JoinHandle { inner, finished })
    }
}

/// Starts a thread without a name.
///
/// # Panics
/// Never: there is room for a thread.
pub fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().spawn(run).expect("shuttle starts a thread")
}

impl<T> JoinHandle<T> {
    /// Waits for the end of the thread.
    ///
    /// # Errors
    /// What it panicked with.
    pub fn join(self) -> Result<T> {
        self.inner.join()
    }

    /// Whether the thread is done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished.load(Ordering::SeqCst)
    }
}
