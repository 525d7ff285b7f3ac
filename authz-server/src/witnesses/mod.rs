//! Witnesses: each checkpoint that is published is shown to them, and their cosignatures stand beside it. They remember
//! what we might forget: so before the ledger is opened they are asked what they hold of it.
//!
//! All of it off the path of requests. A witness that does not answer is remarked and tried again; one that holds another
//! history than ours ends readiness, and stops a start.

mod asking;
mod news;
mod protocol;
mod showing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::Ledger;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tracing::warn;

use asking::Asking;
pub use news::WitnessNews;
use showing::{Shower, Shown};

use crate::config::Witness;
use crate::fetch::Fetcher;

/// For one answer while the server starts: long enough for the other side of the world, and no start is stopped by it.
const AT_START: Duration = Duration::from_secs(3);

/// The configured witnesses.
#[derive(Debug)]
pub struct Witnesses(Vec<Known>);

#[derive(Debug)]
struct Known {
    shower: Shower,
    news: Arc<WitnessNews>,
    /// The size that we believe it holds.
    holds: u64,
}

/// A size that a witness holds, and that the ledger must not be below.
#[derive(Debug)]
pub struct Counted {
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
        let known = |witness: &Witness| Known {
            shower: Shower { witness: witness.clone(), fetcher: fetcher.clone() },
            news: Arc::new(WitnessNews::of(witness.key.name())),
            holds: 0,
        };
        Ok(Witnesses(configured.iter().map(known).collect()))
    }

    /// Shows what was published last to all of them, before the ledger is opened: nothing has been recorded or cut yet. The
    /// error is one line, when one of them holds another history.
    ///
    /// Whoever does not answer is passed over with a warning: else a third party could stop the mesh by being down. What it
    /// would have said ends readiness as soon as it answers.
    pub async fn consult(&mut self, ledger: &Path) -> Result<Vec<Counted>, String> {
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
            let (shower, log, checkpoint) = (known.shower.clone(), log.clone(), checkpoint.clone());
            asked.spawn(async move { (place, shower.show(&log, &checkpoint, 0, AT_START).await) });
        }
        let mut counted = Vec::new();
        for (place, shown) in asked.join_all().await {
            let Some(known) = self.0.get_mut(place) else { continue };
            let name = known.news.name();
            match shown {
                Shown::Cosigned(_) => known.holds = size,
                Shown::Ahead(held) => {
                    known.holds = held;
                    counted.push(Counted { by: format!("witness {name}"), size: held });
                }
                Shown::Forked(held) => return Err(format!("witness {name} {}", showing::forked(held))),
                Shown::Silent(why) => {
                    known.news.silent(&why);
                    warn!(
                        witness = name,
                        "the ledger could not be compared with what this witness holds: it {why}"
                    );
                }
            }
        }
        Ok(counted)
    }

    /// Goes on showing them what is published, each by a task of its own, until the server stops.
    pub fn keep_asking(self, ledger: &Ledger, stopping: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for Known { shower, news, holds } in self.0 {
            let asking = Asking::new(shower, ledger.clone(), news, holds);
            tasks.spawn(asking.until(stopping.clone()));
        }
        tasks
    }

    /// One for each witness.
    pub fn news(&self) -> impl Iterator<Item = Arc<WitnessNews>> {
        self.0.iter().map(|known| Arc::clone(&known.news))
    }
}
