//! Logs and last words, both to standard error: standard output belongs to what was asked for.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};

/// Starts logging as configured. A second call changes nothing.
pub fn start(config: &Config) {
    let filter: Targets = config.log.parse().expect("a config holds only valid filters");
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only where logs go somewhere already.
    let _ = match config.log_format {
        LogFormat::Human => registry.with(layer.with_ansi(io::stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
}

/// Makes every panic end the process: a node that has met the impossible must not go on, and comes back
/// whole from its journal.
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::force_capture();
        // Nothing is left to be done if standard error is gone.
        let _ = writeln!(
            io::stderr(),
            "likewise {} met a bug and stops: {panic}\n{backtrace}\n\
             Nothing that was acknowledged is lost: start it again. Please report the lines above, and\n\
             what the node was doing.",
            env!("CARGO_PKG_VERSION"),
        );
        std::process::abort();
    }));
}
