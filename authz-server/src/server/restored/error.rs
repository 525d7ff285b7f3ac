//! Why a new log does not take the place of a restored one: a closed list. Each message is one line.

use std::path::PathBuf;
use std::{fmt, io};

use ledger::{InitError, OpenError, ReadError, RecordError};

/// Why a new log cannot begin in the place of a restored one.
#[derive(Debug)]
pub enum RestoreError {
    /// The backup does not hold a whole ledger.
    Incomplete(OpenError),
    Unreadable(ReadError),
    /// This log began after a restore, and nobody used it yet: it is the new log, or a backup of it.
    AlreadyBegun {
        directory: PathBuf,
        origin: String,
    },
    /// `--restored-log` names another log than the backup, or than the one that a cut restore is about.
    OfOtherLog {
        named: String,
        found: String,
        directory: PathBuf,
    },
    /// `--restored-log` names another log than the one in the directory, and that one did not begin in its place.
    NotBegunInItsPlace {
        named: String,
        found: String,
        directory: PathBuf,
    },
    /// The mark of a backup cannot be removed.
    MarkStays(PathBuf, io::Error),
    NewLog(InitError),
    /// A directory of the new log's name is there, and it is not a new log of this backup.
    InTheWay(PathBuf),
    NotRepeated(RecordError),
    /// This directory is the new log of a restore that a crash cut short.
    CutShort(PathBuf),
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
            RestoreError::AlreadyBegun { directory, origin } => write!(
                f,
                "{} is already a new log after a restore: start without --restored. But if it is a backup of that new log, start with \
                 --restored-log {origin}",
                directory.display()
            ),
            RestoreError::OfOtherLog { named, found, directory } => write!(
                f,
                "--restored-log is {named}, and the restore in {} is that of the log {found}: give this name (in a cluster, to server.restored), \
                 or put the other backup there",
                directory.display()
            ),
            RestoreError::NotBegunInItsPlace { named, found, directory } => write!(
                f,
                "--restored-log is {named}, and the log in {} is {found}, which was not begun in its place. If it is a backup, give its own name \
                 (in a cluster, to server.restored). If it is this server's own ledger, remove the option or the value",
                directory.display()
            ),
            RestoreError::MarkStays(file, error) => write!(
                f,
                "cannot remove {}: {error}; the old log is aside, and the next start with the same option goes on",
                file.display()
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
            RestoreError::CutShort(directory) => write!(
                f,
                "a restore from a backup was cut short, and {} is its new log: start once with --restored, or with \
                 --restored-log and the name of the log before, which finishes it",
                directory.display()
            ),
            RestoreError::NotMoved { from, to, error } => {
                write!(f, "cannot move {} to {}: {error}", from.display(), to.display())
            }
        }
    }
}

impl std::error::Error for RestoreError {}
