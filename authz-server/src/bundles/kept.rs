//! Bundles that were ever in force, kept beside the log: one file for each, named by the bundle's digest.
//!
//! With them a recorded decision can be judged again, even if the place that the bundle came from is gone. A copy is
//! durable before the activation of its bundle is recorded, so that no decision names a bundle without a copy. Nothing
//! removes a copy. So the directory grows by one file for each activation. Only who signs bundles, or the routes of teams, can
//! cause an activation; where teams' routes are objects of a cluster, that is everybody who may write one. So a document that an
//! earlier copy holds is not written again: a copy names the earlier one, and holds only the manifests and what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ledger::durable;
use ledger::layout::Layout;
use policy::{BundleRefusal, Digest, Files, Parcel, RoutesParcel};
use serde::{Deserialize, Serialize};

/// How many earlier copies one copy may name. To read it, each of them is read.
const HOLDERS_AT_MOST: usize = 32;

/// The directory of kept bundles in a ledger's directory.
#[derive(Clone, Debug)]
pub struct KeptBundles {
    layout: Layout,
}

/// A parcel as one JSON document. Manifests and documents are UTF-8, so each is a string of its exact bytes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptForm {
    manifest: String,
    trust: Vec<String>,
    files: BTreeMap<String, String>,
    /// The documents that other copies hold, by the digest of the document: the digests of those copies. A copy that is named here
    /// holds the document itself, and does not name another one for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    elsewhere: BTreeMap<String, Vec<String>>,
    /// The routes of teams, if they were signed apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routes: Option<KeptRoutes>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptRoutes {
    manifest: String,
    files: BTreeMap<String, String>,
}

/// Why a kept bundle cannot be read.
#[derive(Debug)]
pub enum KeptError {
    Io(PathBuf, io::Error),
    /// It is not what was written.
    Damaged(PathBuf, String),
}

impl fmt::Display for KeptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeptError::Io(file, error) => write!(f, "{}: cannot be read: {error}", file.display()),
            KeptError::Damaged(file, what) => write!(
                f,
                "{}: this copy of a bundle is damaged: {what}; name the bundle's directory with --bundles",
                file.display()
            ),
        }
    }
}

impl std::error::Error for KeptError {}

impl KeptBundles {
    /// The bundles that are kept in this ledger's directory.
    pub fn of_ledger(ledger: &Path) -> KeptBundles {
        KeptBundles { layout: Layout::new(ledger) }
    }

    /// The directory that holds them.
    pub fn directory(&self) -> PathBuf {
        self.layout.bundles()
    }

    /// Keeps the bundle with this digest. When this returns, its copy is durable. A damaged copy is replaced. What the copy of the
    /// bundle before it has, or names, is not written again.
    pub fn keep(&self, digest: &Digest, parcel: &Parcel, before: Option<&Digest>) -> io::Result<()> {
        if matches!(self.read(digest), Ok(Some(_))) {
            return Ok(());
        }
        let mut form = KeptForm::of(parcel)?;
        if let Some(before) = before {
            form.leave_out(&self.holders(before));
        }
        let bytes = serde_json::to_vec(&form).map_err(io::Error::other)?;
        durable::create_dir_all(&self.directory(), 0o755)?;
        // A crash here leaves no file, or a temporary one that no reader looks at: the activation is not recorded yet.
        durable::replace(&self.layout.bundle(digest), &bytes)
    }

    /// The file of a kept bundle, with all its documents.
    pub fn to_bytes(parcel: &Parcel) -> io::Result<Vec<u8>> {
        serde_json::to_vec(&KeptForm::of(parcel)?).map_err(io::Error::other)
    }

    /// The bundle with this digest. `None` if it is not kept.
    pub fn read(&self, digest: &Digest) -> Result<Option<Parcel>, KeptError> {
        let Some(form) = self.form(digest)? else { return Ok(None) };
        self.assemble(digest, form).map(Some)
    }

    /// The bundle of a copy, with what other copies hold.
    fn assemble(&self, digest: &Digest, mut form: KeptForm) -> Result<Parcel, KeptError> {
        let file = self.layout.bundle(digest);
        let damaged = |what: String| KeptError::Damaged(file.clone(), what);
        let mut documents = BTreeMap::new();
        for (holder, wanted) in std::mem::take(&mut form.elsewhere) {
            let holder =
                Digest::parse(&holder).ok_or_else(|| damaged(format!("`{holder}` is not a digest")))?;
            let held =
                self.form(&holder)?.ok_or_else(|| damaged(format!("the copy of {holder} is missing")))?;
            documents.extend(held.documents().filter(|(digest, _)| wanted.contains(digest)));
        }
        let parcel =
            form.into_parcel(&documents).ok_or_else(|| damaged("a document is missing".to_owned()))?;
        let found = parcel.digest().map_err(|refusal: BundleRefusal| damaged(refusal.to_string()))?;
        if found == *digest { Ok(parcel) } else { Err(damaged(format!("it is the bundle {found}"))) }
    }

    /// A copy as it is written, without what it names elsewhere.
    fn form(&self, digest: &Digest) -> Result<Option<KeptForm>, KeptError> {
        let file = self.layout.bundle(digest);
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeptError::Io(file, error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| KeptError::Damaged(file, error.to_string()))
    }

    /// Which copy holds each document of this bundle. None, if they cannot all be read: then nothing is named.
    fn holders(&self, digest: &Digest) -> BTreeMap<String, String> {
        let Ok(Some(form)) = self.form(digest) else { return BTreeMap::new() };
        if self.assemble(digest, form.clone()).is_err() {
            return BTreeMap::new();
        }
        let own = form.documents().map(|(document, _)| (document, digest.to_string()));
        let mut holders: BTreeMap<String, String> = own.collect();
        for (holder, documents) in &form.elsewhere {
            holders.extend(documents.iter().map(|document| (document.clone(), holder.clone())));
        }
        holders
    }
}

impl KeptForm {
    fn of(parcel: &Parcel) -> io::Result<KeptForm> {
        Ok(KeptForm {
            manifest: text(&parcel.manifest)?,
            trust: parcel.trust.iter().map(|step| text(step)).collect::<io::Result<_>>()?,
            files: texts(&parcel.files)?,
            elsewhere: BTreeMap::new(),
            routes: parcel.routes.as_ref().map(KeptRoutes::of).transpose()?,
        })
    }

    /// The documents that it holds itself, each with its digest.
    fn documents(&self) -> impl Iterator<Item = (String, String)> {
        let of_routes = self.routes.iter().flat_map(|routes| routes.files.values());
        let all = self.files.values().chain(of_routes);
        all.map(|text| (Digest::of(text.as_bytes()).to_string(), text.clone()))
    }

    /// Names the copies that hold its documents instead of holding them too. If they are many, it holds all documents itself.
    fn leave_out(&mut self, holders: &BTreeMap<String, String>) {
        let own: Vec<String> = self.documents().map(|(document, _)| document).collect();
        let named: BTreeSet<&String> = own.iter().filter_map(|document| holders.get(document)).collect();
        if named.len() > HOLDERS_AT_MOST {
            return;
        }
        let mut elsewhere: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut keeps = |text: &String| {
            let document = Digest::of(text.as_bytes()).to_string();
            let Some(holder) = holders.get(&document) else { return true };
            elsewhere.entry(holder.clone()).or_default().insert(document);
            false
        };
        self.files.retain(|_, text| keeps(text));
        if let Some(routes) = &mut self.routes {
            routes.files.retain(|_, text| keeps(text));
        }
        let listed =
            |(holder, documents): (String, BTreeSet<String>)| (holder, documents.into_iter().collect());
        self.elsewhere = elsewhere.into_iter().map(listed).collect();
    }

    /// The parcel, with what other copies hold. `None` if a document of its manifests is nowhere.
    fn into_parcel(self, documents: &BTreeMap<String, String>) -> Option<Parcel> {
        let whole = |listed: BTreeMap<String, Digest>, mut own: BTreeMap<String, String>| -> Option<Files> {
            let add = |(name, digest): (String, Digest)| {
                let text = own.remove(&name).or_else(|| documents.get(&digest.to_string()).cloned())?;
                Some((name, text.into_bytes()))
            };
            let files: Option<Files> = listed.into_iter().map(add).collect();
            // What no manifest names would be left out silently.
            files.filter(|_| own.is_empty())
        };
        let manifest = self.manifest.into_bytes();
        let files = whole(Parcel::files_of(&manifest).ok()?, self.files)?;
        let routes = match self.routes {
            None => None,
            Some(KeptRoutes { manifest, files }) => {
                let manifest = manifest.into_bytes();
                let files = whole(RoutesParcel::files_of(&manifest).ok()?, files)?;
                Some(RoutesParcel { manifest, files })
            }
        };
        let trust = self.trust.into_iter().map(String::into_bytes).collect();
        Some(Parcel { manifest, trust, files, routes })
    }
}

impl KeptRoutes {
    fn of(parcel: &RoutesParcel) -> io::Result<KeptRoutes> {
        Ok(KeptRoutes { manifest: text(&parcel.manifest)?, files: texts(&parcel.files)? })
    }
}

fn texts(files: &Files) -> io::Result<BTreeMap<String, String>> {
    files.iter().map(|(name, bytes)| Ok((name.clone(), text(bytes)?))).collect()
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_fixture::{PAY_FILE, edit, files, parcel, trust};

    fn version(version: u64, files: &Files) -> Parcel {
        parcel(files, version, &trust(1, &[10]), &trust(1, &[10]), &[], &[10])
    }

    /// A team that changes one route again and again must not fill the disk with copies of all others.
    #[test]
    fn a_copy_holds_only_what_no_earlier_copy_holds() {
        let home = tempfile::tempdir().unwrap();
        let kept = KeptBundles::of_ledger(home.path());
        let mut files = files();
        let long = format!("// {}\n", "x".repeat(50_000));
        files.entry("mesh.cedar".to_owned()).or_default().extend_from_slice(long.as_bytes());
        let mut all = vec![version(1, &files)];
        for number in 2..6 {
            let lifetime = |seconds: u64| format!("maxLifetime: {seconds}s");
            edit(&mut files, PAY_FILE, &lifetime(62 - number), &lifetime(61 - number));
            all.push(version(number, &files));
        }
        let mut before = None;
        for parcel in &all {
            let digest = parcel.digest().unwrap();
            kept.keep(&digest, parcel, before.as_ref()).unwrap();
            before = Some(digest);
        }
        let size =
            |parcel: &Parcel| std::fs::metadata(kept.layout.bundle(&parcel.digest().unwrap())).unwrap().len();
        assert!(size(&all[0]) > 50_000);
        assert!(
            all[1..].iter().all(|parcel| size(parcel) < 10_000),
            "{:?}",
            all.iter().map(size).collect::<Vec<_>>()
        );
        for parcel in &all {
            let read = kept.read(&parcel.digest().unwrap()).unwrap().unwrap();
            assert_eq!((&read.manifest, &read.files), (&parcel.manifest, &parcel.files));
        }
        // Without the copy that is named, the others are damaged, and the next copy names nothing.
        std::fs::remove_file(kept.layout.bundle(&all[0].digest().unwrap())).unwrap();
        assert!(matches!(kept.read(&all[4].digest().unwrap()), Err(KeptError::Damaged(..))));
        let next = version(7, &files);
        kept.keep(&next.digest().unwrap(), &next, before.as_ref()).unwrap();
        assert!(size(&next) > 50_000 && kept.read(&next.digest().unwrap()).unwrap().is_some());
    }

    /// To read a copy, every copy that it names is read: that must not be hundreds.
    #[test]
    fn a_copy_that_would_name_many_others_holds_everything() {
        let with_holders = |count: usize| {
            let texts = (0..count).map(|number| (number.to_string(), format!("document {number}")));
            let mut form = KeptForm {
                manifest: String::new(),
                trust: Vec::new(),
                files: texts.collect(),
                elsewhere: BTreeMap::new(),
                routes: None,
            };
            let holders = form.documents().collect();
            form.leave_out(&holders);
            (form.files.len(), form.elsewhere.len())
        };
        assert_eq!(with_holders(HOLDERS_AT_MOST), (0, HOLDERS_AT_MOST));
        assert_eq!(with_holders(HOLDERS_AT_MOST + 1), (HOLDERS_AT_MOST + 1, 0));
    }
}
