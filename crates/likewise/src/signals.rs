//! How a node is told to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Answers when the process is first told to stop, by SIGTERM or SIGINT. A second signal ends it at once, as
/// does the first one where the node stops for another reason by then: what was acknowledged is on disk already.
/// Listens from the call on, not from the first poll.
///
/// # Errors
/// Where the system takes no handler.
pub fn shutdown() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (tell, told) = oneshot::channel();
    // Not a part of what is answered: that may be dropped, and the signals would be heard by nobody.
    tokio::spawn(async move {
        let mut tell = Some(tell);
        loop {
            let (name, code) = tokio::select! {
                _ = terminate.recv() => ("SIGTERM", 128 + 15),
                _ = interrupt.recv() => ("SIGINT", 128 + 2),
            };
            if tell.take().is_none_or(|tell| tell.send(()).is_err()) {
                std::process::exit(code);
            }
            tracing::info!("{name}: finishing what was accepted; a second signal stops at once");
        }
    });
    Ok(async {
        if told.await.is_err() {
            std::future::pending().await
        }
    })
}

/// As [`shutdown`], and where `input` is set also when standard input ends: whoever started the process and
/// holds the other end may be gone without a word.
///
/// # Errors
/// Where the system takes no handler.
pub fn shutdown_or_end_of_input(input: bool) -> io::Result<impl Future<Output = ()> + Send> {
    let signalled = shutdown()?;
    let (ended, end) = oneshot::channel();
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
