//! The base of a bundle: what is signed offline. If it names keys under `routesBy`, these sign the routes of teams over it, and
//! nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use warrant::{Digest, PublicKey, Verifier};

use super::manifest::{Manifest, Read, RoutesManifest};
use super::parcel::{ROUTES_MANIFEST, RoutesParcel};
use super::refusal::BundleRefusal;
use super::trust::TrustKeys;
use crate::assembly;
use crate::documents::files::{self, BaseTerms, Files};
use crate::documents::mesh::Notes;

/// A base whose signatures hold, with the files that were signed. Its documents are not checked, but for what is needed here.
#[derive(Debug)]
pub struct Base {
    pub(super) manifest: Manifest,
    pub(super) digest: Digest,
    pub(super) retired: BTreeSet<Digest>,
    pub(super) files: Arc<Files>,
    /// `None` if all routes are signed with it.
    pub(super) routes_by: Option<TrustKeys>,
    pub(super) notes: Notes,
    /// The teams whose routes are of the base.
    platform: BTreeSet<String>,
}

impl Base {
    pub(super) fn read(
        manifest: Manifest,
        digest: Digest,
        retired: BTreeSet<Digest>,
        files: Files,
        signed_by: Option<&TrustKeys>,
    ) -> Result<Base, BundleRefusal> {
        let Some(BaseTerms { routes_by, notes, platform }) = files::base_terms(&files) else {
            // Reading them all tells every fault.
            let faults = assembly::of_packed(&files, None).err().unwrap_or_default();
            return Err(BundleRefusal::Unsound { faults });
        };
        let routes_by = routes_by.map(|by| TrustKeys::new(by.threshold, by.keys)).transpose();
        let routes_by = routes_by.map_err(|error| BundleRefusal::Malformed {
            file: "mesh.json".to_owned(),
            why: format!("`routesBy`: {error}"),
        })?;
        let base = Base { manifest, digest, retired, files: Arc::new(files), routes_by, notes, platform };
        base.check_roles(signed_by)?;
        Ok(base)
    }

    /// A key that signs routes signs no bases, and a base has none of the files that such a key signs.
    fn check_roles(&self, signed_by: Option<&TrustKeys>) -> Result<(), BundleRefusal> {
        let Some(by) = &self.routes_by else { return Ok(()) };
        let signs_bases = |key: &&PublicKey| {
            signed_by.into_iter().chain([&self.manifest.trust]).any(|trust| trust.keys.contains(key))
        };
        if let Some(key) = by.keys.iter().find(signs_bases) {
            return Err(BundleRefusal::RolesMixed { key: key.thumbprint().to_string() });
        }
        match self.files.keys().find(|file| self.is_of_a_team(file)) {
            Some(file) => Err(BundleRefusal::OfATeam { file: file.clone() }),
            None => Ok(()),
        }
    }

    /// Whether this is a file of a team that is not the platform's: a route or its tests.
    pub fn is_of_a_team(&self, file: &str) -> bool {
        files::is_of_a_team(file, &self.platform)
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn version(&self) -> u64 {
        self.manifest.version
    }

    pub fn audience(&self) -> &str {
        &self.manifest.audience
    }

    /// From when until when it may be in force, in seconds.
    pub fn window(&self) -> (u64, u64) {
        (self.manifest.not_before, self.manifest.expires)
    }

    /// Who may sign notes about it, and for how long.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Who may sign the routes of teams; `None` if they are signed with everything else.
    pub fn routes_by(&self) -> Option<&TrustKeys> {
        self.routes_by.as_ref()
    }

    /// The version in a manifest of routes, if these are over this base and signed by those who may.
    pub fn version_of_routes(&self, manifest: &[u8], verifier: &dyn Verifier) -> Option<u64> {
        let read = self.signed_routes(self.routes_by()?, manifest, verifier);
        read.ok().map(|read| read.manifest.version)
    }

    /// Whether enough of those who may sign routes over this base have signed these, over this base or an earlier one, and their files
    /// are complete.
    pub fn vouches_for(&self, routes: &RoutesParcel, verifier: &dyn Verifier) -> bool {
        let Some(by) = self.routes_by() else { return false };
        let read = RoutesManifest::open(ROUTES_MANIFEST, &routes.manifest);
        read.is_ok_and(|read| {
            by.check_signed(&read.envelope, &read.payload, verifier).is_ok()
                && read.manifest.check_files(&routes.files).is_ok()
        })
    }

    /// A manifest of routes over this base that enough of these keys have signed.
    pub(super) fn signed_routes(
        &self,
        by: &TrustKeys,
        manifest: &[u8],
        verifier: &dyn Verifier,
    ) -> Result<Read<RoutesManifest>, BundleRefusal> {
        let read = RoutesManifest::open(ROUTES_MANIFEST, manifest)?;
        by.check_signed(&read.envelope, &read.payload, verifier)?;
        read.manifest.check_over(self.digest)?;
        Ok(read)
    }

    /// Its files, as they were signed.
    pub fn files(&self) -> &Files {
        &self.files
    }
}
