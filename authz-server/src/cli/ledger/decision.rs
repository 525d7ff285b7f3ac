//! One decision, proved to be in the log that a key signed: what is told of it was recorded, and not put there since.

use ledger::Entry;
use ledger::entry::{Decision, Stamps};

use super::opened::{Named, Where};
use super::prove::{find, held};
use crate::cli::out::Failure;

#[derive(Debug)]
pub(in crate::cli) struct Recorded {
    pub(in crate::cli) index: u64,
    pub(in crate::cli) stamps: Stamps,
    pub(in crate::cli) decision: Decision,
}

pub(in crate::cli) fn proved(at: &Where, named: &Named, id: &str) -> Result<Recorded, Failure> {
    let opened = at.open()?;
    let key = named.key(&opened)?;
    let checkpoint = opened.checkpoint(&key)?;
    let index = find(&opened, checkpoint.checkpoint().size, id)?;
    let (_, proof) = held(&opened, checkpoint, &key, index)?;
    match proof.entry().map_err(Failure::new)? {
        (stamps, Entry::Decision(decision)) => Ok(Recorded { index, stamps, decision }),
        (_, other) => Err(Failure::new(format!("entry {index} is a {}, no decision", other.kind()))),
    }
}
