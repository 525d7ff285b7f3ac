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
    /// A new log was begun for this backup before.
    AlreadyBegun(PathBuf),
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
            RestoreError::CutShort(directory) => write!(
                f,
                "a restore from a backup was cut short, and {} is its new log: start once with --restored, which finishes it",
                directory.display()
            ),
            RestoreError::NotMoved { from, to, error } => {
                write!(f, "cannot move {} to {}: {error}", from.display(), to.display())
            }
        }
    }
}

impl std::error::Error for RestoreError {}
