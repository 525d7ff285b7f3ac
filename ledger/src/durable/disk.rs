//! The file system with a watcher for tests: every change is an [`Op`], which the watcher sees before it happens.
//!
//! In production there is no watcher. Tests record the operations, to build what a crash would leave, or make one fail.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{FallocateFlags, RenameFlags};

use super::held::FileIdentity;

/// One change to the file system.
#[derive(Debug)]
pub enum Op<'a> {
    /// A directory is created.
    CreateDir(&'a Path),
    /// An empty file is created under a new name.
    CreateFile(&'a Path),
    /// Space for this many bytes is reserved.
    Allocate(&'a Path, u64),
    /// Bytes are written at an offset.
    Write(&'a Path, u64, &'a [u8]),
    /// The bytes of a file are made durable.
    Sync(&'a Path),
    /// A file or directory is renamed. A file that has the new name is replaced.
    Rename(&'a Path, &'a Path),
    /// The names in a directory are made durable.
    SyncDir(&'a Path),
    /// A file is removed.
    Remove(&'a Path),
    /// An empty directory is removed.
    RemoveDir(&'a Path),
}

/// Sees every [`Op`] before it happens, and may make it fail.
pub trait Watch: Send + Sync + fmt::Debug {
    /// If this returns an error, the operation is not tried and returns that error.
    fn before(&self, op: &Op<'_>) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    watch: Option<Arc<dyn Watch>>,
}

/// A file that is open for writing at any offset.
#[derive(Debug)]
pub struct DiskFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// What identifies the open file, once it was asked for. It never changes.
    pub(super) identity: OnceLock<FileIdentity>,
    disk: Disk,
}

impl Disk {
    /// The file system without a watcher.
    #[must_use]
    pub fn real() -> Self {
        Self { watch: None }
    }

    /// The file system with a watcher.
    #[must_use]
    pub fn watched(watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch) }
    }

    fn announce(&self, op: &Op<'_>) -> io::Result<()> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.before(op))
    }

    pub(crate) fn write_new(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        let temporary = self.write_temporary(path, bytes, mode)?;
        self.rename_new(&temporary, path).inspect_err(|_| self.discard(&temporary))?;
        self.sync_dir(parent(path))
    }

    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.write_temporary(path, bytes, self.mode_of(path))?;
        self.put_in_place(&temporary, path)
    }

    /// Begins to write what will replace a file. The first bytes, so many of them, are written last.
    pub(crate) fn begin_replacing(&self, path: &Path, first: u64) -> io::Result<Replacement> {
        let mode = self.mode_of(path);
        let (temporary, file) = self.create_temporary(path, mode)?;
        let pieces = Pieces { file, at: first, unsynced: 0 };
        Ok(Replacement {
            pieces,
            first,
            temporary,
            path: path.to_owned(),
            has_failed: false,
            is_in_place: false,
        })
    }

    fn mode_of(&self, path: &Path) -> u32 {
        std::fs::metadata(path).map_or(0o644, |found| found.permissions().mode() & 0o777)
    }

    fn put_in_place(&self, temporary: &Path, path: &Path) -> io::Result<()> {
        self.rename(temporary, path).inspect_err(|_| self.discard(temporary))?;
        self.sync_dir(parent(path))
    }

    /// Writes and syncs the file under its temporary name, and returns that name. The caller renames it and syncs the
    /// directory.
    fn write_temporary(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
        let (temporary, file) = self.create_temporary(path, mode)?;
        let mut pieces = Pieces { file, at: 0, unsynced: 0 };
        pieces.append(bytes).inspect_err(|_| self.discard(&temporary))?;
        pieces.file.sync()?;
        Ok(temporary)
    }

    /// Writes the file under its temporary name. [`Unsynced::sync_and_rename`] does the rest, so that many files can be
    /// synced at the same time.
    pub(crate) fn write_unsynced(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<Unsynced> {
        let (temporary, file) = self.create_temporary(path, mode)?;
        file.write_at(bytes, 0).inspect_err(|_| self.discard(&temporary))?;
        Ok(Unsynced { file, path: path.to_owned() })
    }

    /// An empty file under the temporary name of this path. A file that a crash left there is replaced.
    fn create_temporary(&self, path: &Path, mode: u32) -> io::Result<(PathBuf, DiskFile)> {
        let temporary = temporary_name(path);
        self.discard(&temporary);
        let file = self.create(&temporary, mode)?;
        Ok((temporary, file))
    }

    /// Best effort: the next start removes a temporary file that is left, and no reader uses it.
    fn discard(&self, temporary: &Path) {
        if temporary.exists() {
            let _ = self.remove(temporary);
        }
    }

    pub(crate) fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.announce(&Op::CreateDir(path))?;
        std::fs::DirBuilder::new().mode(mode).create(path)?;
        self.sync_dir(parent(path))
    }

    pub(crate) fn create_dir_all(&self, path: &Path, mode: u32) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.create_dir_all(parent(path), mode)?;
        match self.create_dir(path, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            done => done,
        }
    }

    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let directory = File::open(path)?;
        self.announce(&Op::SyncDir(path)).and_then(|()| directory.sync_all()).map_err(not_synced)
    }

    pub(crate) fn create(&self, path: &Path, mode: u32) -> io::Result<DiskFile> {
        self.announce(&Op::CreateFile(path))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        Ok(DiskFile { file, path: path.to_owned(), identity: OnceLock::new(), disk: self.clone() })
    }

    pub(crate) fn open_for_writing(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(DiskFile { file, path: path.to_owned(), identity: OnceLock::new(), disk: self.clone() })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the durability module: its callers sync the directory"
    )]
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.announce(&Op::Rename(from, to))?;
        std::fs::rename(from, to)
    }

    /// Renames a file or directory within its directory, and makes the new name durable.
    pub fn rename_durably(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to)?;
        self.sync_dir(parent(to))
    }

    /// Removes a file, and makes that durable.
    pub fn remove_durably(&self, path: &Path) -> io::Result<()> {
        self.remove(path)?;
        self.sync_dir(parent(path))
    }

    /// Renames; it is an error if the new name is already in use.
    pub(crate) fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.announce(&Op::Rename(from, to))?;
        let here = rustix::fs::CWD;
        match rustix::fs::renameat_with(here, from, here, to, RenameFlags::NOREPLACE) {
            // The file system does not know this flag. A hard link also fails if the name is in use.
            Err(rustix::io::Errno::INVAL) => {
                std::fs::hard_link(from, to).and_then(|()| std::fs::remove_file(from))
            }
            done => Ok(done?),
        }
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        self.announce(&Op::Remove(path))?;
        std::fs::remove_file(path)
    }

    pub(crate) fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.announce(&Op::RemoveDir(path))?;
        std::fs::remove_dir(path)
    }
}

impl DiskFile {
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.announce(&Op::Write(&self.path, offset, bytes))?;
        self.file.write_all_at(bytes, offset)
    }

    /// Reserves space now, so that a full disk fails here and not in the middle of a frame.
    pub(crate) fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.announce(&Op::Allocate(&self.path, bytes))?;
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, bytes) {
            // Some file systems cannot reserve space. The zeros that are written next reserve it more slowly.
            Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Makes the bytes durable, and the metadata that is needed to read them.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.announce(&Op::Sync(&self.path)).and_then(|()| self.file.sync_data()).map_err(not_synced)
    }

    pub(crate) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that is written from its front. A large one is synced in pieces: otherwise the sync of a frame could wait
/// behind all of it.
#[derive(Debug)]
struct Pieces {
    file: DiskFile,
    at: u64,
    unsynced: usize,
}

impl Pieces {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        const PIECE: usize = 4 * 1024 * 1024;
        for piece in bytes.chunks(PIECE) {
            if self.unsynced >= PIECE {
                self.file.sync()?;
                self.unsynced = 0;
            }
            self.file.write_at(piece, self.at)?;
            self.unsynced = self.unsynced.saturating_add(piece.len());
            self.at = self.at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

/// What will replace a file, for content that is too large to be in memory at once. Dropped before it is in place, it
/// changes nothing.
#[derive(Debug)]
pub(crate) struct Replacement {
    pieces: Pieces,
    first: u64,
    temporary: PathBuf,
    path: PathBuf,
    has_failed: bool,
    is_in_place: bool,
}

impl Replacement {
    /// Whether the disk refused to write something.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Writes the first bytes, syncs the file and gives it its name.
    pub(crate) fn put_in_place(mut self, first: &[u8]) -> io::Result<()> {
        if u64::try_from(first.len()).ok() != Some(self.first) {
            return Err(io::Error::other("the beginning of the file has another length than its space"));
        }
        let file = &self.pieces.file;
        file.write_at(first, 0)?;
        file.sync()?;
        file.disk.put_in_place(&self.temporary, &self.path)?;
        self.is_in_place = true;
        Ok(())
    }
}

impl io::Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pieces.append(bytes).inspect_err(|_| self.has_failed = true)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_in_place {
            self.pieces.file.disk.discard(&self.temporary);
        }
    }
}

/// A file that is written and still has its temporary name.
#[derive(Debug)]
pub(crate) struct Unsynced {
    file: DiskFile,
    path: PathBuf,
}

impl Unsynced {
    /// Syncs the file and renames it to its final name. The name is durable after the sync of the directory.
    pub(crate) fn sync_and_rename(&self) -> io::Result<&Path> {
        self.file.sync()?;
        self.file.disk.rename(&self.file.path, &self.path)?;
        Ok(&self.path)
    }
}

/// Removes the error number of a failed sync, so that it is never taken for an error that passes by itself.
fn not_synced(error: io::Error) -> io::Error {
    io::Error::other(format!("sync failed: {error}"))
}

/// The ending of temporary files. No reader uses them, and a start removes them.
pub(crate) const TEMPORARY: &str = ".tmp";

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    PathBuf::from(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}
