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
//! 4. The mark `<directory>.is-a-backup` is removed, if somebody made it. A crash after it: the same as before it, without the mark.
//! 5. The new directory gets that name. A crash after it: the new log is in its place.
//!
//! Each step is durable before the next one begins. While the new log is not in its place, only `serve --restored` or `--restored-log`
//! starts, and it finishes the steps. At first that is because of the mark; from the end of step 1 on, because of `<directory>.next`.
//!
//! The mark is removed before step 5 and not after it, so that it never stands beside a new log that is in its place. So a log with a mark
//! is always a backup, also if it began after an earlier restore and was backed up before its first decision.

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
use ledger::{ClosedLedger, Entry, Ledger, Mark, OpenError, Options, TreeHead};
use tracing::warn;

pub(super) use error::RestoreError;

use super::error::ServerError;
use crate::clock::Clock;
use crate::config::Config;
use crate::facts::{self, Folded};

/// Who halts the mesh after a restore, in the record.
pub const BY_RESTORE: &str = "serve --restored";

/// What the person who starts a server says about the ledger in the configured directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundLedger {
    /// This server's own, which it continues.
    Own,
    /// Restored from a backup: a new log begins in its place.
    Backup(Backup),
}

/// Which backup was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// Whatever log is there. A start that finds a new log in its place is refused.
    OfAnyLog,
    /// Of the log with this name. A start that finds the log that began in its place continues that one. So a server may be started again
    /// and again like this, and restores once.
    OfLog(String),
}

/// Puts a new log in the place of the old one. The error is one line: what is wrong, where, and what to do.
pub(super) fn begin_new_log(config: &Config, backup: &Backup, clock: &Clock) -> Result<(), ServerError> {
    let options = super::ledger_options(&config.ledger.key, clock)?;
    let restore = Restore::of(&config.ledger.directory, Disk::real());
    let Some(NewLog { predecessor, repeated }) = restore.run(backup, &config.audience, &options)? else {
        return Ok(());
    };
    warn!(
        old = predecessor.origin,
        entries = predecessor.size,
        repeated,
        kept = %restore.aside(&predecessor.origin).display(),
        "a new log begins, and the mesh is halted: record again what the backup lacks, then run `portcullis ledger reassert`; \
         warrants with a use limit, and proofs, are denied until the bundle names the new origin"
    );
    Ok(())
}

/// Checks that this is no backup, and that no restore was cut short, before a start that continues the ledger: the log of a backup must not
/// continue under its name. The marks are checked once more when the ledger is opened, under its lock.
pub(super) fn check_is_own(directory: &Path) -> Result<(), ServerError> {
    Mark::check_none(directory)?;
    let next = Restore::of(directory, Disk::real()).next;
    if has_log(&next) { Err(RestoreError::CutShort(next).into()) } else { Ok(()) }
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
#[derive(Debug)]
struct NewLog {
    predecessor: Predecessor,
    /// How many facts of the log before are recorded again; `None` until all of them are.
    repeated: Option<u64>,
}

impl Restore {
    fn of(directory: &Path, disk: Disk) -> Restore {
        Restore { disk, directory: directory.to_owned(), next: sibling(directory, "next") }
    }

    /// Where the old log with this name is kept.
    fn aside(&self, old: &str) -> PathBuf {
        sibling(&self.directory, &format!("before-{}", old.rsplit('/').next().unwrap_or("it")))
    }

    /// Takes all steps that are not done yet. `None` if an earlier start took all of them.
    fn run(&self, backup: &Backup, name: &str, options: &Options) -> Result<Option<NewLog>, ServerError> {
        if let Some(complete) = self.complete_in_no_place()? {
            backup.check_is_of(&complete.predecessor.origin, &self.next)?;
            self.put_in_place()?;
            return Ok(Some(complete));
        }
        // Until the end nobody else writes to it.
        let old = ClosedLedger::hold(&self.directory, options).map_err(not_held)?;
        let folded = facts::fold_closed(&old)?;
        if !self.is_backup(backup, old.origin(), &folded)? {
            return Ok(None);
        }
        let TreeHead { size, root } = old.head();
        let continued = folded.own.after_restore.map_or_else(Vec::new, |begun| begun.predecessors);
        let root = STANDARD.encode(root);
        let predecessor = Predecessor { continued, origin: old.origin().to_owned(), root, size };
        self.begin_or_continue(name, &predecessor, options)?;
        let repeated = repeat::repeat_facts(&folded.tables, &self.next, options.clone())?;
        self.rename(&self.directory, &self.aside(&predecessor.origin))?;
        self.put_in_place()?;
        Ok(Some(NewLog { predecessor, repeated: Some(repeated) }))
    }

    /// Whether the log in its place is the backup, and not the new log that began in place of the backup. An error if it is neither, or if
    /// nobody can tell.
    fn is_backup(&self, backup: &Backup, origin: &str, folded: &Folded) -> Result<bool, ServerError> {
        let begun = folded.own.after_restore.as_ref();
        let mark = Mark::IsABackup.find(&self.directory)?;
        let Backup::OfLog(named) = backup else {
            // If it was in use since its restore, this is a backup of its own. If not, it may be one, or the log that every later start must
            // continue.
            let is_unclear = mark.is_none() && begun.is_some_and(|begun| !begun.was_used);
            return if is_unclear { Err(self.already_begun(origin).into()) } else { Ok(true) };
        };
        if named == origin {
            return Ok(true);
        }
        if mark.is_some() {
            backup.check_is_of(origin, &self.directory)?;
        }
        if has_log(&self.next) {
            return Err(RestoreError::CutShort(self.next.clone()).into());
        }
        let is_its_successor = begun.is_some_and(|begun| begun.predecessors.last() == Some(named));
        if is_its_successor && has_log(&self.aside(named)) {
            return Ok(false);
        }
        let (named, found) = (named.clone(), origin.to_owned());
        Err(RestoreError::NotBegunInItsPlace { named, found, directory: self.directory.clone() }.into())
    }

    fn already_begun(&self, origin: &str) -> RestoreError {
        RestoreError::AlreadyBegun { directory: self.directory.clone(), origin: origin.to_owned() }
    }

    /// The new log, if a crash left it complete and the old one moved aside already.
    fn complete_in_no_place(&self) -> Result<Option<NewLog>, RestoreError> {
        if has_log(&self.directory) || !has_log(&self.next) {
            return Ok(None);
        }
        let is_aside = |old: &Predecessor| {
            let kept = Ledger::published(&self.aside(&old.origin));
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

    /// After the old log is aside.
    fn put_in_place(&self) -> Result<(), RestoreError> {
        let stays = |(file, error)| RestoreError::MarkStays(file, error);
        Mark::IsABackup.remove(&self.directory, &self.disk).map_err(stays)?;
        self.rename(&self.next, &self.directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), RestoreError> {
        let not_moved = |error| RestoreError::NotMoved { from: from.to_owned(), to: to.to_owned(), error };
        self.disk.rename_durably(from, to).map_err(not_moved)
    }
}

impl Backup {
    /// Checks that a backup in this directory is the one that was named.
    fn check_is_of(&self, origin: &str, directory: &Path) -> Result<(), RestoreError> {
        match self {
            Backup::OfLog(named) if named != origin => Err(RestoreError::OfOtherLog {
                named: named.clone(),
                found: origin.to_owned(),
                directory: directory.to_owned(),
            }),
            Backup::OfLog(_) | Backup::OfAnyLog => Ok(()),
        }
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

/// What is wrong with the files of the backup, or why it cannot be held.
fn not_held(error: OpenError) -> ServerError {
    if matches!(error, OpenError::Locked(_) | OpenError::Marked(..)) {
        return error.into();
    }
    RestoreError::Incomplete(error).into()
}

fn has_log(directory: &Path) -> bool {
    Layout::new(directory).vkey().exists()
}

fn sibling(directory: &Path, ending: &str) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}
