//! Keeping: snapshots, the archive, cosignatures, and how long the disk will last.

use std::io;
use std::path::Path;

use super::{Ledger, understood};
use crate::durable::Disk;
use crate::entry::{Archived, Entry};
use crate::fault::{ReadError, Refused};
use crate::layout::TILE_WIDTH;
use crate::promise::Head;
use crate::resource::{FULL, Resource};
use crate::snapshot::{self, Snapshot};
use crate::tree::{Directory, Source, Tree};

/// Why an archive was not made. Nothing was removed.
#[derive(Debug)]
pub enum ArchiveError {
    /// The index is no multiple of 256, beyond what is published, or beyond the snapshot.
    Below(u64),
    /// Something cannot be read, here or there.
    Read(ReadError),
    /// Something cannot be written.
    Io(std::path::PathBuf, io::Error),
    /// It could not be recorded.
    Refused(Refused),
}

impl std::fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Below(below) => write!(
                f,
                "entries below {below} cannot be archived: give a multiple of 256, at most the size of the snapshot"
            ),
            Self::Read(error) => error.fmt(f),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for ArchiveError {}

/// How full the disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the file system.
    pub total: u64,
    /// Bytes that are free for us.
    pub free: u64,
}

impl Usage {
    /// Whether it is time to warn: 80 % are in use.
    #[must_use]
    pub fn is_high(self) -> bool {
        u128::from(self.free).saturating_mul(5) < u128::from(self.total)
    }

    /// Whole days until nothing is free, at so many bytes a second; `None` for ever.
    #[must_use]
    pub fn days_left(self, bytes_a_second: u64) -> Option<u64> {
        self.free.checked_div(bytes_a_second).map(|seconds| seconds / 86_400)
    }
}

impl Ledger {
    /// How full the ledger's file system is.
    pub fn usage(&self) -> io::Result<Usage> {
        let found = rustix::fs::statvfs(self.inner.layout.root())?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Usage { total: bytes(found.f_blocks), free: bytes(found.f_bavail) })
    }

    /// Keeps the facts alive at a size, so that a start need not fold everything below it again. The size is that of a
    /// published checkpoint or any smaller one.
    pub fn save_snapshot(&self, size: u64, facts: Vec<u8>) -> Result<Snapshot, ReadError> {
        let inner = &self.inner;
        let source = Directory::new(&inner.layout.log());
        let root = Tree::new(&source, inner.backlog.status().0).edge(size)?.root();
        let snapshot = Snapshot { head: Head { size, root }, facts };
        let saved = snapshot::save(&inner.options.disk, &inner.layout, &inner.origin, &snapshot);
        saved.map_err(|error| ReadError::Io(inner.layout.snapshots(), error))?;
        Ok(snapshot)
    }

    /// The newest snapshot that belongs to this log as it is.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, ReadError> {
        let inner = &self.inner;
        let source = Directory::new(&inner.layout.log());
        let tree = Tree::new(&source, inner.backlog.status().0);
        let holds = |head: Head| tree.edge(head.size).is_ok_and(|edge| edge.root() == head.root);
        let found = snapshot::newest(&inner.layout, &inner.origin, holds);
        found.map_err(|error| ReadError::Io(inner.layout.snapshots(), error))
    }

    /// Moves the bundles below an index to an archive: a directory of the same layout.
    ///
    /// A crash while they are copied leaves copies; after the record, bundles in both places. Run again, it goes on.
    pub fn archive(&self, below: u64, into: &Path, snapshot: &Snapshot) -> Result<u64, ArchiveError> {
        let inner = &self.inner;
        let published = inner.backlog.status().0;
        if !below.is_multiple_of(TILE_WIDTH) || below > published || below > snapshot.head.size {
            return Err(ArchiveError::Below(below));
        }
        let source = Directory::new(&inner.layout.log());
        let tree = Tree::new(&source, published);
        let copies = Directory::new(into);
        let mut moved = Vec::new();
        for index in 0..below / TILE_WIDTH {
            let resource = Resource::Entries { index, width: FULL };
            let Some(bytes) = source.get(resource).map_err(ArchiveError::Read)? else { continue };
            // Reading it through the tree checks every entry against its leaf hash.
            tree.bundle(index).map_err(ArchiveError::Read)?;
            copy(&inner.options.disk, into, resource, &bytes)?;
            if copies.get(resource).map_err(ArchiveError::Read)?.as_ref() != Some(&bytes) {
                let what = "the copy differs from what was copied".to_owned();
                return Err(ArchiveError::Read(ReadError::Corrupt(copies.name(resource), what)));
            }
            moved.push(resource);
        }
        let saved = snapshot::save(&inner.options.disk, &inner.layout, &inner.origin, snapshot);
        saved.map_err(|error| ArchiveError::Io(inner.layout.snapshots(), error))?;
        self.append(Entry::Archived(Archived { below, snapshot: snapshot.digest() }))
            .map_err(ArchiveError::Refused)?;
        for resource in &moved {
            let path = source.name(*resource);
            inner.options.disk.remove(&path).map_err(|error| ArchiveError::Io(path, error))?;
        }
        Ok(u64::try_from(moved.len()).unwrap_or(u64::MAX))
    }

    /// Adds to the published checkpoint the lines of configured witnesses that hold for it; says how many there are now.
    pub fn add_cosignatures(&self, answer: &str) -> Result<usize, ReadError> {
        let inner = &self.inner;
        let source = Directory::new(&inner.layout.log());
        let path = source.name(Resource::Checkpoint);
        let _alone = inner.checkpoint.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let published = super::read::published(&inner.layout, &source, &inner.options.witnesses)?;
        let before = published.cosigners().len();
        let cosigned = published.with_cosignatures(answer, &inner.options.witnesses);
        if cosigned.cosigners().len() > before {
            let replaced = inner.options.disk.replace(&path, cosigned.note().as_bytes());
            replaced
                .map_err(|error| ReadError::Io(path.clone(), io::Error::other(understood(&error, &path))))?;
        }
        Ok(cosigned.cosigners().len())
    }
}

fn copy(disk: &Disk, into: &Path, resource: Resource, bytes: &[u8]) -> Result<(), ArchiveError> {
    let path = into.join(resource.path());
    let at = |error| ArchiveError::Io(path.clone(), error);
    if let Some(directory) = path.parent() {
        disk.create_dir_all(directory, 0o755).map_err(at)?;
    }
    disk.replace(&path, bytes).map_err(at)
}
