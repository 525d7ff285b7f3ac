//! The paths inside a ledger's directory. [`crate::published_file`] has the names inside the published log.

use std::path::{Path, PathBuf};

/// The number of hashes in a full tile, and of entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// A ledger's directory.
///
/// ```text
/// log.vkey      the verification key, for readers; a verifier must not take the key from here
/// handed-out    the largest size that anybody outside was told; the process that writes has the lock on it
/// torn          how many bytes a start cut off; exists until that start is recorded
/// wal/          the segments of the write-ahead log: <number>.wal
/// log/          the published log: checkpoint, tile/
/// snapshot/     the facts that were in force at a size, so that a start can begin from them
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
}
