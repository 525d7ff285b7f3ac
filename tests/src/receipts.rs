//! Receipts as a server signs them, for tests of those who verify them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use warrant::mint::Signer;

use crate::keys::TestKey;

/// The header of a receipt by the key of this name.
#[must_use]
pub fn header(kid: &str) -> Value {
    json!({"alg": "ES256", "typ": "decision-receipt+jwt", "kid": kid})
}

/// The claims of a receipt for `POST pay.shop/v1/payments/a-7?dry=1` that was made at this time.
#[must_use]
pub fn claims(at: u64, body: Option<&[u8]>) -> Value {
    let mut claims = json!({
        "iss": "log.shop/1", "dec": "01JD", "iat": at, "exp": at + 30, "aud": "pay.shop", "htm": "POST",
        "htu": "pay.shop/v1/payments/a-7?dry=1", "chain": [], "bundle": format!("sha256:{}", "1".repeat(64)),
        "ledger": {"origin": "log.shop/1", "index": 41},
    });
    if let Some(body) = body {
        claims["bd"] = URL_SAFE_NO_PAD.encode(Sha256::digest(body)).into();
    }
    claims
}

/// A receipt with these parts.
///
/// # Panics
/// When the key cannot sign.
#[must_use]
pub fn sign(header: &Value, claims: &Value, key: &TestKey) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    let signature = key.sign(input.as_bytes()).unwrap_or_else(|why| panic!("{input}: {why:?}"));
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
