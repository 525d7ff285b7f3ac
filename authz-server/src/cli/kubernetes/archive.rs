//! The two archives of a first start, as `tar` and `gzip` read them. Equal content gives equal bytes: names are sorted, owners, modes and
//! times are fixed.
//!
//! One time is not: that of the ledger's verification key, by which the chart knows the age of the ledger. It is the time of the first
//! entry. The time of the file would be wrong after a copy of the home directory, and the ledger would look young.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use ledger::FirstLedger;
use tar::{Builder, EntryType, Header};

/// The time of everything whose age nobody asks for: 1 January 2000.
const ANY_TIME: u64 = 946_684_800;

/// What the modes in the file system are does not matter: only the server's user reads these files.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The directory `ledger`.
pub(super) fn of_ledger(ledger: &FirstLedger) -> io::Result<Vec<u8>> {
    let mut archive = Archive::new();
    for file in ledger.files().map_err(io::Error::other)? {
        let (path, name) = (ledger.root().join(&file.name), Path::new("ledger").join(&file.name));
        if file.is_directory {
            archive.directory(&name)?;
        } else {
            let time = if file.name == ledger.vkey() { ledger.created() / 1000 } else { ANY_TIME };
            let content = File::open(path)?;
            let length = content.metadata()?.len();
            archive.file(&name, time, length, content)?;
        }
    }
    archive.end()
}

/// The directory `bundle`, with these files by their paths in it.
pub(super) fn of_bundle(files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut archive = Archive::new();
    let names: BTreeMap<PathBuf, &Vec<u8>> =
        files.iter().map(|(path, bytes)| (Path::new("bundle").join(path), bytes)).collect();
    let directories: BTreeSet<&Path> = names.keys().flat_map(|name| name.ancestors().skip(1)).collect();
    for directory in directories.into_iter().filter(|path| !path.as_os_str().is_empty()) {
        archive.directory(directory)?;
    }
    for (name, bytes) in names {
        let length = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        archive.file(&name, ANY_TIME, length, bytes.as_slice())?;
    }
    archive.end()
}

struct Archive(Builder<GzEncoder<Vec<u8>>>);

impl Archive {
    fn new() -> Archive {
        Archive(Builder::new(GzEncoder::new(Vec::new(), Compression::best())))
    }

    fn directory(&mut self, name: &Path) -> io::Result<()> {
        let mut header = header(EntryType::Directory, DIRECTORY_MODE, ANY_TIME, 0);
        self.0.append_data(&mut header, name, io::empty())
    }

    fn file(&mut self, name: &Path, time: u64, length: u64, content: impl io::Read) -> io::Result<()> {
        let mut header = header(EntryType::Regular, FILE_MODE, time, length);
        self.0.append_data(&mut header, name, content)
    }

    fn end(self) -> io::Result<Vec<u8>> {
        self.0.into_inner()?.finish()
    }
}

fn header(kind: EntryType, mode: u32, time: u64, length: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(time);
    header.set_size(length);
    header
}
