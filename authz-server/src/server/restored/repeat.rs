//! What the new log begins with: the halt, every fact of the old log that may still hold, and the entry that counts them.

use std::collections::HashSet;
use std::path::Path;

use ledger::entry::{
    Activation, AttestationStatement, ConditionStatement, FactScope, Posture, PostureChange, RecordedFact,
    Restored, Revocation,
};
use ledger::{Entry, Ledger, Options};

use super::{BY_RESTORE, RestoreError};
use crate::facts::{AliveFact, Tables};
use crate::server::ServerError;

/// Repeats what an earlier try has not repeated yet, between the halt and the entry that counts the facts. Returns how many
/// there are.
pub(super) fn repeat_facts(tables: &Tables, next: &Path, options: Options) -> Result<u64, ServerError> {
    let alive = alive_facts(tables);
    let ledger = Ledger::open(next, options)?;
    let done = repeat_into(&ledger, &alive);
    ledger.close();
    done.map(|()| count(&alive))
}

fn repeat_into(ledger: &Ledger, alive: &[AliveFact]) -> Result<(), ServerError> {
    let (mut repeated, mut is_halted, mut is_complete) = (HashSet::new(), false, false);
    for record in ledger.read(0)? {
        let entry = record?.entry;
        is_halted |= matches!(&entry, Entry::Posture(change) if change.was.is_none());
        is_complete |= matches!(entry, Entry::Restored(_));
        repeated.extend(entry.was());
    }
    let append = |entry| ledger.append(entry).map(drop).map_err(RestoreError::NotRepeated);
    let repeat = |fact: &AliveFact| match repeated.contains(&fact.index) {
        true => Ok(()),
        false => again(fact).map_or(Ok(()), append),
    };
    // The mesh's own posture comes before the halt, which it must not end. It holds again when the halt has ended.
    let (of_mesh, others): (Vec<_>, Vec<_>) = alive.iter().partition(|fact| is_posture_of_mesh(fact));
    of_mesh.into_iter().try_for_each(repeat)?;
    if !is_halted {
        append(halt().into())?;
    }
    others.into_iter().try_for_each(repeat)?;
    if !is_complete {
        append(Restored { facts: count(alive) }.into())?;
    }
    Ok(())
}

/// Every fact of the old log that may still hold and that can be repeated, in its order.
fn alive_facts(tables: &Tables) -> Vec<AliveFact> {
    let mut alive: Vec<_> = tables.alive().filter(|fact| again(fact).is_some()).collect();
    alive.sort_by_key(|fact| fact.index);
    alive
}

fn count(alive: &[AliveFact]) -> u64 {
    u64::try_from(alive.len()).unwrap_or(u64::MAX)
}

fn is_posture_of_mesh(fact: &AliveFact) -> bool {
    matches!(&fact.entry, Entry::Posture(change) if change.scope == FactScope::Mesh)
}

/// The fact as the new log repeats it.
fn again(fact: &AliveFact) -> Option<Entry> {
    let was = Some(fact.index);
    Some(match fact.entry.as_recorded_fact()? {
        // The new log has no bundle before it.
        RecordedFact::Activation(entry) => Activation { was, previous: None, ..entry.clone() }.into(),
        RecordedFact::Attestation(entry) => AttestationStatement { was, ..entry.clone() }.into(),
        RecordedFact::Condition(entry) => ConditionStatement { was, ..entry.clone() }.into(),
        // The number of an entry of the old log says nothing in the new one.
        RecordedFact::Posture(entry) => PostureChange { was, replaces: None, ..entry.clone() }.into(),
        RecordedFact::Revocation(entry) => Revocation { was, ..entry.clone() }.into(),
        RecordedFact::Issued(_) | RecordedFact::Reinstate(_) => return None,
    })
}

fn halt() -> PostureChange {
    PostureChange {
        bundle: None,
        by: BY_RESTORE.to_owned(),
        reason: "the ledger was restored from a backup".to_owned(),
        replaces: None,
        scope: FactScope::Mesh,
        stance: Posture::Halted,
        subject: String::new(),
        was: None,
    }
}
