//! Opens a parcel: checks signatures, audience, time window and version, and only then reads the documents.

use std::collections::BTreeSet;

use warrant::{Seconds, Verifier};

use super::Bundle;
use super::dsse::Envelope;
use super::manifest::{ENGINE, Manifest};
use super::parcel::{MANIFEST, Parcel};
use super::refusal::BundleRefusal;
use super::trust::TrustKeys;
use crate::assembly;
use crate::documents::files::{self, Form};
use crate::fault::Faults;
use warrant::Digest;

/// The highest version that was ever active on this server: no later bundle may have a lower one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activated {
    pub version: u64,
    pub digest: Digest,
    /// Trusts that an activated bundle has replaced. A server that is configured with an old trust must not
    /// return to it.
    pub retired: BTreeSet<Digest>,
}

/// What the server expects of a parcel.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub trust: &'a TrustKeys,
    pub audience: &'a str,
    pub floor: Option<&'a Activated>,
    pub now: Seconds,
}

/// The bundle in a parcel, or the first reason to refuse it.
pub fn open(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<Bundle, BundleRefusal> {
    let CheckedManifest { manifest, digest, retired } = checked_manifest(parcel, expected, verifier)?;
    check_files(parcel, &manifest)?;
    let faults = Faults::new();
    let policy = assembly::assemble(files::read(&parcel.files, Form::Json, &faults), &faults);
    match policy {
        Some(policy) if policy.mesh.terms.audience == manifest.audience => {
            Ok(Bundle::new(policy, manifest, digest, retired, parcel.files.clone()))
        }
        Some(policy) => Err(BundleRefusal::OtherAudience {
            found: policy.mesh.terms.audience.clone(),
            wanted: manifest.audience,
        }),
        None => Err(BundleRefusal::Unsound { faults: faults.into_sorted() }),
    }
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

/// A manifest that is signed, for this server, inside its time window, and not older than the active one.
struct CheckedManifest {
    manifest: Manifest,
    digest: Digest,
    retired: BTreeSet<Digest>,
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
    let (manifest, envelope, payload) = Manifest::open(MANIFEST, &parcel.manifest)?;
    trust.check_signed(&envelope, &payload, verifier)?;
    check_trust_change(&manifest, &trust, &envelope, &payload, verifier)?;
    if manifest.audience != expected.audience {
        return Err(BundleRefusal::OtherAudience {
            found: manifest.audience,
            wanted: expected.audience.to_owned(),
        });
    }
    if manifest.engine != ENGINE {
        return Err(BundleRefusal::OtherEngine { found: manifest.engine, wanted: ENGINE });
    }
    check_window(&manifest, expected.now)?;
    let digest = Digest::of(&payload);
    check_version(&manifest, &digest, expected.floor)?;
    Ok(CheckedManifest { manifest, digest, retired })
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
        let (manifest, envelope, payload) = Manifest::open(&file, bytes)?;
        match current.check_signed(&envelope, &payload, verifier) {
            // Steps before the configured trust are history, and are skipped.
            Err(_) if !has_begun => continue,
            Err(few) => {
                return Err(BundleRefusal::ChainBroken { file, why: BundleRefusal::from(few).to_string() });
            }
            Ok(()) => {}
        }
        if manifest.audience != expected.audience {
            return Err(BundleRefusal::OtherAudience {
                found: manifest.audience,
                wanted: expected.audience.to_owned(),
            });
        }
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

fn check_window(manifest: &Manifest, now: Seconds) -> Result<(), BundleRefusal> {
    if now.get() < manifest.not_before {
        return Err(BundleRefusal::NotYet { not_before: manifest.not_before });
    }
    if now.get() >= manifest.expires {
        return Err(BundleRefusal::Over { expires: manifest.expires });
    }
    Ok(())
}

fn check_version(
    manifest: &Manifest,
    digest: &Digest,
    floor: Option<&Activated>,
) -> Result<(), BundleRefusal> {
    let Some(floor) = floor else { return Ok(()) };
    if manifest.version < floor.version {
        return Err(BundleRefusal::RolledBack { version: manifest.version, highest: floor.version });
    }
    if manifest.version == floor.version && *digest != floor.digest {
        return Err(BundleRefusal::SameVersionOtherContent {
            version: floor.version,
            found: *digest,
            activated: floor.digest,
        });
    }
    Ok(())
}

pub(super) fn check_files(parcel: &Parcel, manifest: &Manifest) -> Result<(), BundleRefusal> {
    let present: BTreeSet<_> = parcel.files.keys().collect();
    if let Some(file) = present.into_iter().find(|file| !manifest.files.contains_key(*file)) {
        return Err(BundleRefusal::FileAdded { file: file.clone() });
    }
    for (file, digest) in &manifest.files {
        let bytes =
            parcel.files.get(file).ok_or_else(|| BundleRefusal::FileMissing { file: file.clone() })?;
        if Digest::of(bytes) != *digest {
            return Err(BundleRefusal::FileChanged { file: file.clone() });
        }
    }
    Ok(())
}
