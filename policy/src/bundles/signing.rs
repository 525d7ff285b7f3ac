//! Signs a built bundle, its base or the routes over one: makes the manifest, the chain of trust, and the bytes of all files.

use std::fmt;

use warrant::PublicKey;
use warrant::mint::Signer;

use super::base::Base;
use super::contents::Contents;
use super::dsse::Envelope;
use super::manifest::{KIND, Manifest, ROUTES_KIND, RoutesManifest};
use super::parcel::{Parcel, RoutesParcel};
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
    let contents = Contents::of(&files, audience, terms.version, (terms.not_before, terms.expires));
    let manifest = Manifest { contents, trust: terms.next.clone() };
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
    let parcel = Parcel { manifest: envelope, trust, files, routes: None };
    Ok(SignedBundle { parcel, version: terms.version, digest: Digest::of(payload.as_bytes()) })
}

/// What a signer decides about the routes of teams, in addition to their documents.
#[derive(Clone, Copy)]
pub struct RoutesSigning<'a> {
    /// Counted for each base.
    pub version: u64,
    pub not_before: u64,
    pub expires: u64,
    pub signers: &'a [&'a dyn Signer],
}

impl fmt::Debug for RoutesSigning<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RoutesSigning").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The signed routes of teams, as bytes.
#[derive(Debug)]
pub struct SignedRoutes {
    pub parcel: RoutesParcel,
    pub version: u64,
    /// The name of the bundle that they make with their base.
    pub digest: Digest,
}

/// Signs these files over a base without reading them: only built bundles reach this (`authoring::Built::sign_routes`).
pub(crate) fn sign_routes(
    base: &Base,
    files: Files,
    terms: &RoutesSigning<'_>,
) -> Result<SignedRoutes, SignError> {
    let by = base.routes_by().ok_or_else(|| {
        SignError(
            "the base names nobody under `routesBy` of mesh.yaml: all routes are signed with it".to_owned(),
        )
    })?;
    let (from, until) = base.window();
    // It cannot be longer in force than its base.
    let window = (terms.not_before.max(from), terms.expires.min(until));
    if window.0 >= window.1 {
        return Err(SignError("the routes would expire before they are valid".to_owned()));
    }
    let keys: Vec<PublicKey> = terms.signers.iter().map(|signer| *signer.public_key()).collect();
    check_enough(&keys, by, "`routesBy` of the base")?;
    let contents = Contents::of(&files, base.audience(), terms.version, window);
    let payload = RoutesManifest { contents, base: base.digest() }.to_json();
    let manifest = Envelope::sign(ROUTES_KIND, payload.as_bytes(), terms.signers)
        .map_err(|error| SignError(error.to_string()))?
        .to_json();
    let parcel = RoutesParcel { manifest, files };
    Ok(SignedRoutes { parcel, version: terms.version, digest: Digest::of(payload.as_bytes()) })
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

impl SignError {
    pub(crate) fn new(why: String) -> SignError {
        SignError(why)
    }
}

impl std::error::Error for SignError {}
