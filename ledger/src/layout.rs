//! Where things are: the directory of a ledger, and the names inside a log as C2SP tlog-tiles writes them.

use std::path::{Path, PathBuf};

/// The leaves of one tile, and the entries of one bundle.
pub const TILE_WIDTH: u64 = 256;

/// A ledger's directory.
///
/// ```text
/// log.vkey      the verification key, for readers; never taken from here by a verifier
/// lock          held by the one writer
/// handed-out    the largest size that anybody outside was told of
/// torn          from before a torn tail is cut until the start that cut it is recorded
/// wal/          segments: <number>.wal
/// log/          what is published: checkpoint, tile/
/// snapshot/     facts alive at a size, to start from
/// ```
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The ledger in this directory.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The verification key's line.
    #[must_use]
    pub fn vkey(&self) -> PathBuf {
        self.root.join("log.vkey")
    }

    /// The writer's lock.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The promise.
    #[must_use]
    pub fn handed_out(&self) -> PathBuf {
        self.root.join("handed-out")
    }

    /// What a start found torn and has not recorded yet.
    #[must_use]
    pub fn torn(&self) -> PathBuf {
        self.root.join("torn")
    }

    /// The segments' directory.
    #[must_use]
    pub fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    /// One segment.
    #[must_use]
    pub fn segment(&self, number: u64) -> PathBuf {
        self.wal().join(format!("{number:016}.wal"))
    }

    /// The published log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The snapshots of facts.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshot")
    }
}
