//! WitnessTask one witness for as long as the server runs: after each new checkpoint, at most once in a while, and more and more
//! seldom while there is nothing to be had.

use std::sync::Arc;
use std::time::Duration;

use ledger::Ledger;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval};
use tracing::{error, info, warn};

use super::WitnessStatus;
use super::client::{Submitted, WitnessClient, fork_message};

/// How soon a new checkpoint is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two times that it is asked, at least; while it does not cosign, twice as long each time, up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// For one answer.
const WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct WitnessTask {
    client: WitnessClient,
    ledger: Ledger,
    status: Arc<WitnessStatus>,
    /// The size that we believe it holds.
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

    /// A question that is under way when the server stops is dropped; what it brought back is still written.
    pub(super) async fn until(mut self, stopping: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK_EVERY);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stopped(stopping.clone()) => return,
            }
            if self.ledger.health().published == self.status.size() || Instant::now() < next {
                continue;
            }
            let asked = tokio::select! {
                asked = self.ask() => asked,
                () = stopped(stopping.clone()) => return,
            };
            let is_well = match asked {
                Ok((size, shown)) => self.take(size, shown).await,
                Err(why) => self.remark(&why),
            };
            self.pause = if is_well { PAUSE.0 } else { self.pause.saturating_mul(2).min(PAUSE.1) };
            next = Instant::now().checked_add(self.pause).unwrap_or(next);
        }
    }

    /// Shows it what is published now, of which size, and what it made of that.
    async fn ask(&self) -> Result<(u64, Submitted), String> {
        let ledger = self.ledger.clone();
        let read = spawn_blocking(move || ledger.checkpoint()).await.map_err(|e| e.to_string())?;
        let checkpoint = read.map_err(|e| format!("cannot be shown the checkpoint: {e}"))?;
        let shown = self.client.submit(&self.ledger.log(), &checkpoint, self.holds, WITHIN).await;
        Ok((checkpoint.checkpoint().size, shown))
    }

    /// Whether all is well.
    async fn take(&mut self, size: u64, shown: Submitted) -> bool {
        match shown {
            Submitted::Cosigned(lines) => {
                self.holds = size;
                if let Err(why) = self.keep(lines).await {
                    return self.remark(&format!("has cosigned, and its line cannot be kept: {why}"));
                }
                if self.status.note_cosigned(size) {
                    info!(witness = self.status.name(), size, "the witness cosigns what is published");
                }
                true
            }
            // Submitted to it by somebody else, and on its way to be published here, or just now published.
            Submitted::Ahead(held) if held <= self.ledger.size() => {
                self.holds = held;
                true
            }
            Submitted::Ahead(held) => self.alarm(&format!(
                "holds {held} entries of this log, more than there are: the log was rolled back, or another runs under \
                 its name; restore the ledger from a backup and start with `serve --restored`"
            )),
            Submitted::Forked(held) => self.alarm(&fork_message(held)),
            Submitted::NotCosigned(why) => self.remark(&why),
        }
    }

    /// A newer checkpoint may have been published meanwhile: then there is nothing for these lines to stand beside.
    async fn keep(&self, lines: String) -> Result<(), String> {
        let ledger = self.ledger.clone();
        let kept = spawn_blocking(move || ledger.add_cosignatures(&lines)).await;
        kept.map_err(|e| e.to_string())?.map(drop).map_err(|e| e.to_string())
    }

    fn remark(&self, why: &str) -> bool {
        if self.status.note_not_cosigned(why) {
            warn!(witness = self.status.name(), "no cosignature: it {why}");
        }
        false
    }

    /// The next question begins at nothing, so that the witness names its size anew: its keeper may have put it right.
    fn alarm(&mut self, why: &str) -> bool {
        self.holds = 0;
        if self.status.note_contradiction(why) {
            error!(witness = self.status.name(), "this ledger is contradicted: the witness {why}");
        }
        false
    }
}

/// Returns once the server stops.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
