//! Begins a new log after the ledger's disk was restored from a backup.
//!
//! What the old log acknowledged after the backup is not known, and proxies and auditors hold checkpoints of it, so
//! its name must not be used again. The first entry of the new log names the old log and the size that was restored.
//! Nothing is allowed until an operator confirms that the missing facts were recorded again. The old directory is
//! kept under another name.
//!
//! # The steps, and what a crash between them leaves
//!
//! 1. The new log is created beside the old one, as `<directory>.next`. A crash before that: there is no new log.
//! 2. It gets the halt, every fact of the old log that may still hold, and an entry that counts them. A crash before this
//!    entry: the next `serve --restored` records the rest. Nobody has read this log yet.
//! 3. The old directory is renamed to `<directory>.before-<id>`. A crash after it: no log has the name that is configured.
//! 4. The new directory gets that name. A crash after it: the new log is in its place.
//!
//! While the new log is not in its place, only `serve --restored` starts. It finishes the steps.

mod error;
mod repeat;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ledger::durable::Disk;
use ledger::entry::Predecessor;
use ledger::layout::Layout;
use ledger::{ClosedLedger, Entry, Ledger, Options, TreeHead};
use tracing::warn;

pub(super) use error::RestoreError;

use super::error::ServerError;
use crate::clock::Clock;
use crate::config::Config;
use crate::facts;

/// Who halts the mesh after a restore, in the record.
pub const BY_RESTORE: &str = "serve --restored";

/// Puts a new log in the place of the old one. The error is one line: what is wrong, where, and what to do.
pub(super) fn begin_new_log(config: &Config, clock: &Clock) -> Result<(), ServerError> {
    let options = super::ledger_options(&config.ledger.key, clock)?;
    let restore = Restore::of(&config.ledger.directory, Disk::real());
    let NewLog { predecessor, repeated } = restore.run(&config.audience, &options)?;
    warn!(
        old = predecessor.origin,
        entries = predecessor.size,
        repeated,
        kept = %restore.aside(&predecessor).display(),
        "a new log begins, and the mesh is halted: record again what the backup lacks, then run `portcullis ledger reassert`; \
         warrants with a use limit, and proofs, are denied until the bundle names the new origin"
    );
    Ok(())
}

/// Checks that no restore was cut short, before a start without `--restored`: the old log must not continue under its name.
pub(super) fn check_none_cut_short(directory: &Path) -> Result<(), RestoreError> {
    let next = Restore::of(directory, Disk::real()).next;
    if has_log(&next) { Err(RestoreError::CutShort(next)) } else { Ok(()) }
}

/// The directories of a restore.
struct Restore {
    disk: Disk,
    /// The one that is configured.
    directory: PathBuf,
    /// The new log, until it gets the name that is configured.
    next: PathBuf,
}

/// What a new log says of its beginning.
struct NewLog {
    predecessor: Predecessor,
    /// How many facts of the log before are recorded again; `None` until all of them are.
    repeated: Option<u64>,
}

impl Restore {
    fn of(directory: &Path, disk: Disk) -> Restore {
        Restore { disk, directory: directory.to_owned(), next: sibling(directory, "next") }
    }

    /// Where the old log is kept.
    fn aside(&self, old: &Predecessor) -> PathBuf {
        sibling(&self.directory, &format!("before-{}", old.origin.rsplit('/').next().unwrap_or("it")))
    }

    /// Takes all steps that are not done yet.
    fn run(&self, name: &str, options: &Options) -> Result<NewLog, ServerError> {
        if let Some(complete) = self.complete_in_no_place()? {
            self.put_in_place()?;
            return Ok(complete);
        }
        let old = ClosedLedger::read(&self.directory).map_err(RestoreError::Incomplete)?;
        let folded = facts::fold_closed(&old)?;
        // If it was in use since then, this is a backup of its own. Else every later start must continue it.
        if folded.own.after_restore.as_ref().is_some_and(|begun| !begun.was_used) {
            return Err(RestoreError::AlreadyBegun(self.directory.clone()).into());
        }
        let TreeHead { size, root } = old.head();
        let continued = folded.own.after_restore.map_or_else(Vec::new, |begun| begun.predecessors);
        let root = STANDARD.encode(root);
        let predecessor = Predecessor { continued, origin: old.origin().to_owned(), root, size };
        self.begin_or_continue(name, &predecessor, options)?;
        let repeated = repeat::repeat_facts(&folded.tables, &self.next, options.clone())?;
        self.rename(&self.directory, &self.aside(&predecessor))?;
        self.put_in_place()?;
        Ok(NewLog { predecessor, repeated: Some(repeated) })
    }

    /// The new log, if a crash left it complete and the old one moved aside already.
    fn complete_in_no_place(&self) -> Result<Option<NewLog>, RestoreError> {
        if has_log(&self.directory) || !has_log(&self.next) {
            return Ok(None);
        }
        let is_aside = |old: &Predecessor| {
            let kept = Ledger::published(&self.aside(old));
            kept.is_ok_and(|(_, kept)| kept.checkpoint().origin == old.origin)
        };
        let begun = NewLog::read(&self.next)?;
        Ok(begun.filter(|begun| begun.repeated.is_some() && is_aside(&begun.predecessor)))
    }

    /// Creates the new log, unless an earlier try has. What an earlier try left for another backup is replaced, unless it is
    /// complete.
    fn begin_or_continue(
        &self,
        name: &str,
        predecessor: &Predecessor,
        options: &Options,
    ) -> Result<(), RestoreError> {
        if has_log(&self.next) {
            match NewLog::read(&self.next)? {
                Some(begun) if begun.predecessor == *predecessor => return Ok(()),
                Some(NewLog { repeated: None, .. }) => {
                    Ledger::discard(&self.next, options).map_err(RestoreError::NewLog)?;
                }
                Some(_) | None => return Err(RestoreError::InTheWay(self.next.clone())),
            }
        }
        let created = Ledger::init_restored(&self.next, name, options, predecessor.clone());
        created.map(drop).map_err(RestoreError::NewLog)
    }

    fn put_in_place(&self) -> Result<(), RestoreError> {
        self.rename(&self.next, &self.directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), RestoreError> {
        let not_moved = |error| RestoreError::NotMoved { from: from.to_owned(), to: to.to_owned(), error };
        self.disk.rename_durably(from, to).map_err(not_moved)
    }
}

impl NewLog {
    /// Reads a new log that is not in its place yet. `None` if it did not begin after a restore.
    fn read(next: &Path) -> Result<Option<NewLog>, RestoreError> {
        let log = ClosedLedger::read(next).map_err(|_| RestoreError::InTheWay(next.to_owned()))?;
        let (mut predecessor, mut repeated) = (None, None);
        // Nothing of it is archived: nobody has seen it yet.
        for record in log.entries(0).map_err(RestoreError::Unreadable)? {
            let entry = record.map_err(RestoreError::Unreadable)?.entry;
            if let Entry::Restored(restored) = &entry {
                repeated = Some(restored.facts);
            }
            if let Entry::Init(init) = entry {
                predecessor = init.restored;
            }
        }
        Ok(predecessor.map(|predecessor| NewLog { predecessor, repeated }))
    }
}

fn has_log(directory: &Path) -> bool {
    Layout::new(directory).vkey().exists()
}

fn sibling(directory: &Path, ending: &str) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}
