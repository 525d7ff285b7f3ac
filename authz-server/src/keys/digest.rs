//! The key for digests of queries and bodies in the record. A plain digest of a short value is guessed in a second. A
//! keyed digest is not, and the holder of the key can still compare values.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// HMAC-SHA-256 under a key made at `init`.
pub struct DigestKey {
    secret: [u8; 32],
    key: hmac::Key,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretJwk {
    kty: String,
    alg: String,
    k: String,
}

impl DigestKey {
    pub fn generate() -> Result<DigestKey, String> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| "the system's random source failed".to_owned())?;
        Ok(DigestKey::from_secret(secret))
    }

    pub fn from_jwk(json: &[u8]) -> Result<DigestKey, String> {
        let wrong = || "is not a JWK of kty oct and alg HS256 with 32 bytes".to_owned();
        let jwk: SecretJwk = serde_json::from_slice(json).map_err(|_| wrong())?;
        let secret = URL_SAFE_NO_PAD.decode(&jwk.k).ok().and_then(|bytes| bytes.try_into().ok());
        let named = jwk.kty == "oct" && jwk.alg == "HS256";
        secret.filter(|_| named).map(DigestKey::from_secret).ok_or_else(wrong)
    }

    pub fn to_jwk(&self) -> String {
        let jwk =
            SecretJwk { kty: "oct".into(), alg: "HS256".into(), k: URL_SAFE_NO_PAD.encode(self.secret) };
        // A struct of strings always serialises.
        serde_json::to_string(&jwk).unwrap_or_default()
    }

    pub fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        // HMAC-SHA-256 has 32 bytes.
        hmac::sign(&self.key, bytes).as_ref().try_into().unwrap_or_default()
    }

    /// Derives a key for another purpose, as HKDF extracts one: the purpose is the HMAC key, and our secret is the
    /// message. The other way round would not be safe: it would be an HMAC with this key, and a client gets one of any body
    /// that it sends.
    pub fn derived(&self, purpose: &[u8]) -> hmac::Key {
        let extracted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, purpose), &self.secret);
        hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref())
    }

    fn from_secret(secret: [u8; 32]) -> DigestKey {
        DigestKey { key: hmac::Key::new(hmac::HMAC_SHA256, &secret), secret }
    }
}

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_two_keys_differ() {
        let key = DigestKey::generate().unwrap();
        let same = DigestKey::from_jwk(key.to_jwk().as_bytes()).unwrap();
        assert_eq!(key.digest(b"amount=7"), same.digest(b"amount=7"));
        assert_ne!(key.digest(b"amount=7"), DigestKey::generate().unwrap().digest(b"amount=7"));
        assert!(DigestKey::from_jwk(br#"{"kty":"oct","alg":"HS256","k":"AA"}"#).is_err());
    }
}
