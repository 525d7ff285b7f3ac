//! The paths inside a ledger's directory. [`crate::published_file`] has the names inside the published log.

use std::path::{Path, PathBuf};

use content_digest::{Digest, hex};

use crate::durable::TEMPORARY;
use crate::fault::ReadError;

/// The number of hashes in a full tile, and of entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// A ledger's directory.
///
/// ```text
/// log.vkey      the verification key, for readers; a verifier must not take the key from here
/// handed-out    the largest size that anybody outside was told; the process that writes has the lock on it
/// torn          how many bytes a start cut off; exists until that start is recorded
/// wal/          the segments of the write-ahead log: <number>.wal; and reserve, the segment for facts on a full disk
/// log/          the published log: checkpoint, tile/
/// snapshot/     the facts that were in force at a size, so that a start can begin from them
/// bundles/      the policy bundles that were ever in force: <digest>.json
/// archives      the directories to which entries were moved, one path a line; exists after the first archive
/// ```
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The paths of the ledger in this directory.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file with the verification key.
    #[must_use]
    pub fn vkey(&self) -> PathBuf {
        self.root.join("log.vkey")
    }

    /// The file that holds the largest size that anybody outside was told.
    #[must_use]
    pub fn handed_out(&self) -> PathBuf {
        self.root.join("handed-out")
    }

    /// The note of a torn tail that was cut off and is not recorded yet.
    #[must_use]
    pub fn torn(&self) -> PathBuf {
        self.root.join("torn")
    }

    /// The directory of the write-ahead log.
    #[must_use]
    pub fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    /// One segment of the write-ahead log.
    #[must_use]
    pub fn segment(&self, number: u64) -> PathBuf {
        self.wal().join(format!("{number:016}.wal"))
    }

    /// The reserved segment of the write-ahead log, which has no number yet.
    #[must_use]
    pub fn reserve(&self) -> PathBuf {
        self.wal().join(RESERVE)
    }

    /// The directory of the published log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The directory of the snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshot")
    }

    /// The directory of the policy bundles that were ever in force. This crate does not open its files.
    #[must_use]
    pub fn bundles(&self) -> PathBuf {
        self.root.join("bundles")
    }

    /// The bundle with this digest, as one file.
    #[must_use]
    pub fn bundle(&self, digest: &Digest) -> PathBuf {
        self.bundles().join(format!("{}.json", hex::encode(digest.bytes())))
    }

    /// The file that names the archives to which entries were moved, one path a line.
    #[must_use]
    pub fn archives(&self) -> PathBuf {
        self.root.join("archives")
    }

    /// Every name in the ledger's directory that is not part of the layout. The published log is not listed here.
    pub fn foreign_names(&self) -> Result<Vec<PathBuf>, ReadError> {
        let mut foreign = Vec::new();
        collect_foreign(&self.root, is_root_name, &mut foreign)?;
        collect_foreign(&self.wal(), |name| name == RESERVE || is_numbered(name, ".wal"), &mut foreign)?;
        collect_foreign(&self.snapshots(), |name| is_numbered(name, ".snapshot"), &mut foreign)?;
        collect_foreign(&self.bundles(), is_bundle_name, &mut foreign)?;
        foreign.sort();
        Ok(foreign)
    }
}

/// The name of the reserved segment.
const RESERVE: &str = "reserve";

/// The names in the ledger's own directory.
const FILES: [&str; 4] = ["log.vkey", "handed-out", "torn", "archives"];
const DIRECTORIES: [&str; 4] = ["wal", "log", "snapshot", "bundles"];

fn is_root_name(name: &str) -> bool {
    FILES.contains(&name) || DIRECTORIES.contains(&name)
}

fn is_numbered(name: &str, ending: &str) -> bool {
    let number = name.strip_suffix(ending);
    number.is_some_and(|number| number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_bundle_name(name: &str) -> bool {
    name.strip_suffix(".json").and_then(hex::decode).is_some_and(|digest| digest.len() == 32)
}

fn collect_foreign(
    directory: &Path,
    is_known: fn(&str) -> bool,
    foreign: &mut Vec<PathBuf>,
) -> Result<(), ReadError> {
    let at = |error| ReadError::Io(directory.to_owned(), error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        // A ledger in which no bundle was activated has no such directory.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(error)),
    };
    for entry in entries {
        let entry = entry.map_err(at)?;
        let (name, kind) = (entry.file_name(), entry.file_type().map_err(at)?);
        // A server may be about to rename a temporary file.
        let is_expected = name.to_str().is_some_and(|name| {
            let kind_fits = if DIRECTORIES.contains(&name) { kind.is_dir() } else { kind.is_file() };
            kind_fits && is_known(name.strip_suffix(TEMPORARY).unwrap_or(name))
        });
        if !is_expected {
            foreign.push(entry.path());
        }
    }
    Ok(())
}
