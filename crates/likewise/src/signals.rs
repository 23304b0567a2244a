//! How a node is told to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Answers when the process is first told to stop, by SIGTERM or SIGINT. A second signal ends it at
/// once: what was acknowledged is on disk already. Listens from the call on, not from the first poll.
///
/// # Errors
/// Where the system takes no handler.
pub fn shutdown() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: finishing what was accepted; a second signal stops at once");
        tokio::spawn(async move {
            let code = tokio::select! {
                _ = terminate.recv() => 128 + 15,
                _ = interrupt.recv() => 128 + 2,
            };
            std::process::exit(code);
        });
    })
}
