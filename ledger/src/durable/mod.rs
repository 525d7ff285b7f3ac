//! The only module that changes files. When a function returns, the change is on disk or the function reports an error.
//!
//! # The system calls, and what a crash between them leaves
//!
//! `write_new(path)`: `open(tmp, O_CREAT|O_EXCL)`, `write`, `fsync(tmp)`, `renameat2(tmp, path,
//! RENAME_NOREPLACE)`, `fsync(dir)`.
//!
//! - before the rename: only `path.tmp` exists. No reader uses it, and the next start removes it;
//! - after the rename, before the sync of the directory: the whole file exists, or nothing;
//! - after the sync of the directory: the whole file exists.
//!
//! `replace(path)`: the same with a plain rename. A reader sees the old bytes or the new bytes, never a mixture. After
//! the sync of the directory it sees only the new ones.
//!
//! A [`Replacement`] is the same again, for content that is written part by part. Its first bytes are written last, before
//! the sync.
//!
//! `create_dir(path)`: `mkdir`, `fsync(parent)`. A name is durable only after the sync of the directory that contains it.
//!
//! A failed `fsync` is never retried: the kernel may have dropped the pages that it could not write, and a second `fsync`
//! would report success for bytes that are lost. The free functions return the error; [`crate::Ledger`] ends the process.

mod disk;
mod held;

use std::io;
use std::path::Path;

pub use disk::{Disk, DiskFile, Op, Watch};
pub(crate) use disk::{Replacement, TEMPORARY, Unsynced};

/// Writes a new file with these permission bits. It is an error if the name is already in use.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    Disk::real().write_new(path, bytes, mode)
}

/// Replaces the bytes of a file, or creates it: completely or not at all. Permission bits stay; a new file gets 0644.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Disk::real().replace(path, bytes)
}

/// Creates one directory with these permission bits; its parent must exist.
pub fn create_dir(path: &Path, mode: u32) -> io::Result<()> {
    Disk::real().create_dir(path, mode)
}

/// Creates a directory and its missing parents, with these permission bits.
pub fn create_dir_all(path: &Path, mode: u32) -> io::Result<()> {
    Disk::real().create_dir_all(path, mode)
}

/// Makes the names in a directory durable.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    Disk::real().sync_dir(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_has_its_mode_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, b"secret", 0o600).unwrap();
        assert_eq!((mode(&path), std::fs::read(&path).unwrap()), (0o600, b"secret".to_vec()));
        let again = write_new(&path, b"other", 0o600).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn replacing_keeps_the_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_new(&path, b"one", 0o600).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!((mode(&path), std::fs::read(&path).unwrap()), (0o600, b"two".to_vec()));
        replace(&dir.path().join("new"), b"three").unwrap();
        assert_eq!(mode(&dir.path().join("new")), 0o644);
    }

    #[test]
    fn directories_are_created_with_their_parents() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dir_all(&deep, 0o700).unwrap();
        create_dir_all(&deep, 0o700).unwrap();
        assert!(deep.is_dir());
        assert_eq!(mode(&deep), 0o700);
        assert_eq!(create_dir(&deep, 0o700).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
