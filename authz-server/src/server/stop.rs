//! Stopping: which signals stop the server, and how long they may take.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tracing::warn;

/// SIGTERM and SIGINT. From when on they are listened for, they do not end the process by themselves.
#[derive(Debug)]
pub(crate) struct StopSignals(Option<[Signal; 2]>);

impl StopSignals {
    /// Listens from now on. Call it before the process says that it serves: from then on a signal stops it in order.
    pub(crate) fn listen() -> StopSignals {
        let both = [signal(SignalKind::terminate()), signal(SignalKind::interrupt())];
        let [Ok(terminate), Ok(interrupt)] = both else { return StopSignals(None) };
        StopSignals(Some([terminate, interrupt]))
    }

    /// Resolves when the process got one of them.
    pub(crate) async fn received(&mut self) {
        match &mut self.0 {
            Some([terminate, interrupt]) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            // Without handlers the signals end the process by themselves.
            None => std::future::pending().await,
        }
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
