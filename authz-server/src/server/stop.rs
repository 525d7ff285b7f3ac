//! When to stop, and how the listeners hear of it.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Resolves when the process is asked to end, by SIGTERM or SIGINT.
pub(super) async fn asked() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        (Err(_), _) | (_, Err(_)) => std::future::pending().await,
    }
}

/// Resolves when the listeners are told to stop.
pub(super) async fn told(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the server.
    let _ = stopping.wait_for(|stop| *stop).await;
}
