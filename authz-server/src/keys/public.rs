//! Public keys from files that others give us. From a private key file of our own, the public half is read.

use std::path::Path;

use serde_json::{Map, Value as Json, json};
use warrant::PublicKey;
use warrant::mint::Signer;

use super::file::{KeyFileError, read};

/// A public key and the name under which it is found: its `kid`, or its thumbprint if it has no `kid`.
#[derive(Clone, Debug)]
pub struct NamedKey {
    pub kid: String,
    pub key: PublicKey,
}

impl NamedKey {
    /// As it is published: with its name and its use.
    #[must_use]
    pub fn to_jwk(&self) -> Json {
        // A public key always is a JSON object.
        let mut jwk: Json = serde_json::from_str(&self.key.to_jwk_json()).unwrap_or_default();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.kid.as_str().into());
            members.insert("use".to_owned(), "sig".into());
        }
        jwk
    }
}

/// A public key as mesh.yaml lists it: its name comes first, for those who read the page.
#[must_use]
pub fn listed_jwk(kid: &str, key: &PublicKey) -> String {
    key.to_jwk_json().replacen('{', &format!("{{\"kid\":\"{kid}\","), 1)
}

/// A JWK set of these keys.
#[must_use]
pub fn jwks(keys: impl IntoIterator<Item = NamedKey>) -> String {
    json!({"keys": keys.into_iter().map(|named| named.to_jwk()).collect::<Vec<_>>()}).to_string()
}

/// Reads a JWK, or all keys of a JWK set.
pub fn read_public(path: &Path) -> Result<Vec<NamedKey>, KeyFileError> {
    let fault = |what: String| KeyFileError::new(path, what);
    let text = std::fs::read(path).map_err(|e| fault(format!("cannot be read: {e}")))?;
    let jwk = members(&text).map_err(fault)?;
    if jwk.contains_key("d") {
        let own = read(path)?;
        let key = *own.public_key();
        return Ok(vec![NamedKey { kid: name(own.kid().map(str::to_owned), &key), key }]);
    }
    public_keys(jwk).map_err(fault)
}

/// Reads a public JWK, or all keys of a JWK set, that did not come from a file.
pub fn parse_public(text: &[u8]) -> Result<Vec<NamedKey>, String> {
    public_keys(members(text)?)
}

fn members(text: &[u8]) -> Result<Map<String, Json>, String> {
    serde_json::from_slice(text)
        .map_err(|e| format!("is neither a JWK nor a JWK set (line {}, column {})", e.line(), e.column()))
}

fn public_keys(mut jwk: Map<String, Json>) -> Result<Vec<NamedKey>, String> {
    let keys = match jwk.remove("keys") {
        None => vec![Json::Object(jwk)],
        Some(Json::Array(keys)) if !keys.is_empty() => keys,
        Some(_) => return Err("its `keys` is not a list of JWKs".to_owned()),
    };
    keys.into_iter().map(public).collect()
}

/// Reads a file that must hold exactly one key.
pub fn read_one_public(path: &Path) -> Result<NamedKey, KeyFileError> {
    let mut keys = read_public(path)?;
    match (keys.pop(), keys.len()) {
        (Some(one), 0) => Ok(one),
        (last, others) => {
            let count = others.saturating_add(usize::from(last.is_some()));
            Err(KeyFileError::new(path, format!("holds {count} keys, but exactly one is expected")))
        }
    }
}

/// Reads one JWK. Other tools write more members than a warrant may have, and leave `alg` out. The rest must be a key
/// that `warrant` accepts.
fn public(jwk: Json) -> Result<NamedKey, String> {
    let Json::Object(mut jwk) = jwk else { return Err("holds something that is not a JWK".to_owned()) };
    if jwk.contains_key("d") {
        return Err(
            "is a set that contains a private key: use its public half (portcullis key jwks)".to_owned()
        );
    }
    let kid = match jwk.remove("kid") {
        None => None,
        Some(Json::String(kid)) => Some(kid),
        Some(_) => return Err("has a `kid` that is not a string".to_owned()),
    };
    for unused in ["use", "key_ops"] {
        jwk.remove(unused);
    }
    let alg = if jwk.get("crv").and_then(Json::as_str) == Some("Ed25519") { "Ed25519" } else { "ES256" };
    jwk.entry("alg").or_insert_with(|| alg.into());
    let key = PublicKey::from_jwk(Json::Object(jwk).to_string().as_bytes())
        .map_err(|fault| format!("holds a key that a warrant cannot contain: {fault}"))?;
    Ok(NamedKey { kid: name(kid, &key), key })
}

fn name(kid: Option<String>, key: &PublicKey) -> String {
    kid.unwrap_or_else(|| key.thumbprint().to_string())
}
