//! A ledger that a server in a cluster continues. `portcullis kubernetes` copies a first ledger for that server, and leaves a file beside
//! the one that stays, `<directory>.in-cluster`. While the file is there, no server starts on that ledger: two servers with one log and one
//! key would each allow a warrant that is for one use.
//!
//! The file is beside the ledger and not in it, so that no copy of the ledger's directory has it.

use std::io;
use std::path::{Path, PathBuf};

use ledger::durable;

use super::error::ServerError;

/// What the file says to a person who finds it.
const TEXT: &str = "`portcullis kubernetes` gave the ledger beside this file to a server in a cluster. While this file is there, `portcullis \
                    serve` does not start on it: two servers with one log and one key would each allow a warrant that is for one use.\n";

/// Notes that a server in a cluster continues this ledger. Returns the file that says so. It must be durable before anybody can give the
/// ledger to a cluster.
pub fn give_to_cluster(ledger: &Path) -> Result<PathBuf, (PathBuf, io::Error)> {
    let mark = mark(ledger);
    match durable::replace(&mark, TEXT.as_bytes()) {
        Ok(()) => Ok(mark),
        Err(error) => Err((mark, error)),
    }
}

/// Checks that the ledger was not given away, before anything is written to it.
pub(super) fn check_is_here(ledger: &Path) -> Result<(), ServerError> {
    let mark = mark(ledger);
    // A link that leads nowhere counts too: somebody put it there.
    if mark.symlink_metadata().is_ok() { Err(ServerError::GivenAway(mark)) } else { Ok(()) }
}

fn mark(ledger: &Path) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(".in-cluster");
    ledger.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_was_given_away_is_refused_until_the_file_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let ledger = home.path().join("ledger");
        durable::create_dir(&ledger, 0o700).unwrap();
        assert!(check_is_here(&ledger).is_ok());
        let file = give_to_cluster(&ledger).unwrap();
        assert_eq!(file, home.path().join("ledger.in-cluster"), "it must not be in the ledger");
        assert_eq!(give_to_cluster(&ledger).unwrap(), file, "the command is run again after each change");
        let refused = check_is_here(&ledger).unwrap_err().to_string();
        for part in [&*file.display().to_string(), "which continues it", "and then this file"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        // As it may be configured.
        assert!(check_is_here(&home.path().join("ledger/")).is_err());
        std::fs::remove_file(&file).unwrap();
        assert!(check_is_here(&ledger).is_ok());
    }
}
