//! Background tasks, off the path of decisions: recording what was only counted, and watching the free space on disk.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::clock::Clock;
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
