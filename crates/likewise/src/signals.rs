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

/// As [`shutdown`], and where `input` is set also when standard input ends: whoever started the process and
/// holds the other end may be gone without a word.
///
/// # Errors
/// Where the system takes no handler.
pub fn shutdown_or_end_of_input(input: bool) -> io::Result<impl Future<Output = ()> + Send> {
    let signalled = shutdown()?;
    let (ended, end) = tokio::sync::oneshot::channel();
    if input {
        std::thread::spawn(move || {
            // However it ends, it ends.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = ended.send(());
        });
    }
    Ok(async move {
        tokio::select! {
            () = signalled => {}
            Ok(()) = end => tracing::info!("standard input has ended: finishing what was accepted"),
        }
    })
}
