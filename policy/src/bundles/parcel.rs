//! A parcel: a signed bundle as bytes from any source, with its manifests, its chain of trust and its files.
//!
//! The layout ensures that a reader never sees half of a change: each version has its own directory, and the
//! manifest, which names it, is written last. Routes over a base are laid out in the same way beside it.

use std::collections::BTreeMap;

use warrant::Digest;

use super::manifest::{Manifest, RoutesManifest};
use super::refusal::BundleRefusal;
use crate::documents::files::{self, Files};

/// The file name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The file name of the note.
pub const NOTE: &str = "latest.json";
/// The file name of the manifest of routes over a base.
pub const ROUTES_MANIFEST: &str = "routes.json";
/// The file name of the note about these routes.
pub const ROUTES_NOTE: &str = "routes-latest.json";

#[derive(Clone, Debug, Default)]
pub struct Parcel {
    pub manifest: Vec<u8>,
    /// Manifests that changed the trust, oldest first.
    pub trust: Vec<Vec<u8>>,
    /// The files of the bundle or of its base, by their names in the manifest.
    pub files: Files,
    /// The routes of teams over the base, if they are signed apart from it.
    pub routes: Option<RoutesParcel>,
}

/// The routes of teams, as bytes.
#[derive(Clone, Debug, Default)]
pub struct RoutesParcel {
    pub manifest: Vec<u8>,
    pub files: Files,
}

impl Parcel {
    /// The version in a manifest, which tells where its files are. No signature is checked.
    pub fn version_of(manifest: &[u8]) -> Result<u64, BundleRefusal> {
        Manifest::open(MANIFEST, manifest).map(|read| read.manifest.version)
    }

    /// The digest of the bundle, if its files are those that its manifests name. No signature is checked.
    pub fn digest(&self) -> Result<Digest, BundleRefusal> {
        let base = Manifest::open(MANIFEST, &self.manifest)?;
        base.manifest.check_files(&self.files)?;
        let Some(routes) = &self.routes else { return Ok(base.digest()) };
        let read = RoutesManifest::open(ROUTES_MANIFEST, &routes.manifest)?;
        read.manifest.check_files(&routes.files)?;
        // Only so does the digest of the routes name every byte of the base too.
        read.manifest.check_over(base.digest())?;
        Ok(read.digest())
    }

    /// The files in a manifest, for a reader that cannot list a directory, or already has some of the files.
    /// No signature is checked.
    pub fn files_of(manifest: &[u8]) -> Result<BTreeMap<String, Digest>, BundleRefusal> {
        Manifest::open(MANIFEST, manifest).map(|read| read.manifest.contents.files)
    }

    /// Whether its files say that the routes of teams are signed apart from them. No signature is checked.
    pub fn wants_routes(&self) -> bool {
        files::base_terms(&self.files).is_some_and(|terms| terms.routes_by.is_some())
    }

    /// The path of a step of the trust chain; `step` counts from zero.
    pub fn trust_path(step: usize) -> String {
        format!("trust/{}.json", step.saturating_add(1))
    }

    /// The directory of a version's files.
    pub fn directory(version: u64) -> String {
        version.to_string()
    }

    /// Every path of the bundle or the base with its bytes, without the manifest, which is written last.
    pub fn paths(&self, version: u64) -> BTreeMap<String, &[u8]> {
        let trust =
            self.trust.iter().enumerate().map(|(step, bytes)| (Self::trust_path(step), bytes.as_slice()));
        below(&Self::directory(version), &self.files).chain(trust).collect()
    }
}

impl RoutesParcel {
    /// What the directories of routes begin with.
    const DIRECTORIES: &str = "routes-";

    /// Whether this is the name of a directory of routes.
    pub fn is_directory(name: &str) -> bool {
        let digits = name.strip_prefix(Self::DIRECTORIES);
        digits.is_some_and(|digits| Digest::parse(&format!("sha256:{digits}")).is_some())
    }

    /// The directory of the files of this manifest. It has the name of its content: the versions of routes begin anew with each
    /// base. No signature is checked.
    pub fn directory_of(manifest: &[u8]) -> Result<String, BundleRefusal> {
        let read = RoutesManifest::open(ROUTES_MANIFEST, manifest)?;
        Ok(format!("{}{}", Self::DIRECTORIES, read.digest().to_hex()))
    }

    /// The files in a manifest. No signature is checked.
    pub fn files_of(manifest: &[u8]) -> Result<BTreeMap<String, Digest>, BundleRefusal> {
        RoutesManifest::open(ROUTES_MANIFEST, manifest).map(|read| read.manifest.contents.files)
    }

    /// Every path with its bytes, without the manifest, which is written last.
    pub fn paths(&self) -> Result<BTreeMap<String, &[u8]>, BundleRefusal> {
        Ok(below(&Self::directory_of(&self.manifest)?, &self.files).collect())
    }
}

fn below<'a>(directory: &str, files: &'a Files) -> impl Iterator<Item = (String, &'a [u8])> {
    files.iter().map(move |(name, bytes)| (format!("{directory}/{name}"), bytes.as_slice()))
}
