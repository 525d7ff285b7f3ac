//! Finds the bundles that were in force when decisions were taken, by their digests: among those that the server keeps
//! beside its log, and in directories that the caller names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::bundles::KeptBundles;
use crate::bundles::directory;
use crate::cli::out::Failure;
use policy::{BundleRefusal, Digest, MANIFEST, PastBundle, ROUTES_MANIFEST};

/// Every place where a past bundle may be. A bundle is opened when the first decision asks for it.
#[derive(Debug)]
pub(in crate::cli) struct PastBundles {
    named: Vec<PathBuf>,
    /// The directories of signed bundles, by digest.
    places: BTreeMap<Digest, PathBuf>,
    kept: Option<KeptBundles>,
    opened: Mutex<BTreeMap<Digest, Option<Arc<PastBundle>>>>,
}

impl PastBundles {
    /// Looks in these directories (each of a signed bundle, or of such directories), and among those that are kept in
    /// this ledger's directory.
    pub(in crate::cli) fn new(
        directories: &[PathBuf],
        ledger: Option<&Path>,
    ) -> Result<PastBundles, Failure> {
        let mut places = BTreeMap::new();
        for directory in directories {
            let found = bundle_directories(directory)?;
            if found.is_empty() {
                return Err(Failure::new(format!(
                    "{}: neither a signed bundle nor a directory of signed bundles",
                    directory.display()
                )));
            }
            for place in found {
                match directory::parcel(&place).and_then(|parcel| parcel.digest()) {
                    Ok(digest) => drop(places.insert(digest, place)),
                    // The routes over this base are not signed yet: there is no bundle here.
                    Err(BundleRefusal::Unreadable { file, .. }) if file == ROUTES_MANIFEST => {}
                    Err(BundleRefusal::OtherBase { .. }) => {}
                    Err(refusal) => return Err(refused(&place, &refusal)),
                }
            }
        }
        let (named, kept) = (directories.to_vec(), ledger.map(KeptBundles::of_ledger));
        Ok(PastBundles { named, places, kept, opened: Mutex::default() })
    }

    /// The bundle with this digest. `None` if it is nowhere.
    pub(in crate::cli) fn find(&self, digest: &Digest) -> Result<Option<Arc<PastBundle>>, String> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(digest) {
            return Ok(known.clone());
        }
        let found = self.open(digest)?.map(Arc::new);
        opened.insert(*digest, found.clone());
        Ok(found)
    }

    fn open(&self, digest: &Digest) -> Result<Option<PastBundle>, String> {
        if let Some(place) = self.places.get(digest) {
            let past = directory::parcel(place).and_then(|parcel| PastBundle::open(&parcel));
            let past = past.map_err(|refusal| format!("bundle {}: {refusal}", place.display()))?;
            // The directory may have got another bundle since it was listed.
            return Ok(Some(past).filter(|past| past.digest() == *digest));
        }
        let Some(kept) = &self.kept else { return Ok(None) };
        let Some(parcel) = kept.read(digest).map_err(|error| error.to_string())? else { return Ok(None) };
        PastBundle::open(&parcel).map(Some).map_err(|refusal| format!("kept bundle {digest}: {refusal}"))
    }

    /// The places that were searched, for a message.
    pub(in crate::cli) fn searched(&self) -> String {
        let kept = self.kept.iter().map(KeptBundles::directory);
        let all: Vec<String> =
            self.named.iter().cloned().chain(kept).map(|place| place.display().to_string()).collect();
        all.join(", ")
    }
}

pub(super) fn open(place: &Path) -> Result<PastBundle, Failure> {
    let opened = directory::parcel(place).and_then(|parcel| PastBundle::open(&parcel));
    opened.map_err(|refusal| refused(place, &refusal))
}

fn refused(place: &Path, refusal: &policy::BundleRefusal) -> Failure {
    Failure::new(format!("bundle {}: {refusal}", place.display()))
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
