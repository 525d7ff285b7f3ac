//! The seam under [`super`]: every change to the file system is one named [`Op`], announced to a watcher before it happens.
//!
//! Production has no watcher. Tests record the operations (to rebuild what a crash would have left) or make one fail.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, RenameFlags};

/// One change to the file system.
#[derive(Debug)]
pub enum Op<'a> {
    /// A directory is made.
    CreateDir(&'a Path),
    /// An empty file is made; the name was free.
    CreateFile(&'a Path),
    /// Room for this many bytes is asked for.
    Allocate(&'a Path, u64),
    /// Bytes are written at an offset.
    Write(&'a Path, u64, &'a [u8]),
    /// A file's bytes are made durable.
    Sync(&'a Path),
    /// A name is moved, over whatever had it.
    Rename(&'a Path, &'a Path),
    /// A directory's names are made durable.
    SyncDir(&'a Path),
    /// A file's name is removed.
    Remove(&'a Path),
    /// An empty directory's name is removed.
    RemoveDir(&'a Path),
}

/// Sees every [`Op`] before it happens and may make it fail.
pub trait Watch: Send + Sync + fmt::Debug {
    /// An error here is what the operation returns, without having been tried.
    fn before(&self, op: &Op<'_>) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    watch: Option<Arc<dyn Watch>>,
}

/// A file open for writing at chosen offsets.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
    disk: Disk,
}

impl Disk {
    /// The file system as it is.
    #[must_use]
    pub fn real() -> Self {
        Self { watch: None }
    }

    /// The file system with a watcher in front of it.
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
        let mode = std::fs::metadata(path).map_or(0o644, |found| found.permissions().mode() & 0o777);
        let temporary = self.write_temporary(path, bytes, mode)?;
        self.rename(&temporary, path).inspect_err(|_| self.discard(&temporary))?;
        self.sync_dir(parent(path))
    }

    /// Writes and syncs `path` under its temporary name, which it returns: a rename and a directory sync remain.
    pub(crate) fn write_temporary(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
        let Unsynced { file, .. } = self.write_unsynced(path, bytes, mode)?;
        file.sync()?;
        Ok(temporary_name(path))
    }

    /// Writes `path` under its temporary name and leaves syncing it to [`Unsynced::keep`], so that many files can be
    /// on their way to the disk at once.
    pub(crate) fn write_unsynced(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<Unsynced> {
        let temporary = temporary_name(path);
        self.discard(&temporary);
        let file = self.create(&temporary, mode)?;
        file.write_at(bytes, 0).inspect_err(|_| self.discard(&temporary))?;
        Ok(Unsynced { file, path: path.to_owned() })
    }

    /// Best effort: a temporary file that stays is removed by the next start, and no reader looks at it.
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
        Ok(DiskFile { file, path: path.to_owned(), disk: self.clone() })
    }

    pub(crate) fn open_for_writing(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(DiskFile { file, path: path.to_owned(), disk: self.clone() })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the durability module: its callers sync the directory"
    )]
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.announce(&Op::Rename(from, to))?;
        std::fs::rename(from, to)
    }

    /// Renames without ever taking a name that another holds.
    pub(crate) fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.announce(&Op::Rename(from, to))?;
        let here = rustix::fs::CWD;
        match rustix::fs::renameat_with(here, from, here, to, RenameFlags::NOREPLACE) {
            // A file system without this flag: a hard link is refused just as surely where the name is taken.
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

    /// Reserves room now, so that a full disk is met here and not in the middle of a frame.
    pub(crate) fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.announce(&Op::Allocate(&self.path, bytes))?;
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, bytes) {
            // Some file systems cannot reserve; writing the zeros that follow does the same more slowly.
            Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Makes bytes, and whatever metadata is needed to find them again, durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.announce(&Op::Sync(&self.path)).and_then(|()| self.file.sync_data()).map_err(not_synced)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A written file that has its temporary name still.
#[derive(Debug)]
pub(crate) struct Unsynced {
    file: DiskFile,
    path: PathBuf,
}

impl Unsynced {
    /// Syncs the file and gives it its name, which is durable once its directory is.
    pub(crate) fn keep(&self) -> io::Result<&Path> {
        self.file.sync()?;
        self.file.disk.rename(&self.file.path, &self.path)?;
        Ok(&self.path)
    }
}

/// An error of a sync looks like no other: whatever number the kernel gave, it is never one that passes by itself.
fn not_synced(error: io::Error) -> io::Error {
    io::Error::other(format!("sync failed: {error}"))
}

/// The ending that no reader looks at and that a start removes.
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
