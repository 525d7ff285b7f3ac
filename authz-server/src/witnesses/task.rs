//! The task of one witness, which runs while the server runs: it sends each new checkpoint, but not too often, and
//! waits longer and longer while the witness does not cosign.

use std::sync::Arc;
use std::time::Duration;

use ledger::Ledger;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval};
use tracing::{error, info, warn};

use super::WitnessStatus;
use super::client::{Submitted, WitnessClient, fork_message};

/// How often it looks for a new checkpoint.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The shortest pause between two requests. While the witness does not cosign, the pause doubles each time, up to the
/// second value.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// The time for one answer.
const WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct WitnessTask {
    client: WitnessClient,
    ledger: Ledger,
    status: Arc<WitnessStatus>,
    /// The size that we believe the witness holds.
    holds: u64,
    pause: Duration,
}

impl WitnessTask {
    pub(super) fn new(
        client: WitnessClient,
        ledger: Ledger,
        status: Arc<WitnessStatus>,
        holds: u64,
    ) -> WitnessTask {
        WitnessTask { client, ledger, status, holds, pause: PAUSE.0 }
    }

    /// Runs until the server stops, or until the sender of `stopping` is gone, which means the same. A request that is
    /// under way then is dropped; cosignatures that have arrived are still written.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK_EVERY);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
            if self.ledger.health().published == self.status.size() || Instant::now() < next {
                continue;
            }
            let answered = tokio::select! {
                answered = self.ask() => answered,
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            let is_well = match answered {
                Ok((size, result)) => self.take(size, result).await,
                Err(why) => self.remark(&why),
            };
            self.pause = if is_well { PAUSE.0 } else { self.pause.saturating_mul(2).min(PAUSE.1) };
            next = Instant::now().checked_add(self.pause).unwrap_or(next);
        }
    }

    /// Sends the published checkpoint. Returns its size and the result.
    async fn ask(&self) -> Result<(u64, Submitted), String> {
        let ledger = self.ledger.clone();
        let read = spawn_blocking(move || ledger.checkpoint()).await.map_err(|e| e.to_string())?;
        let checkpoint = read.map_err(|e| format!("the checkpoint cannot be read: {e}"))?;
        let result = self.client.submit(&self.ledger.log(), &checkpoint, self.holds, WITHIN).await;
        Ok((checkpoint.checkpoint().size, result))
    }

    /// Handles a result. Returns true if all is well.
    async fn take(&mut self, size: u64, result: Submitted) -> bool {
        match result {
            Submitted::Cosigned(lines) => {
                self.holds = size;
                if let Err(why) = self.save(lines).await {
                    return self.remark(&format!("its cosignature cannot be saved: {why}"));
                }
                if self.status.note_cosigned(size) {
                    info!(witness = self.status.name(), size, "the witness cosigns the published checkpoints");
                }
                true
            }
            // Another client sent it a newer checkpoint, which is about to be published here or was just published.
            Submitted::Ahead(held) if held <= self.ledger.size() => {
                self.holds = held;
                true
            }
            Submitted::Ahead(held) => self.alarm(&format!(
                "it holds {held} entries of this log, more than exist here: the log was rolled back, or another log uses its \
                 name; restore the ledger from a backup and start with `serve --restored`"
            )),
            Submitted::Forked(held) => self.alarm(&fork_message(held)),
            Submitted::NotCosigned(why) => self.remark(&why),
        }
    }

    /// Adds the cosignatures to the published checkpoint. If a newer one was published meanwhile, they are not needed.
    async fn save(&self, lines: String) -> Result<(), String> {
        let ledger = self.ledger.clone();
        let saved = spawn_blocking(move || ledger.add_cosignatures(&lines)).await;
        saved.map_err(|e| e.to_string())?.map(drop).map_err(|e| e.to_string())
    }

    fn remark(&self, why: &str) -> bool {
        if self.status.note_not_cosigned(why) {
            warn!(witness = self.status.name(), "no cosignature from this witness: {why}");
        }
        false
    }

    /// The next request begins at size 0, so that the witness names its size again: its operator may have repaired it.
    fn alarm(&mut self, why: &str) -> bool {
        self.holds = 0;
        if self.status.note_contradiction(why) {
            error!(witness = self.status.name(), "this witness contradicts the ledger: {why}");
        }
        false
    }
}
