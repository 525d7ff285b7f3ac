//! Begins a new log after the ledger's disk was restored from a backup.
//!
//! What the old log acknowledged after the backup is not known, and proxies and auditors hold checkpoints of it, so
//! its name must not be used again. The first entry of the new log names the old log and the size that was restored.
//! Then the new log halts the mesh, repeats every fact of the old log that may still hold, and counts them in an entry of its
//! own. Nothing is allowed until an operator confirms that the missing facts were recorded again. The old directory is
//! kept under another name.
//!
//! A crash before that last entry leaves the new log beside the old one, unfinished. The next `serve --restored` goes on with
//! it: nobody has seen it yet.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::entry::{
    Activation, AttestationStatement, ConditionStatement, FactScope, Posture, PostureChange, Predecessor,
    RecordedFact, Restored, Revocation,
};
use ledger::{
    ClosedLedger, Entry, InitError, Ledger, OpenError, Options, ReadError, RecordError, TreeHead, durable,
};
use tracing::warn;

use super::error::ServerError;
use crate::clock::Clock;
use crate::config::Config;
use crate::facts::{self, AliveFact};

/// Who halts the mesh after a restore, in the record.
pub const BY_RESTORE: &str = "serve --restored";

/// Why a new log cannot begin in the place of a restored one.
#[derive(Debug)]
pub enum RestoreError {
    /// The backup does not hold a whole ledger.
    Incomplete(OpenError),
    Unreadable(ReadError),
    /// A new log was begun for this backup before.
    AlreadyBegun(PathBuf),
    NewLog(InitError),
    /// A directory of the new log's name is there, and it is not a new log of this backup.
    InTheWay(PathBuf),
    NotRepeated(RecordError),
    NotMoved {
        from: PathBuf,
        to: PathBuf,
        error: io::Error,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Incomplete(error) => {
                write!(
                    f,
                    "{error}; the restored backup is incomplete: restore the whole backup, or use another backup"
                )
            }
            RestoreError::Unreadable(error) => error.fmt(f),
            RestoreError::AlreadyBegun(directory) => write!(
                f,
                "{} is already a new log after a restore: start without --restored",
                directory.display()
            ),
            RestoreError::NewLog(error) => error.fmt(f),
            RestoreError::InTheWay(directory) => write!(
                f,
                "{} is not a new log that was begun for this backup: move it away",
                directory.display()
            ),
            RestoreError::NotRepeated(error) => {
                write!(f, "the facts of the old log cannot be recorded in the new one: {error}")
            }
            RestoreError::NotMoved { from, to, error } => {
                write!(f, "cannot move {} to {}: {error}", from.display(), to.display())
            }
        }
    }
}

impl std::error::Error for RestoreError {}

/// Puts a new log in the place of the old one. The error is one line: what is wrong, where, and what to do.
pub(super) fn begin_new_log(config: &Config, clock: &Clock) -> Result<(), ServerError> {
    let (directory, name) = (&config.ledger.directory, &config.audience);
    let options = super::ledger_options(&config.ledger.key, clock)?;
    let old = ClosedLedger::read(directory).map_err(RestoreError::Incomplete)?;
    check_not_restored_yet(&old, directory)?;
    let TreeHead { size, root } = old.head();
    let restored = Predecessor { origin: old.origin().to_owned(), root: STANDARD.encode(root), size };
    let next = sibling(directory, "next");
    if next.exists() {
        check_continues(&next, &restored)?;
    } else {
        Ledger::init_restored(&next, name, &options, restored).map_err(RestoreError::NewLog)?;
    }
    let repeated = repeat_facts(&old, &next, options)?;
    let aside = sibling(directory, &format!("before-{}", old.origin().rsplit('/').next().unwrap_or("it")));
    // A crash between the two renames leaves no directory of the configured name: the server does not start, and says
    // why.
    let moved = durable::rename(directory, &aside).and_then(|()| durable::rename(&next, directory));
    moved.map_err(|error| RestoreError::NotMoved { from: directory.clone(), to: aside.clone(), error })?;
    warn!(
        old = old.origin(),
        entries = size,
        repeated,
        kept = %aside.display(),
        "a new log begins, and the mesh is halted: record again what the backup lacks, then run `portcullis ledger reassert`; \
         warrants with a use limit, and proofs, are denied until the bundle names the new origin"
    );
    Ok(())
}

/// Checks that the log was not begun for this backup already: every later start must continue the new log.
fn check_not_restored_yet(old: &ClosedLedger, directory: &Path) -> Result<(), RestoreError> {
    let mut was_restored = false;
    for record in old.entries(0).map_err(RestoreError::Unreadable)? {
        let entry = record.map_err(RestoreError::Unreadable)?.entry;
        if let Entry::Init(init) = &entry {
            was_restored = init.restored.is_some();
        }
        // If it was in use since then, this is a backup of its own.
        let was_used = matches!(entry, Entry::Decision(_) | Entry::Denials(_));
        if was_used || !was_restored {
            return Ok(());
        }
    }
    Err(RestoreError::AlreadyBegun(directory.to_owned()))
}

/// Checks that this is the new log of this backup, which a crash left unfinished.
fn check_continues(next: &Path, restored: &Predecessor) -> Result<(), RestoreError> {
    let begun = ClosedLedger::read(next).map_err(RestoreError::Incomplete)?;
    let mut entries = begun.entries(0).map_err(RestoreError::Unreadable)?;
    let first = entries.next().transpose().map_err(RestoreError::Unreadable)?.map(|record| record.entry);
    let continues = matches!(&first, Some(Entry::Init(init)) if init.restored.as_ref() == Some(restored));
    if continues { Ok(()) } else { Err(RestoreError::InTheWay(next.to_owned())) }
}

/// Repeats what an earlier try has not repeated yet, between the halt and the entry that counts the facts. Returns how many
/// there are.
fn repeat_facts(old: &ClosedLedger, next: &Path, options: Options) -> Result<usize, ServerError> {
    let alive = alive_facts(old)?;
    let ledger = Ledger::open(next, options)?;
    let done = repeat_into(&ledger, &alive);
    ledger.close();
    done.map(|()| alive.len())
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
        append(Restored { facts: u64::try_from(alive.len()).unwrap_or(u64::MAX) }.into())?;
    }
    Ok(())
}

/// Every fact of the old log that may still hold and that can be repeated, in its order.
fn alive_facts(old: &ClosedLedger) -> Result<Vec<AliveFact>, ServerError> {
    let folded = facts::fold_closed(old)?;
    let mut alive: Vec<_> = folded.tables.alive().filter(|fact| again(fact).is_some()).collect();
    alive.sort_by_key(|fact| fact.index);
    Ok(alive)
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

fn sibling(directory: &Path, ending: &str) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}
