//! Files that a process holds while it writes a log: locked against other writers, and reachable by their names.
//!
//! A lock protects a file, and not its name. If the file is deleted or replaced, another process finds another file
//! under the name and can lock that one. So a writer also checks, before and after each frame, that the names still lead
//! to the files that it holds: what it writes to a file without a name is lost.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::DiskFile;

impl DiskFile {
    /// Locks the file until it is closed. It is an error of the kind `WouldBlock` if another process has the lock, or
    /// replaced the file before this process had it.
    pub(crate) fn hold(&self) -> io::Result<()> {
        match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if self.has_its_name()? => Ok(()),
            Ok(()) | Err(Errno::WOULDBLOCK) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the name with which the file was opened still leads to it. The inode number of an open file is not
    /// given to another file, so equal numbers mean the same file.
    pub(crate) fn has_its_name(&self) -> io::Result<bool> {
        let named = match std::fs::metadata(&self.path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(false);
            }
            found => found?,
        };
        let held = match self.identity.get() {
            Some(known) => *known,
            None => {
                let held = FileIdentity::of(&self.file.metadata()?);
                *self.identity.get_or_init(|| held)
            }
        };
        Ok(FileIdentity::of(&named) == held)
    }
}

/// Identifies an open file: no other file has the same device and inode while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}
