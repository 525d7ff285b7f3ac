//! Marks: files beside a ledger's directory that keep every writer off it. They are beside it and not in it, so that no copy of the
//! directory has them, and no reader meets them.
//!
//! A person, or a script, may make a mark with `touch`: only whether it is there counts. It must be durable before the first file of the
//! ledger that it is about.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::durable::{self, Disk};
use crate::fault::OpenError;

/// What a mark says of the ledger beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `<directory>.in-cluster`: a server in a cluster continues it. Two servers with one log and one key would each allow a warrant that is
    /// for one use.
    InCluster,
    /// `<directory>.is-a-backup`: what its log acknowledged after the backup is not known, so only a new log may continue it.
    IsABackup,
}

impl Mark {
    /// Checks that no mark keeps writers off a ledger. A writer does this while it has the lock: a mark that is made under the same lock is
    /// then seen, or was made after the writer had ended.
    pub fn check_none(ledger: &Path) -> Result<(), OpenError> {
        Mark::InCluster.check(ledger)?;
        Mark::IsABackup.check(ledger)
    }

    /// Checks that this mark is not there.
    pub fn check(self, ledger: &Path) -> Result<(), OpenError> {
        self.find(ledger)?.map_or(Ok(()), |file| Err(OpenError::Marked(self, file)))
    }

    /// The file of this mark, if it is there.
    pub fn find(self, ledger: &Path) -> Result<Option<PathBuf>, OpenError> {
        for file in self.places(ledger) {
            // A link that leads nowhere counts too: somebody put it there.
            match file.symlink_metadata() {
                Ok(_) => return Ok(Some(file)),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => return Err(OpenError::Io(file, error)),
            }
        }
        Ok(None)
    }

    /// Makes this mark. Returns its file, or the one that cannot be written.
    pub fn put(self, ledger: &Path) -> Result<PathBuf, (PathBuf, io::Error)> {
        let places = self.places(ledger);
        for file in &places {
            durable::replace(file, self.text().as_bytes()).map_err(|error| (file.clone(), error))?;
        }
        let nowhere = || (ledger.to_owned(), io::Error::from(io::ErrorKind::InvalidInput));
        places.into_iter().next().ok_or_else(nowhere)
    }

    /// Removes this mark, and returns when that is durable. The error has the file that stays.
    pub fn remove(self, ledger: &Path, disk: &Disk) -> Result<(), (PathBuf, io::Error)> {
        for file in self.places(ledger) {
            match disk.remove_durably(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((file, error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Beside the directory under the name that it is given, and beside the one that this name leads to: through a link the same ledger has
    /// two names, and a mark that was made under one of them counts under the other.
    fn places(self, ledger: &Path) -> Vec<PathBuf> {
        let beside = |path: &Path| Some(path.with_file_name(self.name(path.file_name()?)));
        let named = beside(ledger);
        let real = std::fs::canonicalize(ledger).ok().and_then(|real| beside(&real));
        let mut places: Vec<PathBuf> = named.into_iter().chain(real).collect();
        places.dedup();
        places
    }

    fn name(self, directory: &OsStr) -> PathBuf {
        let mut name = directory.to_owned();
        name.push(match self {
            Mark::InCluster => ".in-cluster",
            Mark::IsABackup => ".is-a-backup",
        });
        name.into()
    }

    /// What the file says to a person who finds it.
    fn text(self) -> &'static str {
        match self {
            Mark::InCluster => {
                "`portcullis kubernetes` gave the ledger beside this file to a server in a cluster. While this file is there, `portcullis serve` \
                 does not start on it: two servers with one log and one key would each allow a warrant that is for one use.\n"
            }
            Mark::IsABackup => {
                "The ledger beside this file is a backup. While this file is there, `portcullis serve` starts only with --restored-log or \
                 --restored, which begins a new log and removes this file.\n"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use super::*;
    use crate::{FirstLedger, Ledger, NotFirst, Options, SigningKey};

    fn options() -> Options {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        Options::new(key, Arc::new(|| 1_700_000_000_123), "test").segment_bytes(0)
    }

    fn ledger(dir: &tempfile::TempDir) -> PathBuf {
        let path = dir.path().join("ledger");
        Ledger::init(&path, "demo", &options()).unwrap();
        path
    }

    #[test]
    fn a_ledger_with_a_mark_is_opened_by_no_writer_until_the_mark_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = ledger(&dir);
        for (mark, name, cure) in [
            (Mark::InCluster, "ledger.in-cluster", "and then this file"),
            (Mark::IsABackup, "ledger.is-a-backup", "--restored-log"),
        ] {
            let file = mark.put(&path).unwrap();
            assert_eq!(file, dir.path().join(name), "it must not be in the ledger");
            assert_eq!(mark.put(&path).unwrap(), file, "it can be made again");
            let before = std::fs::read(path.join("wal/0000000000000001.wal")).unwrap();
            let refused = Ledger::open(&path, options()).err().unwrap();
            assert!(matches!(&refused, OpenError::Marked(found, at) if (*found, at) == (mark, &file)));
            let said = refused.to_string();
            assert!(said.contains(&*file.to_string_lossy()) && said.contains(cure), "{said}");
            assert!(
                before == std::fs::read(path.join("wal/0000000000000001.wal")).unwrap(),
                "it wrote to it"
            );
            // As it may be configured.
            assert!(mark.find(&dir.path().join("ledger/")).unwrap().is_some());
            assert!(Ledger::inspect(&path).is_ok(), "readers read it");
            mark.remove(&path, &Disk::real()).unwrap();
            mark.remove(&path, &Disk::real()).unwrap();
            assert!(!file.exists());
            Ledger::open(&path, options()).unwrap().close();
        }
    }

    #[test]
    fn a_first_ledger_may_be_given_to_a_cluster_again_and_a_backup_may_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = ledger(&dir);
        Mark::InCluster.put(&path).unwrap();
        FirstLedger::lock(&path, &options()).unwrap();
        Mark::IsABackup.put(&path).unwrap();
        let refused = FirstLedger::lock(&path, &options()).unwrap_err();
        assert!(matches!(refused, NotFirst::Unusable(OpenError::Marked(Mark::IsABackup, _))), "{refused}");
    }

    #[test]
    fn a_mark_under_one_name_of_a_ledger_counts_under_its_other_name() {
        let dir = tempfile::tempdir().unwrap();
        let real = ledger(&dir);
        let link = dir.path().join("home/link");
        durable::create_dir(&dir.path().join("home"), 0o700).unwrap();
        symlink(&real, &link).unwrap();
        for mark in [Mark::InCluster, Mark::IsABackup] {
            for name in [&real, &link] {
                mark.put(name).unwrap();
                for other in [&real, &link] {
                    let refused = Ledger::open(other, options()).err().unwrap();
                    assert!(
                        matches!(refused, OpenError::Marked(..)),
                        "{} and {}",
                        name.display(),
                        other.display()
                    );
                }
                [&real, &link].into_iter().for_each(|name| mark.remove(name, &Disk::real()).unwrap());
            }
        }
        Ledger::open(&link, options()).unwrap().close();
    }

    #[test]
    fn a_mark_is_made_before_there_is_a_ledger_and_may_be_a_link_that_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        symlink("nowhere", dir.path().join("ledger.is-a-backup")).unwrap();
        assert!(matches!(Mark::check_none(&path), Err(OpenError::Marked(Mark::IsABackup, _))));
        Mark::IsABackup.remove(&path, &Disk::real()).unwrap();
        assert!(Mark::check_none(&path).is_ok());
        Mark::IsABackup.put(&path).unwrap();
        Ledger::init(&path, "demo", &options()).unwrap();
        assert!(matches!(Ledger::open(&path, options()), Err(OpenError::Marked(Mark::IsABackup, _))));
    }
}
