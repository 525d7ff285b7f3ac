//! The trust: the keys that may sign bundles, and how many of them must sign.

use std::collections::BTreeSet;
use std::fmt;

use warrant::{Algorithm, PublicKey, Verifier};

use super::dsse::Envelope;
use super::refusal::BundleRefusal;
use crate::documents::mesh::{public_key, read_all};
use crate::fault::Faults;
use crate::strict::{Node, canonical, json, list, members, natural};
use warrant::Digest;

/// At least `threshold` of `keys` must have signed; each key counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustKeys {
    pub threshold: u32,
    pub keys: Vec<PublicKey>,
}

impl TrustKeys {
    /// The keys must be distinct and Ed25519, and the threshold must be reachable.
    pub fn new(threshold: u32, keys: Vec<PublicKey>) -> Result<Self, TrustError> {
        let distinct: BTreeSet<_> = keys.iter().collect();
        if distinct.len() != keys.len() {
            return Err(TrustError("a key occurs twice"));
        }
        if keys.iter().any(|key| key.alg() != Algorithm::Ed25519) {
            return Err(TrustError("a key is not an Ed25519 key"));
        }
        if threshold == 0 || usize::try_from(threshold).is_ok_and(|threshold| threshold > keys.len()) {
            return Err(TrustError("the threshold is zero, or greater than the number of keys"));
        }
        let mut keys = keys;
        keys.sort();
        Ok(Self { threshold, keys })
    }

    /// Reads `{threshold, keys}`, from the configuration or a manifest.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        Self::read(&json::parse(bytes)?)
    }

    pub(crate) fn read(node: &Node) -> Result<Self, String> {
        let faults = Faults::new();
        let page = faults.in_file(std::path::Path::new("trust"));
        let parts = members(node, &["threshold", "keys"], page).and_then(|spec| {
            let threshold = natural(spec.need("threshold", page)?, 1, 64, page)?;
            let keys = read_all(list(spec.need("keys", page)?, page)?, |node| public_key(node, page))?;
            Some((u32::try_from(threshold).ok()?, keys))
        });
        let first = faults.into_sorted().into_iter().next();
        match (parts, first) {
            (Some((threshold, keys)), None) => Self::new(threshold, keys).map_err(|error| error.to_string()),
            (_, Some(fault)) => Err(fault.to_string()),
            (None, None) => Err("it is not a valid trust".to_owned()),
        }
    }

    /// The canonical form: equal trusts have equal bytes.
    pub fn to_json(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(PublicKey::to_jwk_json).collect();
        let text = format!("{{\"keys\":[{}],\"threshold\":{}}}", keys.join(","), self.threshold);
        json::parse(text.as_bytes()).map_or(text, |node| canonical::of(&node))
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().as_bytes())
    }

    /// Checks that enough of the keys have signed.
    pub(crate) fn check_signed(
        &self,
        envelope: &Envelope,
        payload: &[u8],
        verifier: &dyn Verifier,
    ) -> Result<(), TooFew> {
        let good = envelope.good_keys(&self.keys, payload, verifier).len();
        if u32::try_from(good).is_ok_and(|good| good >= self.threshold) {
            return Ok(());
        }
        Err(TooFew { good, wanted: self.threshold, unknown: envelope.unknown_keys(&self.keys) })
    }
}

/// Fewer keys have signed than the trust requires.
pub(crate) struct TooFew {
    pub(crate) good: usize,
    pub(crate) wanted: u32,
    pub(crate) unknown: Vec<String>,
}

impl From<TooFew> for BundleRefusal {
    fn from(few: TooFew) -> Self {
        Self::TooFewSignatures { good: few.good, wanted: few.wanted, unknown: few.unknown }
    }
}

/// Why a set of keys is not a valid trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustError(&'static str);

impl fmt::Display for TrustError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl std::error::Error for TrustError {}
