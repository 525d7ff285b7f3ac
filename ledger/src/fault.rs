//! Everything that can go wrong, each as one line that says what, where, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::canonical::NotCanonical;

/// Why an entry was not recorded. Whoever wanted to act on it must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Too many entries are waiting already.
    QueueFull,
    /// The disk is full; recording goes on by itself once there is room.
    DiskFull,
    /// The file system is mounted read-only; recording goes on by itself once it is not.
    ReadOnly,
    /// The quota is used up; recording goes on by itself once there is room.
    OverQuota,
    /// An allow whose judge had not read a fact that is now before it: judge again.
    Stale,
    /// The decision's clock is ahead of the ledger's by more than five seconds.
    ClockAhead,
    /// More bytes than an entry may have.
    TooLarge(usize),
    /// Something in it has no canonical form.
    NotCanonical(NotCanonical),
    /// The ledger is closed, or closing.
    Closed,
}

impl Refused {
    /// Whether it is for want of room on the disk: then the ledger itself counts what it refuses, as a gap.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::DiskFull | Self::ReadOnly | Self::OverQuota)
    }

    /// The word under which a gap entry and metrics count it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::QueueFull => "queue-full",
            Self::DiskFull => "disk-full",
            Self::ReadOnly => "read-only",
            Self::OverQuota => "over-quota",
            Self::Stale => "stale",
            Self::ClockAhead => "clock-ahead",
            Self::TooLarge(_) => "too-large",
            Self::NotCanonical(_) => "not-canonical",
            Self::Closed => "closed",
        }
    }

    /// The refusals that end when somebody makes room; any other error of a write is not understood, and ends the process.
    pub(crate) fn of_write(error: &io::Error) -> Option<Self> {
        use rustix::io::Errno;
        match Errno::from_io_error(error)? {
            Errno::NOSPC => Some(Self::DiskFull),
            // FBIG: the limit on the size of files that the system set this process.
            Errno::DQUOT | Errno::FBIG => Some(Self::OverQuota),
            Errno::ROFS => Some(Self::ReadOnly),
            _ => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull => f.write_str("not recorded: too many entries are waiting"),
            Self::DiskFull => {
                f.write_str("not recorded: the ledger's disk is full; make room, it goes on by itself")
            }
            Self::ReadOnly => {
                f.write_str("not recorded: the ledger's file system is read-only; remount it writable")
            }
            Self::OverQuota => f.write_str("not recorded: the quota is used up; raise it or make room"),
            Self::Stale => {
                f.write_str("not recorded: a fact that the judge had not read is before it; judge again")
            }
            Self::ClockAhead => f.write_str("not recorded: its clock is more than 5 s ahead of the ledger's"),
            Self::TooLarge(bytes) => write!(f, "not recorded: {bytes} bytes, of at most 65,535"),
            Self::NotCanonical(why) => write!(f, "not recorded: {why}"),
            Self::Closed => f.write_str("not recorded: the ledger is closed"),
        }
    }
}

impl std::error::Error for Refused {}

/// Why no log was made.
#[derive(Debug)]
pub enum InitError {
    /// The name cannot be part of an origin.
    Name(String),
    /// Something is there already.
    Taken(PathBuf),
    /// The file system refused.
    Io(PathBuf, io::Error),
}

impl InitError {
    /// Turns an error of the operating system into one that names the file.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io(path, error)
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                write!(
                    f,
                    "`{name}` cannot name a log: use letters, digits, `.`, `-` and `/`, at most 64 of them"
                )
            }
            Self::Taken(path) => {
                write!(f, "{}: something is there already; choose an empty directory", path.display())
            }
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for InitError {}

/// Why a log is not opened. Nothing is served from a ledger in such a state.
#[derive(Debug)]
pub enum OpenError {
    /// The file system refused.
    Io(PathBuf, io::Error),
    /// Not a ledger, or one whose making was cut short.
    NoLedger(PathBuf),
    /// Another process writes to it.
    Locked(PathBuf),
    /// The signing key is not this log's.
    WrongKey(PathBuf),
    /// What is on disk contradicts itself: where, and how.
    Corrupt(PathBuf, String),
    /// Less is on disk than was promised never to be forgotten.
    Forgotten {
        /// How many entries were found.
        found: u64,
        /// How many were promised.
        promised: u64,
        /// To whom: `handed-out`, the checkpoint, or a witness.
        by: String,
    },
}

impl OpenError {
    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Self {
        Self::Corrupt(path.to_owned(), what.into())
    }

    /// Turns an error of the operating system into one that names the file.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io(path, error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoLedger(path) => {
                write!(f, "{}: no ledger here; make one with `portcullis init`", path.display())
            }
            Self::Locked(path) => {
                write!(f, "{}: another process writes to this ledger; stop it first", path.display())
            }
            Self::WrongKey(path) => {
                write!(
                    f,
                    "{}: the signing key is not this log's; configure the key that `init` made",
                    path.display()
                )
            }
            Self::Corrupt(path, what) => write!(
                f,
                "{}: {what}; restore the ledger from a backup and start with `serve --restored`",
                path.display()
            ),
            Self::Forgotten { found, promised, by } => write!(
                f,
                "the ledger holds {found} entries, but {by} names {promised}: acknowledged entries are missing; \
                 restore the ledger from a backup and start with `serve --restored`"
            ),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why recorded entries cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file system refused.
    Io(PathBuf, io::Error),
    /// An entry, a tile or a note is not what it must be.
    Corrupt(PathBuf, String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Corrupt(path, what) => {
                write!(f, "{}: {what}; `portcullis ledger verify` says more", path.display())
            }
        }
    }
}

impl std::error::Error for ReadError {}
