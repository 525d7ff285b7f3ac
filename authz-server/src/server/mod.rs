//! The server as a whole: it opens, serves and stops.
//!
//! Order matters. The ledger is opened first, because every fact is folded from it; then the bundle, because nothing
//! can be judged without one; then the listeners, so that every client that can connect gets an answer. It stops in
//! the reverse order: nothing new is admitted, what has begun is finished, the ledger is closed last.

mod background;
mod descriptors;
mod error;
mod given_away;
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
pub use given_away::give_to_cluster;
pub use open::ledger_options;
pub use restored::BY_RESTORE;
pub use signer::run_signer;
pub(crate) use stop::StopSignals;

use crate::clock::Clock;
use crate::config::Config;

/// Serves until the process must stop. The error is one line for the person who started it.
///
/// `is_restored`: the ledger's disk was restored from a backup, and a new log begins in place of the old one.
pub async fn run(config: Config, is_restored: bool) -> Result<(), ServerError> {
    descriptors::raise_limit();
    let clock = Clock::of_the_machine();
    given_away::check_is_here(&config.ledger.directory)?;
    if is_restored {
        restored::begin_new_log(&config, &clock)?;
    } else {
        restored::check_none_cut_short(&config.ledger.directory)?;
    }
    let opened = open::open(config, clock).await?;
    let mut serving = serve::serve(opened).await?;
    let ended_early = serving.until_asked_to_stop().await;
    serving.stop(ended_early).await
}
