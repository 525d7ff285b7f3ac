//! Public keys from files: what others give us. A private key file of our own stands for its public half.

use std::path::Path;

use serde_json::{Map, Value as Json};
use warrant::PublicKey;
use warrant::mint::Signer;

use super::file::{KeyFileError, read};

/// A public key, and the name under which it is looked up: its own `kid`, or without one its thumbprint.
#[derive(Clone, Debug)]
pub struct NamedKey {
    pub kid: String,
    pub key: PublicKey,
}

/// Reads a JWK, or all keys of a JWK set.
pub fn read_public(path: &Path) -> Result<Vec<NamedKey>, KeyFileError> {
    let fault = |what: String| KeyFileError::new(path, what);
    let text = std::fs::read(path).map_err(|e| fault(format!("cannot be read: {e}")))?;
    let not_json = |e: serde_json::Error| {
        fault(format!("is no JWK and no JWK set (line {}, column {})", e.line(), e.column()))
    };
    let mut jwk: Map<String, Json> = serde_json::from_slice(&text).map_err(not_json)?;
    if jwk.contains_key("d") {
        let own = read(path)?;
        let key = *own.public_key();
        return Ok(vec![NamedKey { kid: name(own.kid().map(str::to_owned), &key), key }]);
    }
    let keys = match jwk.remove("keys") {
        None => vec![Json::Object(jwk)],
        Some(Json::Array(keys)) if !keys.is_empty() => keys,
        Some(_) => return Err(fault("its `keys` is no list of JWKs".to_owned())),
    };
    keys.into_iter().map(|key| public(key).map_err(fault)).collect()
}

/// The one key of a file that must hold no more.
pub fn read_one_public(path: &Path) -> Result<PublicKey, KeyFileError> {
    match read_public(path)?.as_slice() {
        [one] => Ok(one.key),
        several => Err(KeyFileError::new(path, format!("holds {} keys, and one is wanted", several.len()))),
    }
}

/// Other tools write more members than a warrant may, and leave `alg` out; what stays must be a key that the law accepts.
fn public(jwk: Json) -> Result<NamedKey, String> {
    let Json::Object(mut jwk) = jwk else { return Err("holds something else than a JWK".to_owned()) };
    if jwk.contains_key("d") {
        return Err(
            "is a set with a private key in it: give its public half (portcullis key jwks)".to_owned()
        );
    }
    let kid = match jwk.remove("kid") {
        None => None,
        Some(Json::String(kid)) => Some(kid),
        Some(_) => return Err("has a `kid` that is no text".to_owned()),
    };
    for told_elsewhere in ["use", "key_ops"] {
        jwk.remove(told_elsewhere);
    }
    let alg = if jwk.get("crv").and_then(Json::as_str) == Some("Ed25519") { "Ed25519" } else { "ES256" };
    jwk.entry("alg").or_insert_with(|| alg.into());
    let key = PublicKey::from_jwk(Json::Object(jwk).to_string().as_bytes())
        .map_err(|fault| format!("holds no key that could be in a warrant: {fault}"))?;
    Ok(NamedKey { kid: name(kid, &key), key })
}

fn name(kid: Option<String>, key: &PublicKey) -> String {
    kid.unwrap_or_else(|| key.thumbprint().to_string())
}
