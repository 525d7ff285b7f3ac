//! The server as a whole: it opens, serves and stops.
//!
//! Order matters. The ledger is opened first, because every fact is folded from it; then the bundle, because nothing
//! can be judged without one; then the listeners, so that every client that can connect gets an answer. It stops in
//! the reverse order: nothing new is admitted, what has begun is finished, the ledger is closed last.

mod background;
mod descriptors;
mod error;
mod health;
mod indexing;
mod listeners;
mod open;
mod readiness;
mod repeating;
mod restored;
mod serve;
mod signer;
mod snapshots;
mod stop;

pub use error::ServerError;
pub use open::ledger_options;
pub use restored::{BY_RESTORE, Backup, FoundLedger};
pub use signer::run_signer;
pub(crate) use stop::StopSignals;

use crate::clock::Clock;
use crate::config::Config;

/// Serves until the process must stop. The error is one line for the person who started it.
///
/// `found`: whether the ledger in the configured directory is this server's own, or was restored from a backup.
pub async fn run(config: Config, found: FoundLedger) -> Result<(), ServerError> {
    descriptors::raise_limit();
    let clock = Clock::of_the_machine();
    match found {
        FoundLedger::Own => restored::check_is_own(&config.ledger.directory)?,
        FoundLedger::Backup(backup) => restored::begin_new_log(&config, &backup, &clock)?,
    }
    let opened = open::open(config, clock).await?;
    let mut serving = serve::serve(opened).await?;
    let ended_early = serving.until_asked_to_stop().await;
    serving.stop(ended_early).await
}
