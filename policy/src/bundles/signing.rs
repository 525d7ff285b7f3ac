//! Signing what was built: manifest, chain of trust, and the bytes of all files.

use std::fmt;

use warrant::PublicKey;
use warrant::mint::Signer;

use super::dsse::{Envelope, signing_input};
use super::manifest::{ENGINE, KIND, Manifest};
use super::parcel::Parcel;
use super::trust::TrustKeys;
use crate::documents::files::Files;
use warrant::Digest;

/// What a signer says about a bundle, beyond what is in it.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    pub version: u64,
    pub not_before: u64,
    pub expires: u64,
    /// The trust under which this bundle will be judged.
    pub trust: &'a TrustKeys,
    /// The trust that follows; another than `trust` is signed by both.
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

/// A bundle, signed, as bytes.
#[derive(Debug)]
pub struct Signed {
    pub parcel: Parcel,
    pub version: u64,
    pub digest: Digest,
}

/// Signs these files, whatever they hold: only what was built reaches this (`authoring::Built::sign`).
pub(crate) fn sign(audience: &str, files: Files, terms: &Signing<'_>) -> Result<Signed, SignError> {
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
    are_enough(&keys, terms.trust, "the trust in force")?;
    are_enough(&keys, terms.next, "the trust that follows")?;
    let payload = manifest.to_json();
    let input = signing_input(KIND, payload.as_bytes());
    let signatures: Result<Vec<_>, _> = terms
        .signers
        .iter()
        .map(|signer| signer.sign(&input).map(|signature| (*signer.public_key(), signature)))
        .collect();
    let signatures = signatures.map_err(|error| SignError(error.to_string()))?;
    let envelope = Envelope::new(KIND, payload.as_bytes(), signatures).to_json();
    let mut trust = terms.chain.to_vec();
    if terms.next != terms.trust {
        trust.push(envelope.clone());
    }
    let parcel = Parcel { manifest: envelope, trust, files };
    Ok(Signed { parcel, version: terms.version, digest: Digest::of(payload.as_bytes()) })
}

fn are_enough(keys: &[PublicKey], trust: &TrustKeys, which: &str) -> Result<(), SignError> {
    let good = trust.keys.iter().filter(|key| keys.contains(key)).count();
    if u32::try_from(good).is_ok_and(|good| good >= trust.threshold) {
        return Ok(());
    }
    Err(SignError(format!(
        "{good} of the signing keys are trusted, and {which} asks for {}: bring more keys",
        trust.threshold
    )))
}

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignError(String);

impl fmt::Display for SignError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for SignError {}
