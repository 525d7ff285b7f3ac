//! Maintenance of an open ledger: snapshots, the archive, cosignatures, and disk usage.

use std::io;
use std::path::Path;

use super::{Ledger, archive_places, temporary_or_abort};
use crate::durable::Disk;
use crate::entry::{Archived, Entry};
use crate::fault::{ReadError, RecordError};
use crate::layout::TILE_WIDTH;
use crate::merkle::TreeHead;
use crate::published_file::{FULL, PublishedFile};
use crate::snapshot::{self, NotSaved, SavedSnapshot, Snapshot};
use crate::tree::{Directory, LogSource, MerkleTree};

/// Why entries were not archived. No bundle was removed, unless the error is about removing them.
#[derive(Debug)]
pub enum ArchiveError {
    /// The index is not a multiple of 256, or is larger than the published size or the size of the snapshot.
    Below(u64),
    /// A file of the log or of the archive cannot be read.
    Read(ReadError),
    /// A file cannot be written or removed.
    Io(std::path::PathBuf, io::Error),
    /// The entry `archived/1` was not recorded.
    NotRecorded(RecordError),
}

impl std::fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Below(below) => write!(
                f,
                "entries below {below} cannot be archived: give a multiple of 256 that is at most the size of the snapshot"
            ),
            Self::Read(error) => error.fmt(f),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotRecorded(error) => write!(f, "the entry `archived/1` was not recorded: {error}"),
        }
    }
}

impl std::error::Error for ArchiveError {}

/// The space on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// All bytes of the file system.
    pub total: u64,
    /// The bytes that this process may still use.
    pub free: u64,
}

impl Usage {
    /// Whether more than 80 % are in use, so that the operator is warned.
    #[must_use]
    pub fn is_high(self) -> bool {
        u128::from(self.free).saturating_mul(5) < u128::from(self.total)
    }

    /// Whole days until the disk is full, at this many bytes a second; `None` at 0 bytes a second.
    #[must_use]
    pub fn days_left(self, bytes_a_second: u64) -> Option<u64> {
        self.free.checked_div(bytes_a_second).map(|seconds| seconds / 86_400)
    }
}

impl Ledger {
    /// The space on the ledger's file system.
    pub fn usage(&self) -> io::Result<Usage> {
        let found = rustix::fs::statvfs(self.inner.layout.root())?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Usage { total: bytes(found.f_blocks), free: bytes(found.f_bavail) })
    }

    /// Saves the facts in force at a size, which `write` writes, so that a start need not read the entries below it again.
    /// The size must not be larger than the published size. Entries can be recorded meanwhile.
    pub fn save_snapshot(
        &self,
        size: u64,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<SavedSnapshot, ReadError> {
        let inner = &self.inner;
        let source = Directory::new(&inner.layout.log());
        let root = MerkleTree::new(&source, inner.backlog.status().0).edge(size)?.root();
        let path = inner.layout.snapshots();
        let head = TreeHead { size, root };
        let saved = snapshot::save(&inner.options.disk, &inner.layout, &inner.origin, head, write);
        saved.map_err(|error| {
            let error = match error {
                NotSaved::Facts(error) => error,
                NotSaved::Disk(error) => io::Error::other(temporary_or_abort(&error, &path)),
            };
            ReadError::Io(path, error)
        })
    }

    /// The snapshots that match this log, the newest first. Each is read when it is asked for.
    pub fn snapshots(&self) -> Result<impl Iterator<Item = Snapshot>, ReadError> {
        let inner = &self.inner;
        let published = inner.backlog.status().0;
        let found = snapshot::usable(&inner.layout, &inner.origin, published);
        found.map_err(|error| ReadError::Io(inner.layout.snapshots(), error))
    }

    /// Moves the bundles below an index to an archive: a directory with the same layout. Returns how many were moved. The
    /// snapshot holds what is still needed of them.
    ///
    /// A crash during the copying leaves copies; a crash after the entry leaves bundles in both places. A second run
    /// continues.
    pub fn archive(&self, below: u64, into: &Path, snapshot: &SavedSnapshot) -> Result<u64, ArchiveError> {
        let inner = &self.inner;
        let published = inner.backlog.status().0;
        if !below.is_multiple_of(TILE_WIDTH) || below > published || below > snapshot.head.size {
            return Err(ArchiveError::Below(below));
        }
        let source = Directory::new(&inner.layout.log());
        let tree = MerkleTree::new(&source, published);
        let copies = Directory::new(into);
        inner.options.disk.create_dir_all(into, 0o755).map_err(|e| ArchiveError::Io(into.to_owned(), e))?;
        // A crash after this leaves the name of an archive that holds only copies.
        archive_places::note(&inner.options.disk, &inner.layout, into).map_err(ArchiveError::Read)?;
        let mut moved = Vec::new();
        for index in 0..below / TILE_WIDTH {
            let file = PublishedFile::Entries { index, width: FULL };
            let Some(bytes) = source.get(file).map_err(ArchiveError::Read)? else { continue };
            // Reading the bundle through the tree checks every entry against its leaf hash.
            tree.bundle(index).map_err(ArchiveError::Read)?;
            copy(&inner.options.disk, into, file, &bytes)?;
            if copies.get(file).map_err(ArchiveError::Read)?.as_ref() != Some(&bytes) {
                let what = "the copy differs from the original".to_owned();
                return Err(ArchiveError::Read(ReadError::Corrupt(copies.name(file), what)));
            }
            moved.push(file);
        }
        self.append(Entry::Archived(Archived { below, snapshot: snapshot.digest }))
            .map_err(ArchiveError::NotRecorded)?;
        for file in &moved {
            let path = source.name(*file);
            inner.options.disk.remove(&path).map_err(|error| ArchiveError::Io(path, error))?;
        }
        Ok(u64::try_from(moved.len()).unwrap_or(u64::MAX))
    }

    /// Adds valid signature lines of configured witnesses to the published checkpoint. Returns how many it has now.
    pub fn add_cosignatures(&self, answer: &str) -> Result<usize, ReadError> {
        let inner = &self.inner;
        let source = Directory::new(&inner.layout.log());
        let path = source.name(PublishedFile::Checkpoint);
        let _guard = inner.checkpoint.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let published = super::read::published_checkpoint(&inner.layout, &source, &inner.options.witnesses)?;
        let before = published.cosigners().len();
        let cosigned = published.with_cosignatures(answer, &inner.options.witnesses);
        if cosigned.cosigners().len() > before {
            let replaced = inner.options.disk.replace(&path, cosigned.note().as_bytes());
            replaced.map_err(|error| {
                ReadError::Io(path.clone(), io::Error::other(temporary_or_abort(&error, &path)))
            })?;
        }
        Ok(cosigned.cosigners().len())
    }
}

fn copy(disk: &Disk, into: &Path, file: PublishedFile, bytes: &[u8]) -> Result<(), ArchiveError> {
    let path = into.join(file.path());
    let at = |error| ArchiveError::Io(path.clone(), error);
    if let Some(directory) = path.parent() {
        disk.create_dir_all(directory, 0o755).map_err(at)?;
    }
    disk.replace(&path, bytes).map_err(at)
}
