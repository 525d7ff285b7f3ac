//! Opening a parcel: who signed it, for whom, for when, whether it is older than what was active, and only then what it says.

use std::collections::BTreeSet;

use warrant::{Seconds, Verifier};

use super::Bundle;
use super::dsse::Envelope;
use super::manifest::{ENGINE, Manifest};
use super::parcel::{MANIFEST, Parcel};
use super::refusal::Refusal;
use super::trust::TrustKeys;
use crate::assembly;
use crate::documents::files::{self, Form};
use crate::fault::Faults;
use warrant::Digest;

/// The highest version ever activated here: what no bundle may fall below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activated {
    pub version: u64,
    pub digest: Digest,
    /// Trusts that an activated bundle has replaced: a server configured with an old one must not go back to it.
    pub retired: BTreeSet<Digest>,
}

/// What the server brings to a parcel.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub trust: &'a TrustKeys,
    pub audience: &'a str,
    pub floor: Option<&'a Activated>,
    pub now: Seconds,
}

/// The bundle in a parcel, or the first reason not to take it.
pub fn open(parcel: &Parcel, expected: &Expected<'_>, verifier: &dyn Verifier) -> Result<Bundle, Refusal> {
    let Vouched { manifest, digest, retired } = vouched(parcel, expected, verifier)?;
    files_are_those(parcel, &manifest)?;
    let faults = Faults::new();
    let policy = files::read(&parcel.files, Form::Json, &faults)
        .and_then(|documents| assembly::assemble(documents, &faults));
    match policy {
        Some(policy) if policy.mesh.terms.audience == manifest.audience => {
            Ok(Bundle::new(policy, manifest, digest, retired, parcel.files.clone()))
        }
        Some(policy) => Err(Refusal::OtherAudience {
            found: policy.mesh.terms.audience.clone(),
            wanted: manifest.audience,
        }),
        None => Err(Refusal::Unsound { faults: faults.into_sorted() }),
    }
}

/// Whether the manifest may be taken, before anything of its files has been looked at: so that nobody but a signer can
/// have a server fetch them.
pub fn vouch(parcel: &Parcel, expected: &Expected<'_>, verifier: &dyn Verifier) -> Result<(), Refusal> {
    vouched(parcel, expected, verifier).map(|_| ())
}

/// A manifest that is signed, for this server, in its window, and not below what was active.
struct Vouched {
    manifest: Manifest,
    digest: Digest,
    retired: BTreeSet<Digest>,
}

fn vouched(parcel: &Parcel, expected: &Expected<'_>, verifier: &dyn Verifier) -> Result<Vouched, Refusal> {
    let (trust, retired) = walk(parcel, expected, verifier)?;
    if retired.contains(&trust.digest()) {
        return Err(Refusal::TrustRolledBack);
    }
    let (manifest, envelope, payload) = Manifest::open(MANIFEST, &parcel.manifest)?;
    trust.have_signed(&envelope, &payload, verifier)?;
    accepts_its_trust(&manifest, &trust, &envelope, &payload, verifier)?;
    if manifest.audience != expected.audience {
        return Err(Refusal::OtherAudience {
            found: manifest.audience,
            wanted: expected.audience.to_owned(),
        });
    }
    if manifest.engine != ENGINE {
        return Err(Refusal::OtherEngine { found: manifest.engine, wanted: ENGINE });
    }
    in_its_window(&manifest, expected.now)?;
    let digest = Digest::of(&payload);
    not_below(&manifest, &digest, expected.floor)?;
    Ok(Vouched { manifest, digest, retired })
}

/// The trust by which the next bundle will be judged: for whoever signs it.
pub fn trust_in_force(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<TrustKeys, Refusal> {
    walk(parcel, expected, verifier).map(|(trust, _)| trust)
}

/// Follows the trust from the configured one to the one that must have signed the manifest; gives it with all that it has replaced.
fn walk(
    parcel: &Parcel,
    expected: &Expected<'_>,
    verifier: &dyn Verifier,
) -> Result<(TrustKeys, BTreeSet<Digest>), Refusal> {
    let mut current = expected.trust.clone();
    let mut retired = expected.floor.map(|floor| floor.retired.clone()).unwrap_or_default();
    let mut has_begun = false;
    for (step, bytes) in parcel.trust.iter().enumerate() {
        let file = Parcel::trust_path(step);
        let (manifest, envelope, payload) = Manifest::open(&file, bytes)?;
        match current.have_signed(&envelope, &payload, verifier) {
            // Steps before the configured trust are history.
            Err(_) if !has_begun => continue,
            Err(few) => return Err(Refusal::ChainBroken { file, why: Refusal::from(few).to_string() }),
            Ok(()) => {}
        }
        if manifest.audience != expected.audience {
            return Err(Refusal::OtherAudience {
                found: manifest.audience,
                wanted: expected.audience.to_owned(),
            });
        }
        accepts_its_trust(&manifest, &current, &envelope, &payload, verifier)?;
        has_begun = true;
        retired.insert(current.digest());
        current = manifest.trust;
        // A trust may be returned to, by the signatures of the one in between.
        retired.remove(&current.digest());
    }
    Ok((current, retired))
}

/// A change of trust is signed by both: those who hand over, and those who take over.
fn accepts_its_trust(
    manifest: &Manifest,
    current: &TrustKeys,
    envelope: &Envelope,
    payload: &[u8],
    verifier: &dyn Verifier,
) -> Result<(), Refusal> {
    if manifest.trust == *current {
        return Ok(());
    }
    let signed = manifest.trust.have_signed(envelope, payload, verifier);
    signed.map_err(|few| Refusal::TrustNotAccepted { good: few.good, wanted: few.wanted })
}

fn in_its_window(manifest: &Manifest, now: Seconds) -> Result<(), Refusal> {
    if now.get() < manifest.not_before {
        return Err(Refusal::NotYet { not_before: manifest.not_before });
    }
    if now.get() >= manifest.expires {
        return Err(Refusal::Over { expires: manifest.expires });
    }
    Ok(())
}

fn not_below(manifest: &Manifest, digest: &Digest, floor: Option<&Activated>) -> Result<(), Refusal> {
    let Some(floor) = floor else { return Ok(()) };
    if manifest.version < floor.version {
        return Err(Refusal::RolledBack { version: manifest.version, highest: floor.version });
    }
    if manifest.version == floor.version && *digest != floor.digest {
        return Err(Refusal::SameVersionOtherContent {
            version: floor.version,
            found: *digest,
            activated: floor.digest,
        });
    }
    Ok(())
}

pub(super) fn files_are_those(parcel: &Parcel, manifest: &Manifest) -> Result<(), Refusal> {
    let there: BTreeSet<_> = parcel.files.keys().collect();
    if let Some(file) = there.into_iter().find(|file| !manifest.files.contains_key(*file)) {
        return Err(Refusal::FileAdded { file: file.clone() });
    }
    for (file, digest) in &manifest.files {
        let bytes = parcel.files.get(file).ok_or_else(|| Refusal::FileMissing { file: file.clone() })?;
        if Digest::of(bytes) != *digest {
            return Err(Refusal::FileChanged { file: file.clone() });
        }
    }
    Ok(())
}
