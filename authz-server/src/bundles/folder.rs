//! Reads files from a directory that others may fill with anything. It reads regular files only, up to a bound. It
//! does not follow links and does not wait for a writer. It knows nothing of bundles except how large they may be.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use super::bounds;

/// An open directory.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// Why a file of a directory is not read.
#[derive(Debug)]
pub(super) enum FileRefusal {
    Missing,
    /// It is not of the expected kind: what it is, and which kind is read.
    OtherKind {
        is: &'static str,
        only: &'static str,
    },
    TooLong {
        at_most: usize,
    },
    NameNotUtf8,
    /// The directory and the directories in it hold more files than a bundle may have.
    TooMany,
    /// All files together hold more bytes than a bundle may have.
    TooMuchTogether,
    /// Directories are nested more deeply than the bound allows.
    TooDeep,
    Io(io::Error),
}

/// Opening must not wait: without `NONBLOCK` an open of a FIFO waits for a writer.
const NEVER_WAITS: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

impl Folder {
    /// Opens the directory that an operator has configured. Links in this path are followed: the operator decides
    /// where it leads.
    pub(super) fn open(path: &Path) -> io::Result<Folder> {
        Ok(Folder(openat(CWD, path, NEVER_WAITS.union(OFlags::DIRECTORY), Mode::empty())?))
    }

    /// Opens a directory in this one.
    pub(super) fn folder(&self, name: &str) -> Result<Folder, FileRefusal> {
        self.check_kind(name, FileType::Directory)?;
        let flags = NEVER_WAITS.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW);
        Ok(Folder(openat(&self.0, name, flags, Mode::empty())?))
    }

    /// The bytes of the file at this path below the directory.
    pub(super) fn read(&self, path: &str, at_most: usize) -> Result<Vec<u8>, FileRefusal> {
        if let Some((folder, rest)) = path.split_once('/') {
            return self.folder(folder)?.read(rest, at_most);
        }
        // A device may act when it is opened, so it is not opened at all.
        self.check_kind(path, FileType::RegularFile)?;
        let file = openat(&self.0, path, NEVER_WAITS.union(OFlags::NOFOLLOW), Mode::empty())?;
        // The file may have been replaced between the check and the open.
        check(file_type(fstat(&file)?.st_mode), FileType::RegularFile)?;
        let mut bytes = Vec::new();
        // One byte more than allowed is enough to see that a file is too long, also if it grows while it is read.
        let bound = u64::try_from(at_most).unwrap_or(u64::MAX).saturating_add(1);
        File::from(file).take(bound).read_to_end(&mut bytes)?;
        if bytes.len() > at_most { Err(FileRefusal::TooLong { at_most }) } else { Ok(bytes) }
    }

    /// The names in the directory, each with whether it is a directory.
    pub(super) fn names(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, bool)>>> {
        let names = Dir::read_from(&self.0)?.filter_map(|entry| match entry {
            Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => None,
            Ok(entry) => Some(
                self.is_folder(&entry)
                    .map(|is_folder| (OsString::from_vec(entry.file_name().to_bytes().to_vec()), is_folder)),
            ),
            Err(error) => Some(Err(error.into())),
        });
        Ok(names)
    }

    fn is_folder(&self, entry: &rustix::fs::DirEntry) -> io::Result<bool> {
        let kind = entry.file_type();
        if kind != FileType::Unknown {
            return Ok(kind == FileType::Directory);
        }
        // Some file systems do not give the kind with the name.
        let found = statat(&self.0, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(file_type(found.st_mode) == FileType::Directory)
    }

    fn check_kind(&self, name: &str, wanted: FileType) -> Result<(), FileRefusal> {
        check(file_type(statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode), wanted)
    }
}

fn file_type(mode: rustix::fs::RawMode) -> FileType {
    FileType::from_raw_mode(mode)
}

fn check(found: FileType, wanted: FileType) -> Result<(), FileRefusal> {
    if found == wanted {
        return Ok(());
    }
    let is = match found {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown kind",
    };
    let only = if wanted == FileType::Directory { "directories" } else { "regular files" };
    Err(FileRefusal::OtherKind { is, only })
}

impl From<io::Error> for FileRefusal {
    fn from(error: io::Error) -> FileRefusal {
        if error.kind() == io::ErrorKind::NotFound { FileRefusal::Missing } else { FileRefusal::Io(error) }
    }
}

impl From<Errno> for FileRefusal {
    fn from(error: Errno) -> FileRefusal {
        io::Error::from(error).into()
    }
}

impl fmt::Display for FileRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileRefusal::Missing => write!(f, "{}", io::Error::from(Errno::NOENT)),
            FileRefusal::OtherKind { is, only } => write!(f, "it is {is}, and only {only} are read here"),
            FileRefusal::TooLong { at_most } => write!(f, "it is too long: the maximum is {at_most} bytes"),
            FileRefusal::NameNotUtf8 => f.write_str("a name in it is not UTF-8"),
            FileRefusal::TooMany => write!(f, "more than {} files are there", bounds::FILES),
            FileRefusal::TooMuchTogether => {
                write!(f, "the files up to this one have more than {} bytes", bounds::CONTENT_BYTES)
            }
            FileRefusal::TooDeep => {
                write!(f, "more than {} directories are in each other", bounds::DEPTH)
            }
            FileRefusal::Io(error) => error.fmt(f),
        }
    }
}
