//! Stopping: which signals stop the server, and how long they may take.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tracing::warn;

/// Resolves when the process gets SIGTERM or SIGINT.
pub(super) async fn signalled() {
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

/// Waits for the tasks and returns how each ended. The rest are aborted after `most`: a peer that never closes its
/// connection must not keep the ledger open until somebody kills this process.
pub(super) async fn within<T: 'static>(most: Duration, mut tasks: JoinSet<T>) -> Vec<Result<T, JoinError>> {
    let mut ended = Vec::new();
    let all = async {
        while let Some(one) = tasks.join_next().await {
            ended.push(one);
        }
    };
    if tokio::time::timeout(most, all).await.is_err() {
        warn!("closed the connections that were still open after {} s", most.as_secs());
        tasks.shutdown().await;
    }
    ended
}
