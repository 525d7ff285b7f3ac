//! Reads one decision and proves that it is in the signed log. So nobody added it to the files later.

use ledger::Entry;
use ledger::entry::{Decision, Stamps};

use super::log::{LogLocation, OptionalKey};
use super::prove::{find, make_checked};
use crate::cli::out::Failure;

#[derive(Debug)]
pub(in crate::cli) struct ProvedDecision {
    pub(in crate::cli) index: u64,
    pub(in crate::cli) stamps: Stamps,
    pub(in crate::cli) decision: Decision,
}

pub(in crate::cli) fn read(
    location: &LogLocation,
    key: &OptionalKey,
    id: &str,
) -> Result<ProvedDecision, Failure> {
    let log = location.open()?;
    let key = key.read(&log)?;
    let checkpoint = log.checkpoint(&key)?;
    let index = find(&log, checkpoint.checkpoint().size, id)?;
    let (_, proof) = make_checked(&log, checkpoint, &key, index)?;
    match proof.entry().map_err(Failure::new)? {
        (stamps, Entry::Decision(decision)) => Ok(ProvedDecision { index, stamps, decision }),
        (_, other) => {
            Err(Failure::new(format!("entry {index} is of the kind {}, not a decision", other.kind())))
        }
    }
}
