//! A parcel: a signed bundle as bytes from any source, with its manifest, its chain of trust and its files.
//!
//! The layout ensures that a reader never sees half of a change: each version has its own directory, and the
//! manifest, which names the version, is written last.

use std::collections::BTreeMap;

use super::manifest::Manifest;
use super::open::check_files;
use super::refusal::BundleRefusal;
use crate::documents::files::Files;
use warrant::Digest;

/// The file name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The file name of the note.
pub const NOTE: &str = "latest.json";

#[derive(Clone, Debug, Default)]
pub struct Parcel {
    pub manifest: Vec<u8>,
    /// Manifests that changed the trust, oldest first.
    pub trust: Vec<Vec<u8>>,
    /// The files, by their names in the manifest.
    pub files: Files,
}

impl Parcel {
    /// The version in a manifest, which tells where its files are. No signature is checked.
    pub fn version_of(manifest: &[u8]) -> Result<u64, BundleRefusal> {
        Manifest::open(MANIFEST, manifest).map(|(manifest, _, _)| manifest.version)
    }

    /// The digest of the bundle of this manifest. No signature is checked.
    pub fn digest_of(manifest: &[u8]) -> Result<Digest, BundleRefusal> {
        Manifest::open(MANIFEST, manifest).map(|(_, _, payload)| Digest::of(&payload))
    }

    /// The digest of the bundle, if its files are those that its manifest names. No signature is checked.
    pub fn digest(&self) -> Result<Digest, BundleRefusal> {
        let (manifest, _, payload) = Manifest::open(MANIFEST, &self.manifest)?;
        check_files(self, &manifest)?;
        Ok(Digest::of(&payload))
    }

    /// The files in a manifest, for a reader that cannot list a directory, or already has some of the files.
    /// No signature is checked.
    pub fn files_of(manifest: &[u8]) -> Result<BTreeMap<String, Digest>, BundleRefusal> {
        Manifest::open(MANIFEST, manifest).map(|(manifest, _, _)| manifest.files)
    }

    /// The path of a step of the trust chain; `step` counts from zero.
    pub fn trust_path(step: usize) -> String {
        format!("trust/{}.json", step.saturating_add(1))
    }

    /// The directory of a version's files.
    pub fn directory(version: u64) -> String {
        version.to_string()
    }

    /// Every path with its bytes, without the manifest, which is written last.
    pub fn paths(&self, version: u64) -> BTreeMap<String, &[u8]> {
        let files = self
            .files
            .iter()
            .map(|(name, bytes)| (format!("{}/{name}", Self::directory(version)), bytes.as_slice()));
        let trust =
            self.trust.iter().enumerate().map(|(step, bytes)| (Self::trust_path(step), bytes.as_slice()));
        files.chain(trust).collect()
    }
}
