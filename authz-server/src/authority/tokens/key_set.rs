//! A JWK set of an issuer of tokens. Each key has exactly one algorithm, which no token can choose.
//!
//! Others publish such a set for many purposes, so keys that cannot verify a token for us are left out. This file
//! does not know where a set comes from.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::authority::json::Members;

/// An issuer needs a few keys; a set with more is not one of an issuer.
const MOST_KEYS: usize = 100;
const LONGEST_KID: usize = 256;
/// What AWS-LC verifies with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The keys of an issuer, by name.
#[derive(Clone, Debug)]
pub struct KeySet(HashMap<String, VerifyingKey>);

/// A key that verifies, and its one algorithm.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(in crate::authority) key: DecodingKey,
}

/// Why a set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetFault {
    NotJson(String),
    NoKeys,
    TooMany(usize),
    /// No key in it can verify a token.
    NoUsableKey,
    /// Two usable keys have the same name.
    Twice(String),
}

impl KeySet {
    /// Reads a set. A key that cannot verify a token for us is left out.
    pub fn read(json: &[u8]) -> Result<KeySet, KeySetFault> {
        let members = Members::read(json).map_err(|error| KeySetFault::NotJson(error.to_string()))?;
        let Some(Value::Array(listed)) = members.get("keys") else { return Err(KeySetFault::NoKeys) };
        if listed.len() > MOST_KEYS {
            return Err(KeySetFault::TooMany(listed.len()));
        }
        let mut keys = HashMap::new();
        for (kid, key) in listed.iter().filter_map(Value::as_object).filter_map(usable) {
            if keys.insert(kid.to_owned(), key).is_some() {
                return Err(KeySetFault::Twice(kid.to_owned()));
            }
        }
        if keys.is_empty() { Err(KeySetFault::NoUsableKey) } else { Ok(KeySet(keys)) }
    }

    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0.get(kid)
    }
}

/// A public key for signatures, with a name. A set with a private key is refused: everybody can read that key.
fn usable(jwk: &Map<String, Value>) -> Option<(&str, VerifyingKey)> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let kid = text("kid").filter(|kid| (1..=LONGEST_KID).contains(&kid.len()))?;
    if jwk.contains_key("d") || jwk.get("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    if jwk.get("key_ops").is_some_and(|ops| !ops.as_array().is_some_and(|ops| ops.contains(&"verify".into())))
    {
        return None;
    }
    let part = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let alg = match jwk.get("alg") {
        Some(alg) => Some(alg.as_str()?),
        None => None,
    };
    let (algorithm, key) = match (text("kty")?, text("crv"), alg) {
        ("RSA", None, Some("RS256") | None) => (Algorithm::RS256, rsa(&part("n")?, &part("e")?)?),
        ("RSA", None, Some("PS256")) => (Algorithm::PS256, rsa(&part("n")?, &part("e")?)?),
        ("EC", Some("P-256"), Some("ES256") | None) => {
            (Algorithm::ES256, point(&part("x")?, &part("y")?, 32)?)
        }
        ("EC", Some("P-384"), Some("ES384") | None) => {
            (Algorithm::ES384, point(&part("x")?, &part("y")?, 48)?)
        }
        ("OKP", Some("Ed25519"), Some("EdDSA" | "Ed25519") | None) => {
            let x = part("x").filter(|x| x.len() == 32)?;
            (Algorithm::EdDSA, DecodingKey::from_ed_der(&x))
        }
        _ => return None,
    };
    Some((kid, VerifyingKey { algorithm, key }))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<DecodingKey> {
    let leading = modulus.first().filter(|byte| **byte != 0)?.leading_zeros();
    let bits = modulus.len().checked_mul(8)?.checked_sub(usize::try_from(leading).ok()?)?;
    RSA_BITS.contains(&bits).then(|| DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn point(x: &[u8], y: &[u8], size: usize) -> Option<DecodingKey> {
    let is_point = x.len() == size && y.len() == size;
    is_point.then(|| DecodingKey::from_ec_der(&[&[4], x, y].concat()))
}

impl fmt::Display for KeySetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySetFault::NotJson(why) => write!(f, "this is not a JWK set: {why}"),
            KeySetFault::NoKeys => f.write_str("this is not a JWK set: it has no list `keys`"),
            KeySetFault::TooMany(count) => write!(f, "the JWK set has {count} keys, the maximum is {MOST_KEYS}"),
            KeySetFault::NoUsableKey => f.write_str(
                "no key of the JWK set can verify a token: it needs a `kid` and RS256, PS256, ES256, ES384 or EdDSA",
            ),
            KeySetFault::Twice(kid) => write!(f, "two keys of the JWK set have the `kid` {kid:?}"),
        }
    }
}

impl std::error::Error for KeySetFault {}
