//! A ledger to which no server has written: it has its first entry and nothing else. It is locked, so that no server opens it while it
//! is copied, and its files are listed, so that a copy has these and no others. Nothing in it is changed.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::closed::ClosedLedger;
use super::open::verifying_key;
use super::options::Options;
use crate::fault::{OpenError, ReadError};
use crate::handed_out::HandedOut;
use crate::layout::Layout;
use crate::mark::Mark;
use crate::note::VerifyingKey;
use crate::published_file::PublishedFile;

/// A ledger with one entry.
#[derive(Debug)]
pub struct FirstLedger {
    root: PathBuf,
    origin: String,
    created: u64,
    /// Has the lock of the only writer until this is dropped.
    _lock: HandedOut,
}

/// A file or a directory of a first ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirstFile {
    /// Its path below the ledger's directory; empty for that directory itself.
    pub name: PathBuf,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// Why a ledger is not a first one.
#[derive(Debug)]
pub enum NotFirst {
    /// It cannot be read, or another process writes to it.
    Unusable(OpenError),
    /// A server has written to it.
    Served {
        /// Its directory.
        path: PathBuf,
        /// How many entries it has.
        entries: u64,
    },
    /// A file that a first ledger does not have.
    Foreign(PathBuf),
}

impl FirstLedger {
    /// Takes the lock and makes the checks of a start. The options have the key that signs for this log.
    pub fn lock(path: &Path, options: &Options) -> Result<Self, NotFirst> {
        let layout = Layout::new(path);
        let key = verifying_key(&layout)?;
        if VerifyingKey::of_log(key.name(), options.key.public()).as_ref() != Ok(&key) {
            return Err(OpenError::WrongKey(layout.vkey()).into());
        }
        let lock = HandedOut::open(&options.disk, &layout, key.name())?;
        // That it was given to a cluster before is no fault: the Secrets are made anew until the first start.
        Mark::IsABackup.check(path)?;
        let closed = ClosedLedger::read(path)?;
        let entries = closed.head().size;
        if entries != 1 {
            return Err(NotFirst::Served { path: path.to_owned(), entries });
        }
        let Some(first) = closed.entries(0)?.next().transpose()? else {
            return Err(OpenError::corrupt(&layout.log(), "the first entry is missing").into());
        };
        let ledger = Self {
            root: path.to_owned(),
            origin: closed.origin().to_owned(),
            created: first.stamps.time,
            _lock: lock,
        };
        ledger.check_names()?;
        Ok(ledger)
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// When it was created, in milliseconds: the time of its first entry. A copy of the files does not change it.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created
    }

    /// The file whose age is taken for the age of the ledger.
    #[must_use]
    pub fn vkey(&self) -> PathBuf {
        Layout::new(Path::new("")).vkey()
    }

    /// Its directories and files, each after the directory that contains it.
    pub fn files(&self) -> Result<Vec<FirstFile>, ReadError> {
        let mut found = Vec::new();
        collect(&self.root, Path::new(""), &mut found)?;
        found.sort();
        Ok(found)
    }

    /// A file that somebody put there would be copied with the rest.
    fn check_names(&self) -> Result<(), NotFirst> {
        let expected = expected_files();
        let is_expected = |found: &FirstFile| {
            if found.is_directory {
                expected.iter().any(|file| file.starts_with(&found.name)) || is_snapshots(&found.name)
            } else {
                expected.contains(&found.name)
            }
        };
        match self.files()?.into_iter().find(|found| !is_expected(found)) {
            Some(foreign) => Err(NotFirst::Foreign(self.root.join(foreign.name))),
            None => Ok(()),
        }
    }
}

/// Every file of a ledger with one entry. The directory of snapshots is empty.
fn expected_files() -> BTreeSet<PathBuf> {
    let layout = Layout::new(Path::new(""));
    let published =
        [Some(PublishedFile::Checkpoint), PublishedFile::hashes(0, 0, 1), PublishedFile::entries(0, 1)];
    let published = published.into_iter().flatten().map(|file| layout.log().join(file.path()));
    [layout.vkey(), layout.handed_out(), layout.segment(1), layout.reserve()]
        .into_iter()
        .chain(published)
        .collect()
}

fn is_snapshots(name: &Path) -> bool {
    name == Layout::new(Path::new("")).snapshots()
}

/// A link is listed as a file, which is never expected to be one: it could lead anywhere.
fn collect(root: &Path, name: &Path, found: &mut Vec<FirstFile>) -> Result<(), ReadError> {
    let path = root.join(name);
    let failed = |error| ReadError::Io(path.clone(), error);
    // The ledger's own directory may be a link.
    let metadata =
        if name.as_os_str().is_empty() { std::fs::metadata(&path) } else { path.symlink_metadata() };
    let metadata = metadata.map_err(failed)?;
    if metadata.is_symlink() {
        return Err(ReadError::Corrupt(path, "a link stands for a file of the ledger".to_owned()));
    }
    found.push(FirstFile { name: name.to_owned(), is_directory: metadata.is_dir() });
    if metadata.is_dir() {
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            collect(root, &name.join(entry.map_err(failed)?.file_name()), found)?;
        }
    }
    Ok(())
}

impl From<OpenError> for NotFirst {
    fn from(error: OpenError) -> Self {
        Self::Unusable(error)
    }
}

impl From<ReadError> for NotFirst {
    fn from(error: ReadError) -> Self {
        Self::Unusable(match error {
            ReadError::Io(path, error) => OpenError::Io(path, error),
            ReadError::Corrupt(path, what) => OpenError::Corrupt(path, what),
        })
    }
}

impl fmt::Display for NotFirst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(error) => error.fmt(f),
            Self::Served { path, entries } => write!(
                f,
                "{}: a server has written to this ledger: it has {entries} entries, and a first one has 1",
                path.display()
            ),
            Self::Foreign(path) => {
                write!(f, "{}: a first ledger has no such file; move it away", path.display())
            }
        }
    }
}

impl std::error::Error for NotFirst {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Ledger, SigningKey};

    const CREATED: u64 = 1_700_000_000_123;

    fn options(seed: u8) -> Options {
        let key = SigningKey::from_seed(&[seed; 32]).unwrap();
        Options::new(key, Arc::new(|| CREATED), "test").segment_bytes(0)
    }

    fn first(dir: &tempfile::TempDir) -> PathBuf {
        let path = dir.path().join("ledger");
        Ledger::init(&path, "demo", &options(7)).unwrap();
        path
    }

    #[test]
    fn a_new_ledger_is_a_first_one_and_its_files_are_all_that_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = first(&dir);
        let ledger = FirstLedger::lock(&path, &options(7)).unwrap();
        assert_eq!(ledger.created(), CREATED);
        assert!(ledger.origin().starts_with("demo/log/"));
        let found = ledger.files().unwrap();
        let files: BTreeSet<PathBuf> =
            found.iter().filter(|file| !file.is_directory).map(|file| file.name.clone()).collect();
        assert_eq!(files, expected_files());
        assert!(files.contains(&ledger.vkey()));
        assert!(found.iter().any(|file| file.is_directory && is_snapshots(&file.name)));
        assert_eq!(found[0].name, Path::new(""), "a directory comes before what it contains");
    }

    #[test]
    fn while_it_is_locked_no_server_opens_it_and_one_that_is_open_cannot_be_locked() {
        let dir = tempfile::tempdir().unwrap();
        let path = first(&dir);
        let locked = FirstLedger::lock(&path, &options(7)).unwrap();
        assert!(matches!(Ledger::open(&path, options(7)), Err(OpenError::Locked(_))));
        drop(locked);
        let open = Ledger::open(&path, options(7)).unwrap();
        let refused = FirstLedger::lock(&path, &options(7)).unwrap_err();
        assert!(matches!(refused, NotFirst::Unusable(OpenError::Locked(_))), "{refused}");
        open.close();
        // It has `start/1` and `stop/1` now.
        let refused = FirstLedger::lock(&path, &options(7)).unwrap_err();
        assert!(matches!(refused, NotFirst::Served { entries: 3, .. }), "{refused}");
    }

    #[test]
    fn a_file_that_does_not_belong_to_it_a_link_and_another_key_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = first(&dir);
        for name in ["bundle.jwk", "snapshot/0000000000000001.snapshot", "log/tile/other", "archives"] {
            let file = path.join(name);
            crate::durable::write_new(&file, b"x", 0o600).unwrap();
            let refused = FirstLedger::lock(&path, &options(7)).unwrap_err();
            assert!(matches!(&refused, NotFirst::Foreign(at) if *at == file), "{refused}");
            std::fs::remove_file(&file).unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", path.join("torn")).unwrap();
        assert!(FirstLedger::lock(&path, &options(7)).unwrap_err().to_string().contains("link"));
        std::fs::remove_file(path.join("torn")).unwrap();
        let refused = FirstLedger::lock(&path, &options(8)).unwrap_err();
        assert!(matches!(refused, NotFirst::Unusable(OpenError::WrongKey(_))), "{refused}");
        assert!(FirstLedger::lock(&path, &options(7)).is_ok());
    }
}
