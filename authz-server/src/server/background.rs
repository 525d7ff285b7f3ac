//! Background tasks, off the path of decisions: recording what was only counted, and watching the free space on disk.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::clock::Clock;
use crate::keys::{KeyRing, READ_EVERY};
use crate::outcomes::Outcomes;
use crate::recorder::Recorder;
use crate::telemetry::LedgerFigures;

const SUMMARIES_EVERY: Duration = Duration::from_millis(250);
const DROPPED_EVERY: Duration = Duration::from_secs(1);
const DISK_EVERY: Duration = Duration::from_secs(5);

/// Records summaries of counted denials and reads while the server runs.
pub(super) async fn summaries(recorder: Recorder) {
    let mut ticks = tokio::time::interval(SUMMARIES_EVERY);
    loop {
        ticks.tick().await;
        recorder.record_floods(false);
        recorder.record_reads(false);
    }
}

/// Records how many outcomes were dropped while the server runs.
pub(super) async fn dropped_outcomes(outcomes: Arc<Outcomes>) {
    let mut ticks = tokio::time::interval(DROPPED_EVERY);
    loop {
        ticks.tick().await;
        outcomes.record_dropped();
    }
}

/// Reads the files of the keys again and again, so that one that is put there or taken away counts at once.
pub(super) async fn keys(ring: KeyRing) {
    let mut ticks = tokio::time::interval(READ_EVERY);
    loop {
        ticks.tick().await;
        let ring = ring.clone();
        // It can only fail if it panicked, and the next round tries again.
        drop(tokio::task::spawn_blocking(move || ring.refresh()).await);
    }
}

/// Warns once when the disk gets full, and reports when there is free space again.
pub(super) async fn disk(figures: LedgerFigures, clock: Clock) {
    let mut ticks = tokio::time::interval(DISK_EVERY);
    let mut was_scarce = false;
    loop {
        ticks.tick().await;
        let Some(space) = figures.sample(clock.milliseconds()) else { continue };
        match (was_scarce, space.is_scarce) {
            (false, true) => warn!(
                free_bytes = space.free,
                days_left = space.days,
                "the ledger's disk is 80 % full: free some space, or archive old entries (portcullis ledger archive)"
            ),
            (true, false) => info!(free_bytes = space.free, "the ledger's disk has free space again"),
            (true, true) | (false, false) => {}
        }
        was_scarce = space.is_scarce;
    }
}
