//! Reads one decision and proves that it is in the signed log. So nobody added it to the files later.

use std::convert::Infallible;

use ledger::Entry;
use ledger::entry::{Decision, Stamps};
use ledger::tree::MerkleTree;

use super::log::{LogLocation, OpenLog, OptionalKey};
use super::prove::{find, make_checked};
use crate::cli::out::Failure;
use crate::record::EarlierTerms;

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
    let size = checkpoint.checkpoint().size;
    let index = find(&log, size, id)?;
    let (_, proof) = make_checked(&log, checkpoint, &key, index)?;
    match proof.entry().map_err(Failure::new)? {
        (stamps, Entry::Decision(mut decision)) => {
            complete(&log, size, &mut decision)?;
            Ok(ProvedDecision { index, stamps, decision })
        }
        (_, other) => {
            Err(Failure::new(format!("entry {index} is of the kind {}, not a decision", other.kind())))
        }
    }
}

/// Reads the terms of its warrant, if an earlier entry says them.
fn complete(log: &OpenLog, size: u64, decision: &mut Decision) -> Result<(), Failure> {
    let Some(index) = decision.terms.said_at() else { return Ok(()) };
    let tree = MerkleTree::new(log.source.as_ref(), size);
    let missing = |why: String| {
        Failure::new(format!(
            "the terms of the warrant of decision {} are in entry {index}, which {why}",
            decision.id
        ))
    };
    let from = log.first_entry(size)?;
    if index < from {
        return Err(missing("is archived: name the archive with --archive".to_owned()));
    }
    let read = |index| tree.entry(index).map_err(|error| missing(format!("cannot be read: {error}")));
    let bytes = read(index)?;
    let Ok(()) = EarlierTerms::default().complete(decision, |_| Ok::<_, Infallible>(bytes));
    Ok(())
}
