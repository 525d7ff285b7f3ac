//! The errors of this crate: each message is one line that says what went wrong, where, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::canonical::NotCanonical;
use crate::layout::Layout;
use crate::ledger::FactRefused;
use crate::mark::Mark;

/// Why an entry was not recorded. The caller must not act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Too many entries are already waiting.
    QueueFull,
    /// The disk is full. Recording resumes by itself once there is free space.
    DiskFull,
    /// The file system is read-only. Recording resumes by itself once it is writable.
    ReadOnly,
    /// The quota is used up. Recording resumes by itself once there is free space.
    OverQuota,
    /// A forwarded decision whose judge had not read a fact that is now recorded before it, or that was judged too long
    /// ago. It must be judged again.
    Stale,
    /// The decision's clock is more than five seconds ahead of the ledger's clock.
    ClockAhead,
    /// The entry has more bytes than are allowed.
    TooLarge(usize),
    /// Something in the entry has no canonical form.
    NotCanonical(NotCanonical),
    /// A fact that does not fit the facts that are in force.
    Refused(FactRefused),
    /// The ledger is closed or is being closed.
    Closed,
}

impl RecordError {
    /// Whether the disk is the cause. In this case the ledger itself counts the refused entries, in a gap entry.
    #[must_use]
    pub fn is_from_disk(&self) -> bool {
        matches!(self, Self::DiskFull | Self::ReadOnly | Self::OverQuota)
    }

    /// The word for it in gap entries and metrics.
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
            Self::Refused(_) => "refused",
            Self::Closed => "closed",
        }
    }

    /// The write errors that end once there is free space again. Any other write error ends the process.
    pub(crate) fn from_write_error(error: &io::Error) -> Option<Self> {
        use rustix::io::Errno;
        match Errno::from_io_error(error)? {
            Errno::NOSPC => Some(Self::DiskFull),
            // FBIG: the file would exceed the file-size limit of this process.
            Errno::DQUOT | Errno::FBIG => Some(Self::OverQuota),
            Errno::ROFS => Some(Self::ReadOnly),
            _ => None,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull => f.write_str("too many entries are waiting to be recorded"),
            Self::DiskFull => f.write_str(
                "the disk of the ledger is full; free some space, recording then resumes by itself",
            ),
            Self::ReadOnly => f.write_str("the file system of the ledger is read-only; remount it writable"),
            Self::OverQuota => f.write_str("the disk quota is used up; raise it or free some space"),
            Self::Stale => f.write_str(
                "a fact that the judge did not know was recorded before this decision, or it was judged more than 60 s ago; judge the request again",
            ),
            Self::ClockAhead => {
                f.write_str("the clock of the decision is more than 5 s ahead of the ledger's clock")
            }
            Self::TooLarge(bytes) => write!(f, "the entry has {bytes} bytes, at most 65,535 are allowed"),
            Self::NotCanonical(why) => write!(f, "the entry has no canonical form: {why}"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Closed => f.write_str("the ledger is closed"),
        }
    }
}

impl std::error::Error for RecordError {}

/// Why a log was not created.
#[derive(Debug)]
pub enum InitError {
    /// The name cannot be part of an origin.
    Name(String),
    /// The path is already in use.
    Taken(PathBuf),
    /// The file system returned an error.
    Io(PathBuf, io::Error),
}

impl InitError {
    /// Adds the file's path to an error of the operating system.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io(path, error)
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                write!(f, "`{name}` is not a valid log name: use 1 to 64 letters, digits, `.`, `-` and `/`")
            }
            Self::Taken(path) => {
                write!(f, "{}: this path is already in use; choose an empty directory", path.display())
            }
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for InitError {}

/// Why a log was not opened. A server does not start on such a ledger.
#[derive(Debug)]
pub enum OpenError {
    /// The file system returned an error.
    Io(PathBuf, io::Error),
    /// There is no ledger here, or its creation did not finish.
    NoLedger(PathBuf),
    /// Another process writes to this ledger.
    Locked(PathBuf),
    /// This file beside the ledger keeps every writer off it.
    Marked(Mark, PathBuf),
    /// The signing key does not belong to this log.
    WrongKey(PathBuf),
    /// The files contradict each other: where, and how.
    Corrupt(PathBuf, String),
    /// The disk holds fewer entries than somebody outside has already seen.
    EntriesMissing {
        /// How many entries were found.
        found: u64,
        /// How many entries `by` names.
        named: u64,
        /// Who names them: `handed-out`, the checkpoint, or a witness.
        by: String,
    },
}

impl OpenError {
    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Self {
        Self::Corrupt(path.to_owned(), what.into())
    }

    /// Adds the file's path to an error of the operating system.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io(path, error)
    }

    /// The error of a file that could not be held.
    pub(crate) fn not_held(layout: &Layout, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let (root, path) = (layout.root().to_owned(), path.to_owned());
        move |error| {
            if error.kind() == io::ErrorKind::WouldBlock { Self::Locked(root) } else { Self::Io(path, error) }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoLedger(path) => {
                write!(f, "{}: there is no ledger here; create one with `portcullis init`", path.display())
            }
            Self::Locked(path) => {
                write!(f, "{}: another process writes to this ledger; stop it first", path.display())
            }
            Self::Marked(Mark::InCluster, file) => write!(
                f,
                "{}: `portcullis kubernetes` gave this ledger to a server in a cluster, which continues it, and a second server would allow \
                 each warrant for one use once more. If no server there ever started with it, and none will: delete the Secret portcullis-first \
                 and secrets.yaml, and then this file. If one did, its record is on its volume: make another home directory for a server here",
                file.display()
            ),
            Self::Marked(Mark::IsABackup, file) => write!(
                f,
                "{}: this file says that the ledger beside it is a backup, and a server that continues it would allow warrants again that were \
                 used, or revoked, after it. Start once with `serve --restored-log NAME`, which begins a new log and removes this file; NAME is \
                 the log of the backup, the first part of its log.vkey, up to the first `+`. In a cluster, set `server.restored` to this name",
                file.display()
            ),
            Self::WrongKey(path) => {
                write!(
                    f,
                    "{}: the signing key does not belong to this log; configure the key that `init` created",
                    path.display()
                )
            }
            Self::Corrupt(path, what) => write!(
                f,
                "{}: {what}; restore the ledger from a backup and start with `serve --restored`",
                path.display()
            ),
            Self::EntriesMissing { found, named, by } => write!(
                f,
                "the ledger holds {found} entries, but {by} names {named}: acknowledged entries are missing; \
                 restore the ledger from a backup and start with `serve --restored`"
            ),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why recorded entries cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file system returned an error.
    Io(PathBuf, io::Error),
    /// An entry, a tile or a note is damaged.
    Corrupt(PathBuf, String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Corrupt(path, what) => {
                write!(f, "{}: {what}; run `portcullis ledger verify` to see all faults", path.display())
            }
        }
    }
}

impl std::error::Error for ReadError {}
