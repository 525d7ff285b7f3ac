//! Bundles that were ever in force, kept beside the log: one file for each, named by the bundle's digest.
//!
//! With them a recorded decision can be judged again, even if the place that the bundle came from is gone. A copy is
//! durable before the activation of its bundle is recorded, so that no decision names a bundle without a copy. Nothing
//! removes a copy. So the directory grows by one file for each activation, as large as the bundle. Only who signs bundles, or the
//! routes of teams, can cause an activation.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ledger::durable;
use ledger::layout::Layout;
use policy::{BundleRefusal, Digest, Files, Parcel, RoutesParcel};
use serde::{Deserialize, Serialize};

/// The directory of kept bundles in a ledger's directory.
#[derive(Clone, Debug)]
pub struct KeptBundles {
    layout: Layout,
}

/// A parcel as one JSON document. Manifests and documents are UTF-8, so each is a string of its exact bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptForm {
    manifest: String,
    trust: Vec<String>,
    files: BTreeMap<String, String>,
    /// The routes of teams, if they were signed apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routes: Option<KeptRoutes>,
}

#[derive(Serialize, Deserialize)]
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

    /// Keeps the bundle with this digest. When this returns, its copy is durable. A damaged copy is replaced.
    pub fn keep(&self, digest: &Digest, parcel: &Parcel) -> io::Result<()> {
        if matches!(self.read(digest), Ok(Some(_))) {
            return Ok(());
        }
        let bytes = KeptBundles::to_bytes(parcel)?;
        durable::create_dir_all(&self.directory(), 0o755)?;
        // A crash here leaves no file, or a temporary one that no reader looks at: the activation is not recorded yet.
        durable::replace(&self.layout.bundle(digest), &bytes)
    }

    /// The file of a kept bundle.
    pub fn to_bytes(parcel: &Parcel) -> io::Result<Vec<u8>> {
        let form = KeptForm {
            manifest: text(&parcel.manifest)?,
            trust: parcel.trust.iter().map(|step| text(step)).collect::<io::Result<_>>()?,
            files: texts(&parcel.files)?,
            routes: parcel.routes.as_ref().map(KeptRoutes::of).transpose()?,
        };
        serde_json::to_vec(&form).map_err(io::Error::other)
    }

    /// The bundle with this digest. `None` if it is not kept.
    pub fn read(&self, digest: &Digest) -> Result<Option<Parcel>, KeptError> {
        let file = self.layout.bundle(digest);
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeptError::Io(file, error)),
        };
        let damaged = |what: String| KeptError::Damaged(file.clone(), what);
        let form: KeptForm = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let parcel = Parcel {
            manifest: form.manifest.into_bytes(),
            trust: form.trust.into_iter().map(String::into_bytes).collect(),
            files: bytes_of(form.files),
            routes: form.routes.map(KeptRoutes::into_parcel),
        };
        let found = parcel.digest().map_err(|refusal: BundleRefusal| damaged(refusal.to_string()))?;
        if found == *digest { Ok(Some(parcel)) } else { Err(damaged(format!("it is the bundle {found}"))) }
    }
}

impl KeptRoutes {
    fn of(parcel: &RoutesParcel) -> io::Result<KeptRoutes> {
        Ok(KeptRoutes { manifest: text(&parcel.manifest)?, files: texts(&parcel.files)? })
    }

    fn into_parcel(self) -> RoutesParcel {
        RoutesParcel { manifest: self.manifest.into_bytes(), files: bytes_of(self.files) }
    }
}

fn texts(files: &Files) -> io::Result<BTreeMap<String, String>> {
    files.iter().map(|(name, bytes)| Ok((name.clone(), text(bytes)?))).collect()
}

fn bytes_of(files: BTreeMap<String, String>) -> Files {
    files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
