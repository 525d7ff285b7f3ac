//! Finds the bundles that were in force when decisions were taken, by their digests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::bundles::directory;
use crate::cli::out::Failure;
use policy::{MANIFEST, PastBundle};

/// Every bundle in these directories. Each is the directory of a signed bundle, or contains such directories.
pub(in crate::cli) fn by_digest(directories: &[PathBuf]) -> Result<BTreeMap<String, PastBundle>, Failure> {
    let mut all = BTreeMap::new();
    for directory in directories {
        let found = bundle_directories(directory)?;
        if found.is_empty() {
            return Err(Failure::new(format!(
                "{}: neither a signed bundle nor a directory of signed bundles",
                directory.display()
            )));
        }
        for place in found {
            let past = open(&place)?;
            all.insert(past.digest().to_string(), past);
        }
    }
    Ok(all)
}

pub(super) fn open(place: &Path) -> Result<PastBundle, Failure> {
    let opened = directory::parcel(place).and_then(|parcel| PastBundle::open(&parcel));
    opened.map_err(|refusal| Failure::new(format!("bundle {}: {refusal}", place.display())))
}

fn bundle_directories(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_bundle = |path: &Path| path.join(MANIFEST).is_file();
    if is_bundle(directory) {
        return Ok(vec![directory.to_owned()]);
    }
    let unreadable = |e| Failure::new(format!("{}: cannot be read: {e}", directory.display()));
    let entries = std::fs::read_dir(directory).map_err(unreadable)?;
    let all: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unreadable)?;
    Ok(all.into_iter().filter(|path| is_bundle(path)).collect())
}
