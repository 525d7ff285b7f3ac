//! Opens a parcel: checks signatures, audience, time window and version, and only then reads the documents.

use std::collections::BTreeSet;
use std::sync::Arc;

use warrant::{Digest, Seconds, Verifier};

use super::Bundle;
use super::base::Base;
use super::dsse::Envelope;
use super::manifest::{Manifest, Read, RoutesManifest};
use super::parcel::{MANIFEST, Parcel, RoutesParcel};
use super::refusal::BundleRefusal;
use super::trust::TrustKeys;
use crate::assembly;
use crate::documents::files::Files;
use crate::routes::Policy;

/// The highest version that was ever active on this server: no later bundle may have a lower one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activated {
    pub version: u64,
    /// Of the bundle, or of its base.
    pub digest: Digest,
    /// Trusts that an activated bundle has replaced. A server that is configured with an old trust must not
    /// return to it.
    pub retired: BTreeSet<Digest>,
    /// The version and the digest of the routes over that base. No later routes over the same base may have a lower one.
    pub routes: Option<(u64, Digest)>,
}

/// What the server expects of a parcel.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub trust: &'a TrustKeys,
    pub audience: &'a str,
    pub floor: Option<&'a Activated>,
    /// A server without a floor takes no version below this one.
    pub min_version: u64,
    pub now: Seconds,
}

/// The bundle in a parcel, or the first reason to refuse it.
pub fn open(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<Bundle, BundleRefusal> {
    let base = open_base(parcel, expected, verifier)?;
    let routes = match &base.routes_by {
        None => None,
        Some(by) => Some(checked_routes(parcel, &base, by, expected, verifier)?),
    };
    let layer = parcel.routes.as_ref().filter(|_| routes.is_some());
    if let (Some(read), Some(layer)) = (&routes, layer) {
        read.manifest.check_files(&layer.files).map_err(BundleRefusal::of_routes)?;
    }
    let policy = read_documents(&parcel.files, layer)?;
    if policy.mesh.terms.audience != base.manifest.audience {
        let (found, wanted) = (policy.mesh.terms.audience.clone(), base.manifest.audience.clone());
        return Err(BundleRefusal::OtherAudience { found, wanted });
    }
    let routes = routes.map(|read| (read.digest(), read.manifest));
    let packed = packed(&base, layer);
    Ok(Bundle::new(policy, base, routes, packed))
}

/// The files of both layers.
pub(super) fn packed(base: &Base, routes: Option<&RoutesParcel>) -> Arc<Files> {
    let Some(routes) = routes else { return Arc::clone(&base.files) };
    let both = base.files.iter().chain(&routes.files);
    Arc::new(both.map(|(name, bytes)| (name.clone(), bytes.clone())).collect())
}

/// The policy of all documents, or their faults.
pub(super) fn read_documents(base: &Files, routes: Option<&RoutesParcel>) -> Result<Policy, BundleRefusal> {
    assembly::of_packed(base, routes.map(|routes| &routes.files))
        .map_err(|faults| BundleRefusal::Unsound { faults })
}

/// Checks the manifest alone, before its files are fetched: so only a trusted signer can make a server fetch
/// files.
pub fn check_manifest(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<(), BundleRefusal> {
    checked_manifest(parcel, expected, verifier).map(|_| ())
}

/// The base in a parcel, or the bundle if everything is signed together. Its files must be there; its documents are not checked.
pub fn open_base(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<Base, BundleRefusal> {
    let CheckedManifest { manifest, digest, retired, trust } = checked_manifest(parcel, expected, verifier)?;
    manifest.check_files(&parcel.files)?;
    Base::read(manifest, digest, retired, parcel.files.clone(), Some(&trust))
}

/// Checks the manifest of the routes over a base, before its files are fetched.
pub fn check_routes_manifest(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<(), BundleRefusal> {
    let base = open_base(parcel, expected, verifier)?;
    match &base.routes_by {
        None => Ok(()),
        Some(by) => checked_routes(parcel, &base, by, expected, verifier).map(|_| ()),
    }
}

/// The manifest of routes that may be in force over this base.
fn checked_routes(
    parcel: &Parcel,
    base: &Base,
    by: &TrustKeys,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<Read<RoutesManifest>, BundleRefusal> {
    let routes = parcel.routes.as_ref().ok_or(BundleRefusal::RoutesMissing)?;
    let check = || {
        let read = base.signed_routes(by, &routes.manifest, verifier)?;
        let manifest = &read.manifest;
        manifest.check_is_for(expected.audience, expected.now)?;
        if manifest.not_before < base.manifest.not_before || manifest.expires > base.manifest.expires {
            return Err(BundleRefusal::OutsideWindow {
                not_before: base.manifest.not_before,
                expires: base.manifest.expires,
            });
        }
        if let Some(file) = manifest.files.keys().find(|file| !base.is_of_a_team(file)) {
            return Err(BundleRefusal::NotOfATeam { file: file.clone() });
        }
        let floor = expected.floor.filter(|floor| floor.digest == base.digest);
        if let Some(floor) = floor.and_then(|floor| floor.routes) {
            manifest.check_version(read.digest(), floor)?;
        }
        Ok(read)
    };
    check().map_err(BundleRefusal::of_routes)
}

/// A manifest that is signed, for this server, inside its time window, and not older than the active one.
struct CheckedManifest {
    manifest: Manifest,
    digest: Digest,
    retired: BTreeSet<Digest>,
    /// By whom it is signed.
    trust: TrustKeys,
}

fn checked_manifest(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<CheckedManifest, BundleRefusal> {
    let (trust, retired) = follow_trust(parcel, expected, verifier)?;
    if retired.contains(&trust.digest()) {
        return Err(BundleRefusal::TrustRolledBack);
    }
    let read = Manifest::open(MANIFEST, &parcel.manifest)?;
    trust.check_signed(&read.envelope, &read.payload, verifier)?;
    check_trust_change(&read.manifest, &trust, &read.envelope, &read.payload, verifier)?;
    read.manifest.check_is_for(expected.audience, expected.now)?;
    let digest = read.digest();
    match expected.floor {
        Some(floor) => read.manifest.check_version(digest, (floor.version, floor.digest))?,
        None if read.manifest.version < expected.min_version => {
            let (version, least) = (read.manifest.version, expected.min_version);
            return Err(BundleRefusal::BelowLeast { version, least });
        }
        None => {}
    }
    Ok(CheckedManifest { manifest: read.manifest, digest, retired, trust })
}

/// The trust that the next bundle must satisfy; `policy sign` needs it.
pub fn trust_in_force(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<TrustKeys, BundleRefusal> {
    follow_trust(parcel, expected, verifier).map(|(trust, _)| trust)
}

/// Follows the chain from the configured trust to the trust that must have signed the manifest. Returns it
/// with all trusts that were replaced on the way.
fn follow_trust(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<(TrustKeys, BTreeSet<Digest>), BundleRefusal> {
    let mut current = expected.trust.clone();
    let mut retired = expected.floor.map(|floor| floor.retired.clone()).unwrap_or_default();
    let mut has_begun = false;
    for (step, bytes) in parcel.trust.iter().enumerate() {
        let file = Parcel::trust_path(step);
        let Read { manifest, envelope, payload } = Manifest::open(&file, bytes)?;
        match current.check_signed(&envelope, &payload, verifier) {
            // Steps before the configured trust are history, and are skipped.
            Err(_) if !has_begun => continue,
            Err(few) => {
                return Err(BundleRefusal::ChainBroken { file, why: BundleRefusal::from(few).to_string() });
            }
            Ok(()) => {}
        }
        manifest.check_audience(expected.audience)?;
        check_trust_change(&manifest, &current, &envelope, &payload, verifier)?;
        has_begun = true;
        retired.insert(current.digest());
        current = manifest.trust;
        // A chain may return to an earlier trust, if the trust in between signed that.
        retired.remove(&current.digest());
    }
    Ok((current, retired))
}

/// A change of trust must be signed by both trusts. The caller has checked the current trust; this checks the
/// next one.
fn check_trust_change(
    manifest: &Manifest,
    current: &TrustKeys,
    envelope: &Envelope,
    payload: &[u8],
    verifier: &dyn Verifier,
) -> Result<(), BundleRefusal> {
    if manifest.trust == *current {
        return Ok(());
    }
    let signed = manifest.trust.check_signed(envelope, payload, verifier);
    signed.map_err(|few| BundleRefusal::TrustNotAccepted { good: few.good, wanted: few.wanted })
}
