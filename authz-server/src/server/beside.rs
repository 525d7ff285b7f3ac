//! What happens beside decisions, every so often: summaries of floods are recorded, and the disk is looked at.

use std::time::Duration;

use tracing::{info, warn};

use crate::clock::Clock;
use crate::gateway::Recorder;
use crate::metrics::LedgerFigures;

const FLOODS_EVERY: Duration = Duration::from_millis(250);
const DISK_EVERY: Duration = Duration::from_secs(5);

/// Records what was only counted, for as long as the server runs.
pub(super) async fn floods(recorder: Recorder) {
    let mut ticks = tokio::time::interval(FLOODS_EVERY);
    loop {
        ticks.tick().await;
        recorder.record_floods(false);
    }
}

/// Warns once when the disk gets full, and says so when there is room again.
pub(super) async fn disk(figures: LedgerFigures, clock: Clock) {
    let mut ticks = tokio::time::interval(DISK_EVERY);
    let mut was_scarce = false;
    loop {
        ticks.tick().await;
        let Some(room) = figures.look(clock.milliseconds()) else { continue };
        match (was_scarce, room.is_scarce) {
            (false, true) => warn!(
                free_bytes = room.free,
                days_left = room.days,
                "the ledger's disk is 80 % full: make room, or archive old entries (portcullis ledger archive)"
            ),
            (true, false) => info!(free_bytes = room.free, "the ledger's disk has room again"),
            (true, true) | (false, false) => {}
        }
        was_scarce = room.is_scarce;
    }
}
