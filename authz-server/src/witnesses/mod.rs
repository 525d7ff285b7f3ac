//! Witnesses: each published checkpoint is sent to them, and their cosignatures are added to it. They remember what
//! this server might lose, so before the ledger is opened they are asked which size of it they hold.
//!
//! None of this is on the path of requests. A witness that does not answer causes a remark and is tried again. A
//! witness that holds another history makes the server not ready, and stops a start.

mod client;
mod protocol;
mod status;
mod task;

use std::fmt;
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
use crate::fetch::{FetchError, Fetcher};

/// The maximum time for one answer while the server starts. It is long enough for a distant witness. If it passes, the
/// start continues.
const AT_START: Duration = Duration::from_secs(3);

/// The configured witnesses.
#[derive(Debug)]
pub struct Witnesses(Vec<ConfiguredWitness>);

#[derive(Debug)]
struct ConfiguredWitness {
    client: WitnessClient,
    status: Arc<WitnessStatus>,
    /// The size that we believe the witness holds.
    holds: u64,
}

/// A size that a witness holds: the ledger must not be smaller.
#[derive(Debug)]
pub struct WitnessedSize {
    pub by: String,
    pub size: u64,
}

/// Why a server cannot start with its witnesses.
#[derive(Debug)]
pub enum WitnessError {
    /// There is no HTTPS client, for example because no certificate authority can be read.
    Client(FetchError),
    /// This witness holds so many entries, and this log does not continue them.
    Forked { witness: String, held: u64 },
}

impl fmt::Display for WitnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WitnessError::Client(error) => error.fmt(f),
            WitnessError::Forked { witness, held } => {
                write!(f, "witness {witness}: {}", client::fork_message(*held))
            }
        }
    }
}

impl std::error::Error for WitnessError {}

impl Witnesses {
    /// The configured witnesses. None of them is asked yet.
    pub fn of(configured: &[Witness]) -> Result<Witnesses, WitnessError> {
        if configured.is_empty() {
            return Ok(Witnesses(Vec::new()));
        }
        let fetcher = Fetcher::new().map_err(WitnessError::Client)?;
        let known = |witness: &Witness| ConfiguredWitness {
            client: WitnessClient { witness: witness.clone(), fetcher: fetcher.clone() },
            status: Arc::new(WitnessStatus::of(witness.key.name())),
            holds: 0,
        };
        Ok(Witnesses(configured.iter().map(known).collect()))
    }

    /// Sends the last published checkpoint to all witnesses before the ledger is opened, while nothing has been
    /// recorded or cut off yet.
    ///
    /// A witness that does not answer is skipped with a warning: otherwise a third party that is down could stop the
    /// mesh. If it holds another history, the server stops being ready as soon as it answers.
    pub async fn consult(&mut self, ledger: &Path) -> Result<Vec<WitnessedSize>, WitnessError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        // If it cannot be read, opening the ledger fails next, with a better message.
        let Ok((log, checkpoint)) = block_in_place(|| Ledger::published(ledger)) else {
            return Ok(Vec::new());
        };
        let size = checkpoint.checkpoint().size;
        let mut requests = JoinSet::new();
        for (index, known) in self.0.iter().enumerate() {
            let (client, log, checkpoint) = (known.client.clone(), log.clone(), checkpoint.clone());
            requests.spawn(async move { (index, client.submit(&log, &checkpoint, 0, AT_START).await) });
        }
        let mut witnessed = Vec::new();
        for (index, result) in requests.join_all().await {
            let Some(known) = self.0.get_mut(index) else { continue };
            let name = known.status.name();
            match result {
                Submitted::Cosigned(_) => known.holds = size,
                Submitted::Ahead(held) => {
                    known.holds = held;
                    witnessed.push(WitnessedSize { by: format!("witness {name}"), size: held });
                }
                Submitted::Forked(held) => {
                    return Err(WitnessError::Forked { witness: name.to_owned(), held });
                }
                Submitted::NotCosigned(why) => {
                    known.status.note_not_cosigned(&why);
                    warn!(
                        witness = name,
                        "the ledger could not be compared with what this witness holds: {why}"
                    );
                }
            }
        }
        Ok(witnessed)
    }

    /// Starts one task for each witness. It sends what is published until the server stops.
    pub fn start_tasks(self, ledger: &Ledger, stopping: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for ConfiguredWitness { client, status, holds } in self.0 {
            let task = WitnessTask::new(client, ledger.clone(), status, holds);
            tasks.spawn(task.run(stopping.clone()));
        }
        tasks
    }

    /// The status of each witness.
    pub fn status(&self) -> impl Iterator<Item = Arc<WitnessStatus>> {
        self.0.iter().map(|known| Arc::clone(&known.status))
    }
}
