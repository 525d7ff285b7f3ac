//! Showing one checkpoint to one witness: asked from the size that it is believed to hold, and again from the one that it
//! names. Bounded in questions, bytes and time.

use std::time::Duration;

use ledger::ReadError;
use ledger::consistency::Consistency;
use ledger::note::SignedCheckpoint;
use ledger::tree::Directory;

use super::protocol::WitnessAnswer;
use crate::config::Witness;
use crate::fetch::{Fetcher, Limits};

/// Some signature lines, each of a few hundred bytes.
const BYTES_AT_MOST: usize = 64 * 1024;
/// Somebody else may show it newer checkpoints between two of our questions; not for ever.
const QUESTIONS_AT_MOST: usize = 3;

/// Whoever asks one witness.
#[derive(Clone, Debug)]
pub(super) struct WitnessClient {
    pub(super) witness: Witness,
    pub(super) fetcher: Fetcher,
}

/// What the witness made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Submitted {
    /// Its answer; a line by its key is in it, and holds.
    Cosigned(String),
    /// It holds so many entries, more than the checkpoint names.
    Ahead(u64),
    /// It does not take the checkpoint for one that continues the so many entries that it holds.
    Forked(u64),
    /// No cosignature, and why, in words that follow "it".
    NotCosigned(String),
}

impl WitnessClient {
    /// `from`: the size that it is believed to hold; 0 where nothing is known.
    pub(super) async fn submit(
        &self,
        log: &Directory,
        checkpoint: &SignedCheckpoint,
        mut from: u64,
        within: Duration,
    ) -> Submitted {
        let size = checkpoint.checkpoint().size;
        let url = format!("{}add-checkpoint", self.witness.url);
        for _ in 0..QUESTIONS_AT_MOST {
            if from > size {
                return Submitted::Ahead(from);
            }
            let question = match question(log, checkpoint, from).await {
                Ok(question) => question,
                Err(why) => return Submitted::NotCosigned(why),
            };
            let limits = Limits { bytes: BYTES_AT_MOST, time: within };
            let answer = match self.fetcher.post(&url, question, limits).await {
                Ok(fetched) => WitnessAnswer::read(&fetched),
                Err(e) => return Submitted::NotCosigned(format!("cannot be asked: {e}")),
            };
            match answer {
                WitnessAnswer::Lines(lines) => return self.verified(lines, checkpoint),
                // The same size, and another root: the specification has this conflict too.
                WitnessAnswer::Holds(held) if held == from && held == size => return Submitted::Forked(held),
                WitnessAnswer::Holds(held) if held == from => {
                    return Submitted::NotCosigned(format!(
                        "does not take the size {held}, which it names itself"
                    ));
                }
                WitnessAnswer::Holds(held) => from = held,
                // There is nothing before an empty log that a checkpoint could fail to continue.
                WitnessAnswer::Inconsistent if from == 0 => {
                    return Submitted::NotCosigned("refuses an empty proof".to_owned());
                }
                WitnessAnswer::Inconsistent => return Submitted::Forked(from),
                WitnessAnswer::Other(why) => return Submitted::NotCosigned(why),
            }
        }
        Submitted::NotCosigned("names another size each time it is asked".to_owned())
    }

    fn verified(&self, lines: String, checkpoint: &SignedCheckpoint) -> Submitted {
        let key = &self.witness.key;
        let cosigned = checkpoint.clone().with_cosignatures(&lines, std::slice::from_ref(key));
        if cosigned.cosigners().iter().any(|cosigner| cosigner.witness == key.name()) {
            return Submitted::Cosigned(lines);
        }
        Submitted::NotCosigned(format!(
            "answers without a line that holds by {key}: configure the key that it cosigns with"
        ))
    }
}

/// Made off the threads that decide: it reads tiles.
async fn question(log: &Directory, checkpoint: &SignedCheckpoint, from: u64) -> Result<String, String> {
    let (log, checkpoint) = (log.clone(), checkpoint.clone());
    let make = move || Consistency::make(&log, checkpoint, from).map(|proof| proof.to_string());
    let made = tokio::task::spawn_blocking(make).await;
    let unmade = |e: ReadError| format!("cannot be given a proof: {e}");
    made.map_err(|e| e.to_string())?.map_err(unmade)
}

/// What a fork is called, in words that follow the witness's name.
pub(super) fn fork_message(held: u64) -> String {
    format!(
        "refuses that this log continues the {held} entries that it holds: the log was rewritten, or another runs under its \
         name; restore the ledger from a backup and start with `serve --restored`"
    )
}

#[cfg(test)]
mod tests;
