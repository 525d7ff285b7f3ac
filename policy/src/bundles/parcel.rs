//! A signed bundle as bytes, wherever they came from: the manifest, the chain of trust, the files.
//!
//! Laid out so that a reader never sees half of a change: each version has a folder of its own, and the manifest, which
//! names it, is put in place last.

use std::collections::BTreeMap;

use super::manifest::Manifest;
use super::refusal::Refusal;
use crate::documents::files::Files;
use warrant::Digest;

/// Where the manifest is.
pub const MANIFEST: &str = "manifest.json";
/// Where the note is.
pub const NOTE: &str = "latest.json";

#[derive(Clone, Debug, Default)]
pub struct Parcel {
    pub manifest: Vec<u8>,
    /// Manifests that changed the trust, oldest first.
    pub trust: Vec<Vec<u8>>,
    /// By the name that the manifest gives each.
    pub files: Files,
}

impl Parcel {
    /// Which version a manifest says it is: where to look for its files. Nothing of it is believed yet.
    pub fn version_of(manifest: &[u8]) -> Result<u64, Refusal> {
        Manifest::open(MANIFEST, manifest).map(|(manifest, _, _)| manifest.version)
    }

    /// The files that a manifest lists, for a reader that cannot list a folder, and need not fetch what it has.
    pub fn files_of(manifest: &[u8]) -> Result<BTreeMap<String, Digest>, Refusal> {
        Manifest::open(MANIFEST, manifest).map(|(manifest, _, _)| manifest.files)
    }

    /// The path of a step of the trust chain, counted from zero.
    pub fn trust_path(step: usize) -> String {
        format!("trust/{}.json", step.saturating_add(1))
    }

    /// The folder of a version's files.
    pub fn folder(version: u64) -> String {
        version.to_string()
    }

    /// Every path with its bytes, the manifest aside: it is written last.
    pub fn paths(&self, version: u64) -> BTreeMap<String, &[u8]> {
        let files = self
            .files
            .iter()
            .map(|(name, bytes)| (format!("{}/{name}", Self::folder(version)), bytes.as_slice()));
        let trust =
            self.trust.iter().enumerate().map(|(step, bytes)| (Self::trust_path(step), bytes.as_slice()));
        files.chain(trust).collect()
    }
}
