//! The one module that changes files. Everything it returns from is on disk, or has failed and says so.
//!
//! # The syscalls, and what a crash between them leaves
//!
//! `write_new(path)`: `open(tmp, O_CREAT|O_EXCL)`, `write`, `fsync(tmp)`, `renameat2(tmp, path,
//! RENAME_NOREPLACE)`, `fsync(dir)`.
//!
//! - before the rename: only `path.tmp` exists, which no reader looks at and the next start removes;
//! - after the rename, before the directory's sync: the file is there whole, or not at all;
//! - after it: the file is there whole.
//!
//! `replace(path)`: the same with a plain rename. A reader sees the old bytes or the new ones, never a mixture, and
//! after the directory's sync only the new ones.
//!
//! `create_dir(path)`: `mkdir`, `fsync(parent)`. A name is durable only once the directory that holds it is.
//!
//! An error of `fsync` is never retried: the kernel may have dropped the pages it could not write, and a second `fsync`
//! would report success for bytes that are gone. The free functions hand the error out; [`crate::Ledger`] ends the process.

mod disk;

use std::io;
use std::path::Path;

pub use disk::{Disk, DiskFile, Op, Watch};
pub(crate) use disk::{TEMPORARY, Unsynced};

/// Writes a new file with these permission bits; fails if the name is taken.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    Disk::real().write_new(path, bytes, mode)
}

/// Puts new bytes under an old name (or a new one), whole or not at all; permission bits are kept, 0644 for a new file.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Disk::real().replace(path, bytes)
}

/// Creates one directory with these permission bits; its parent must exist.
pub fn create_dir(path: &Path, mode: u32) -> io::Result<()> {
    Disk::real().create_dir(path, mode)
}

/// Creates a directory and whichever of its parents are missing, with these permission bits.
pub fn create_dir_all(path: &Path, mode: u32) -> io::Result<()> {
    Disk::real().create_dir_all(path, mode)
}

/// Gives a file or directory another name in the same directory, and makes that durable.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    Disk::real().rename(from, to)?;
    Disk::real()
        .sync_dir(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Makes the names inside a directory durable.
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
        let taken = write_new(&path, b"other", 0o600).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left behind");
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
