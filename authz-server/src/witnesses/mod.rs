//! Witnesses: each checkpoint that is published is shown to them, and their cosignatures stand beside it. They remember
//! what we might forget: so before the ledger is opened they are asked what they hold of it.
//!
//! All of it off the path of requests. A witness that does not answer is remarked and tried again; one that holds another
//! history than ours ends readiness, and stops a start.

mod client;
mod protocol;
mod status;
mod task;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::Ledger;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tracing::warn;

use client::{Submitted, WitnessClient};
pub use status::WitnessStatus;
use task::WitnessTask;

use crate::config::Witness;
use crate::fetch::Fetcher;

/// For one answer while the server starts: long enough for the other side of the world, and no start is stopped by it.
const AT_START: Duration = Duration::from_secs(3);

/// The configured witnesses.
#[derive(Debug)]
pub struct Witnesses(Vec<ConfiguredWitness>);

#[derive(Debug)]
struct ConfiguredWitness {
    client: WitnessClient,
    status: Arc<WitnessStatus>,
    /// The size that we believe it holds.
    holds: u64,
}

/// A size that a witness holds, and that the ledger must not be below.
#[derive(Debug)]
pub struct WitnessedSize {
    pub by: String,
    pub size: u64,
}

impl Witnesses {
    /// Nobody is asked yet.
    pub fn of(configured: &[Witness]) -> Result<Witnesses, String> {
        if configured.is_empty() {
            return Ok(Witnesses(Vec::new()));
        }
        let fetcher = Fetcher::new().map_err(|e| e.to_string())?;
        let known = |witness: &Witness| ConfiguredWitness {
            client: WitnessClient { witness: witness.clone(), fetcher: fetcher.clone() },
            status: Arc::new(WitnessStatus::of(witness.key.name())),
            holds: 0,
        };
        Ok(Witnesses(configured.iter().map(known).collect()))
    }

    /// Shows what was published last to all of them, before the ledger is opened: nothing has been recorded or cut yet. The
    /// error is one line, when one of them holds another history.
    ///
    /// Whoever does not answer is passed over with a warning: else a third party could stop the mesh by being down. What it
    /// would have said ends readiness as soon as it answers.
    pub async fn consult(&mut self, ledger: &Path) -> Result<Vec<WitnessedSize>, String> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        // What cannot be read is told by the opening, which says more of it.
        let Ok((log, checkpoint)) = block_in_place(|| Ledger::published(ledger)) else {
            return Ok(Vec::new());
        };
        let size = checkpoint.checkpoint().size;
        let mut asked = JoinSet::new();
        for (place, known) in self.0.iter().enumerate() {
            let (client, log, checkpoint) = (known.client.clone(), log.clone(), checkpoint.clone());
            asked.spawn(async move { (place, client.submit(&log, &checkpoint, 0, AT_START).await) });
        }
        let mut witnessed = Vec::new();
        for (place, shown) in asked.join_all().await {
            let Some(known) = self.0.get_mut(place) else { continue };
            let name = known.status.name();
            match shown {
                Submitted::Cosigned(_) => known.holds = size,
                Submitted::Ahead(held) => {
                    known.holds = held;
                    witnessed.push(WitnessedSize { by: format!("witness {name}"), size: held });
                }
                Submitted::Forked(held) => {
                    return Err(format!("witness {name} {}", client::fork_message(held)));
                }
                Submitted::NotCosigned(why) => {
                    known.status.note_not_cosigned(&why);
                    warn!(
                        witness = name,
                        "the ledger could not be compared with what this witness holds: it {why}"
                    );
                }
            }
        }
        Ok(witnessed)
    }

    /// Goes on client them what is published, each by a task of its own, until the server stops.
    pub fn start_tasks(self, ledger: &Ledger, stopping: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for ConfiguredWitness { client, status, holds } in self.0 {
            let asking = WitnessTask::new(client, ledger.clone(), status, holds);
            tasks.spawn(asking.until(stopping.clone()));
        }
        tasks
    }

    /// One for each witness.
    pub fn status(&self) -> impl Iterator<Item = Arc<WitnessStatus>> {
        self.0.iter().map(|known| Arc::clone(&known.status))
    }
}
