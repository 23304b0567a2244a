//! Figures of the process, under the names that every program gives them: `process_*`, without the prefix
//! of this one.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::metrics::lines::Lines;

/// Reads the process's figures when somebody asks for them.
#[derive(Debug)]
pub(super) struct ProcessCollector;

/// What the system knows of this process.
#[derive(Clone, Copy, Debug)]
struct ProcessFigures {
    cpu_seconds: f64,
    start_time_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: u64,
    open_files: u64,
    /// `None` where there is no bound.
    open_files_max: Option<u64>,
}

impl Collector for ProcessCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // A node that has run out of files can't read them, and still shows everything else.
        let Some(figures) = read() else { return Ok(()) };
        let mut lines = Lines(encoder);
        let help = "Time that processors have spent on this process";
        lines.seconds("process_cpu", help, figures.cpu_seconds)?;
        lines.time("process_start_time", "When the process began", figures.start_time_seconds)?;
        lines.size("process_resident_memory", "Memory in use", figures.resident_bytes)?;
        lines.size("process_virtual_memory", "Addresses in use", figures.virtual_bytes)?;
        lines.gauge("process_threads", "Threads", figures.threads)?;
        lines.gauge("process_open_fds", "Open files and sockets", figures.open_files)?;
        let Some(max) = figures.open_files_max else { return Ok(()) };
        lines.gauge("process_max_fds", "Files and sockets that may be open", max)
    }
}

#[cfg(target_os = "linux")]
fn read() -> Option<ProcessFigures> {
    use procfs::process::{LimitValue, Process};

    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let limit = process.limits().ok()?.max_open_files.soft_limit;
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    Some(ProcessFigures {
        cpu_seconds: seconds(stat.utime + stat.stime),
        start_time_seconds: procfs::boot_time_secs().ok()? as f64 + seconds(stat.starttime),
        resident_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
        threads: u64::try_from(stat.num_threads).ok()?,
        open_files: process.fd_count().ok()? as u64,
        open_files_max: match limit {
            LimitValue::Value(files) => Some(files),
            LimitValue::Unlimited => None,
        },
    })
}

#[cfg(not(target_os = "linux"))]
const fn read() -> Option<ProcessFigures> {
    None
}
