//! Signs a built bundle: makes the manifest, the chain of trust, and the bytes of all files.

use std::fmt;

use warrant::PublicKey;
use warrant::mint::Signer;

use super::dsse::Envelope;
use super::manifest::{ENGINE, KIND, Manifest};
use super::parcel::Parcel;
use super::trust::TrustKeys;
use crate::documents::files::Files;
use warrant::Digest;

/// What a signer decides about a bundle, in addition to its documents.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    pub version: u64,
    pub not_before: u64,
    pub expires: u64,
    /// The trust that this bundle must satisfy.
    pub trust: &'a TrustKeys,
    /// The trust for the next bundle; if it differs from `trust`, both must sign.
    pub next: &'a TrustKeys,
    /// Earlier manifests that changed the trust, oldest first.
    pub chain: &'a [Vec<u8>],
    pub signers: &'a [&'a dyn Signer],
}

impl fmt::Debug for Signing<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signing")
            .field("version", &self.version)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A signed bundle, as bytes.
#[derive(Debug)]
pub struct SignedBundle {
    pub parcel: Parcel,
    pub version: u64,
    pub digest: Digest,
}

/// Signs these files without reading them: only built bundles reach this (`authoring::Built::sign`).
pub(crate) fn sign(audience: &str, files: Files, terms: &Signing<'_>) -> Result<SignedBundle, SignError> {
    if terms.not_before >= terms.expires {
        return Err(SignError("the bundle would expire before it is valid".to_owned()));
    }
    let manifest = Manifest {
        audience: audience.to_owned(),
        version: terms.version,
        not_before: terms.not_before,
        expires: terms.expires,
        engine: ENGINE.to_owned(),
        files: files.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes))).collect(),
        trust: terms.next.clone(),
    };
    let keys: Vec<PublicKey> = terms.signers.iter().map(|signer| *signer.public_key()).collect();
    check_enough(&keys, terms.trust, "the trust in force")?;
    check_enough(&keys, terms.next, "the next trust")?;
    let payload = manifest.to_json();
    let envelope = Envelope::sign(KIND, payload.as_bytes(), terms.signers)
        .map_err(|error| SignError(error.to_string()))?
        .to_json();
    let mut trust = terms.chain.to_vec();
    if terms.next != terms.trust {
        trust.push(envelope.clone());
    }
    let parcel = Parcel { manifest: envelope, trust, files };
    Ok(SignedBundle { parcel, version: terms.version, digest: Digest::of(payload.as_bytes()) })
}

fn check_enough(keys: &[PublicKey], trust: &TrustKeys, which: &str) -> Result<(), SignError> {
    let good = trust.keys.iter().filter(|key| keys.contains(key)).count();
    if u32::try_from(good).is_ok_and(|good| good >= trust.threshold) {
        return Ok(());
    }
    Err(SignError(format!(
        "{good} of the signing keys are trusted, but {which} requires {}: sign with more keys",
        trust.threshold
    )))
}

/// Why a bundle was not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignError(String);

impl fmt::Display for SignError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for SignError {}
