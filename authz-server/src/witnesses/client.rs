//! Sends one checkpoint to one witness: first with a proof from the size that it is believed to hold, then from the
//! size that it names. Requests, bytes and time are bounded.

use std::time::Duration;

use ledger::ReadError;
use ledger::consistency::Consistency;
use ledger::note::SignedCheckpoint;
use ledger::tree::Directory;

use super::protocol::WitnessAnswer;
use crate::config::Witness;
use crate::fetch::{Fetcher, Limits};

/// An answer has some signature lines, each of a few hundred bytes.
const BYTES_AT_MOST: usize = 64 * 1024;
/// Another client may send it newer checkpoints between two of our requests, so we try again, but not for ever.
const REQUESTS_AT_MOST: usize = 3;

/// The client of one witness.
#[derive(Clone, Debug)]
pub(super) struct WitnessClient {
    pub(super) witness: Witness,
    pub(super) fetcher: Fetcher,
}

/// The result of sending a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Submitted {
    /// It cosigned: its answer contains a valid line by its key.
    Cosigned(String),
    /// It holds this many entries, more than the checkpoint has.
    Ahead(u64),
    /// It says that the checkpoint does not continue the entries that it holds, which are this many.
    Forked(u64),
    /// There is no cosignature, for this reason.
    NotCosigned(String),
}

impl WitnessClient {
    /// `from`: the size that it is believed to hold; 0 if nothing is known.
    pub(super) async fn submit(
        &self,
        log: &Directory,
        checkpoint: &SignedCheckpoint,
        mut from: u64,
        within: Duration,
    ) -> Submitted {
        let size = checkpoint.checkpoint().size;
        let url = format!("{}add-checkpoint", self.witness.url);
        for _ in 0..REQUESTS_AT_MOST {
            if from > size {
                return Submitted::Ahead(from);
            }
            let request = match request(log, checkpoint, from).await {
                Ok(request) => request,
                Err(why) => return Submitted::NotCosigned(why),
            };
            let limits = Limits { bytes: BYTES_AT_MOST, time: within };
            let answer = match self.fetcher.post(&url, request, limits).await {
                Ok(fetched) => WitnessAnswer::read(&fetched),
                Err(e) => return Submitted::NotCosigned(format!("it cannot be reached: {e}")),
            };
            match answer {
                WitnessAnswer::Lines(lines) => return self.verified(lines, checkpoint),
                // The same size with another root: the specification also answers this with a conflict.
                WitnessAnswer::Holds(held) if held == from && held == size => return Submitted::Forked(held),
                WitnessAnswer::Holds(held) if held == from => {
                    return Submitted::NotCosigned(format!(
                        "it said that it holds {held} entries, but it refuses a proof from that size"
                    ));
                }
                WitnessAnswer::Holds(held) => from = held,
                // Every log continues the empty log, so this is not a fork.
                WitnessAnswer::Inconsistent if from == 0 => {
                    return Submitted::NotCosigned("it refuses an empty proof".to_owned());
                }
                WitnessAnswer::Inconsistent => return Submitted::Forked(from),
                WitnessAnswer::Other(why) => return Submitted::NotCosigned(why),
            }
        }
        Submitted::NotCosigned("it names another size at each request".to_owned())
    }

    fn verified(&self, lines: String, checkpoint: &SignedCheckpoint) -> Submitted {
        let key = &self.witness.key;
        let cosigned = checkpoint.clone().with_cosignatures(&lines, std::slice::from_ref(key));
        if cosigned.cosigners().iter().any(|cosigner| cosigner.witness == key.name()) {
            return Submitted::Cosigned(lines);
        }
        Submitted::NotCosigned(format!(
            "its answer has no valid line by {key}: configure the key that it cosigns with"
        ))
    }
}

/// Makes the request on a thread that makes no decisions, because it reads tiles.
async fn request(log: &Directory, checkpoint: &SignedCheckpoint, from: u64) -> Result<String, String> {
    let (log, checkpoint) = (log.clone(), checkpoint.clone());
    let make = move || Consistency::make(&log, checkpoint, from).map(|proof| proof.to_string());
    let made = tokio::task::spawn_blocking(make).await;
    let failed = |e: ReadError| format!("the proof for it cannot be made: {e}");
    made.map_err(|e| e.to_string())?.map_err(failed)
}

/// The message for a fork.
pub(super) fn fork_message(held: u64) -> String {
    format!(
        "it holds {held} entries that this log does not continue: the log was rewritten, or another log uses its name; \
         restore the ledger from a backup and start with `serve --restored`"
    )
}

#[cfg(test)]
mod tests;
