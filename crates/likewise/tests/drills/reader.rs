//! A client that only reads, all the time, and notes how long each answer takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::ask::{PATIENCE, agent};

/// Between two reads. It keeps the reader from being a load of its own.
const REST: Duration = Duration::from_millis(10);

/// A client that reads.
pub(crate) struct Reader {
    stopped: Arc<AtomicBool>,
    times: Arc<Mutex<Vec<Duration>>>,
    thread: Option<JoinHandle<()>>,
}

/// How long reads took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
}

impl Reader {
    /// Reads a count at `url` again and again. An answer that is no count ends the drill.
    pub(crate) fn start(url: &str) -> Self {
        let url = format!("{url}/v1/posts/post-0");
        let (stopped, times) =
            (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<Duration>>>::default());
        let (stop, noted) = (stopped.clone(), times.clone());
        let thread = std::thread::spawn(move || {
            let agent = agent(PATIENCE);
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let mut answer = agent.get(&url).call().unwrap();
                let body = answer.body_mut().read_to_string().unwrap();
                assert_eq!(answer.status(), 200, "{url}: {body}");
                noted.lock().unwrap().push(began.elapsed());
                std::thread::sleep(REST);
            }
        });
        Self { stopped, times, thread: Some(thread) }
    }

    /// How long the reads since the last call took.
    pub(crate) fn times(&self) -> Times {
        let dead = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        assert!(!dead, "a read was not answered as it must be");
        let mut times = std::mem::take(&mut *self.times.lock().unwrap());
        assert!(!times.is_empty(), "nothing was read");
        times.sort_unstable();
        Times { median: times[times.len() / 2], p99: times[times.len() * 99 / 100] }
    }

    /// Stops, and answers the same.
    pub(crate) fn stop(mut self) -> Times {
        let times = self.times();
        self.stopped.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        times
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
