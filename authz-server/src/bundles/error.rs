//! The errors of bundles, as a closed list: the code that starts a server can distinguish the cases.

use std::path::PathBuf;
use std::{fmt, io};

use ledger::RecordError;
use policy::BundleRefusal;

use crate::config::BundlePlace;
use crate::fetch::FetchError;

/// Why the source of a bundle cannot be opened.
#[derive(Debug)]
pub enum SourceError {
    /// There is no HTTPS client, for example because no certificate authority can be read.
    Client(FetchError),
    /// There is no runtime to fetch with.
    Runtime { url: String, error: io::Error },
}

/// Why a server cannot start with the bundle that it is configured with.
#[derive(Debug)]
pub enum KeeperError {
    Source(SourceError),
    /// The bundle, or its place, is refused.
    Refused {
        place: BundlePlace,
        refusal: BundleRefusal,
    },
    /// The server has a note key that the bundle does not list: the fault would only show once the last valid note has
    /// expired.
    NoteKeyNotListed,
    /// The copy of the bundle could not be written, and no decision may name a bundle without a copy.
    NotKept {
        directory: PathBuf,
        error: io::Error,
    },
    /// The activation could not be recorded, and nothing is judged by a bundle before that.
    NotRecorded(RecordError),
}

/// Why a thread that keeps or judges bundles could not be started.
#[derive(Debug)]
pub struct ThreadError {
    pub name: String,
    pub error: io::Error,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Client(error) => error.fmt(f),
            SourceError::Runtime { url, error } => write!(f, "bundle {url}: cannot be fetched: {error}"),
        }
    }
}

impl fmt::Display for KeeperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeeperError::Source(error) => error.fmt(f),
            KeeperError::Refused { place, refusal } => write!(f, "bundle {place}: {refusal}"),
            KeeperError::NoteKeyNotListed => f.write_str(
                "bundle.noteKey is not among the keys that the mesh lists under `notes`: sign a bundle that lists it, \
                 or remove `noteKey` and sign notes elsewhere",
            ),
            KeeperError::NotKept { directory, error } => {
                write!(
                    f,
                    "the bundle's copy could not be written to {}: {error}; make the directory writable, or free \
                     some space",
                    directory.display()
                )
            }
            KeeperError::NotRecorded(error) => {
                write!(f, "the activation of the bundle could not be recorded: {error}")
            }
        }
    }
}

impl fmt::Display for ThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start the thread {}: {}", self.name, self.error)
    }
}

impl std::error::Error for SourceError {}
impl std::error::Error for KeeperError {}
impl std::error::Error for ThreadError {}

impl From<SourceError> for KeeperError {
    fn from(error: SourceError) -> KeeperError {
        KeeperError::Source(error)
    }
}
