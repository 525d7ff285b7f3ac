//! A private key in memory: generated or read from its JWK. It signs with `jsonwebtoken`.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde::{Deserialize, Serialize};
use warrant::mint::{Signer, SignerError};
use warrant::{Algorithm, PublicKey};

/// A key that signs, wherever it is.
pub type AnySigner = Arc<dyn Signer + Send + Sync>;

/// Finds a key by its name.
pub type FindKey = Box<dyn Fn(&str) -> Option<AnySigner> + Send + Sync>;

/// A key that signs. It has exactly one algorithm, and a name (`kid`) if others must find it by name.
pub struct PrivateKey {
    public: PublicKey,
    kid: Option<String>,
    secret: [u8; 32],
    signing: EncodingKey,
}

/// The JWK in a key file (RFC 7517, RFC 8037). Unknown members are refused, so that a misspelt one is noticed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivateJwk {
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    kty: String,
    crv: String,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    d: String,
    alg: String,
}

impl PrivateKey {
    pub fn generate(algorithm: Algorithm, kid: Option<&str>) -> Result<PrivateKey, String> {
        let refused = |_| "the system's random source failed".to_owned();
        let kid = kid.map(str::to_owned);
        match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(refused)?;
                let secret: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().map_err(refused)?;
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                PrivateKey::from_parts(algorithm, point, secret.as_ref(), kid)
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(refused)?;
                let seed = pair.seed().map_err(refused)?;
                let secret: aws_lc_rs::encoding::Curve25519SeedBin<'_> =
                    seed.as_be_bytes().map_err(refused)?;
                PrivateKey::from_parts(algorithm, pair.public_key().as_ref(), secret.as_ref(), kid)
            }
        }
    }

    /// Reads the JSON of a key file. The error says what is wrong and never quotes the text, because it is secret.
    pub fn from_jwk(json: &[u8]) -> Result<PrivateKey, String> {
        let jwk: PrivateJwk = serde_json::from_slice(json)
            .map_err(|e| format!("is not a private JWK (line {}, column {})", e.line(), e.column()))?;
        let algorithm = match (jwk.kty.as_str(), jwk.crv.as_str(), jwk.alg.as_str()) {
            ("EC", "P-256", "ES256") => Algorithm::Es256,
            ("OKP", "Ed25519", "Ed25519" | "EdDSA") => Algorithm::Ed25519,
            (kty, crv, alg) => {
                return Err(format!(
                    "kty {kty:?}, crv {crv:?}, alg {alg:?} is neither ES256 on P-256 nor Ed25519"
                ));
            }
        };
        let part = |name: &str, text: &str| {
            URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its {name:?} is not base64url without padding"))
        };
        let mut public = part("x", &jwk.x)?;
        if let Some(y) = &jwk.y {
            public.extend(part("y", y)?);
        }
        PrivateKey::from_parts(algorithm, &public, &part("d", &jwk.d)?, jwk.kid)
    }

    pub fn to_jwk(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let raw = self.public.as_raw();
        let (kty, crv, alg, x, y) = match self.public.alg() {
            Algorithm::Es256 => {
                let (x, y) = raw.split_at_checked(32).unwrap_or((raw, &[]));
                ("EC", "P-256", "ES256", encode(x), Some(encode(y)))
            }
            Algorithm::Ed25519 => ("OKP", "Ed25519", "Ed25519", encode(raw), None),
        };
        let jwk = PrivateJwk {
            kid: self.kid.clone(),
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x,
            y,
            d: encode(&self.secret),
            alg: alg.to_owned(),
        };
        // A struct of strings always serialises.
        serde_json::to_string(&jwk).unwrap_or_default()
    }

    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The 32 secret bytes, for the crate that signs checkpoints itself (`ledger`).
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The library checks that both halves belong together. So a file whose `d` is another key's is refused here, and
    /// not at the first signature that cannot be verified.
    fn from_parts(
        algorithm: Algorithm,
        public: &[u8],
        secret: &[u8],
        kid: Option<String>,
    ) -> Result<PrivateKey, String> {
        let mismatched = |_| "its private part does not belong to its public part".to_owned();
        let secret: [u8; 32] = secret.try_into().map_err(|_| "its \"d\" is not 32 bytes".to_owned())?;
        let signing = match algorithm {
            Algorithm::Es256 => {
                let point = [&[4], public].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &secret,
                    &point,
                )
                .map_err(mismatched)?;
                EncodingKey::from_ec_der(
                    pair.to_pkcs8v1().map_err(|_| "it cannot be encoded".to_owned())?.as_ref(),
                )
            }
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&secret, public).map_err(mismatched)?;
                EncodingKey::from_ed_der(
                    pair.to_pkcs8v1().map_err(|_| "it cannot be encoded".to_owned())?.as_ref(),
                )
            }
        };
        let public = PublicKey::from_raw(algorithm, public).map_err(|fault| fault.to_string())?;
        Ok(PrivateKey { public, kid, secret, signing })
    }
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// `jsonwebtoken` signs our own signing input. It does not know the name `Ed25519`, so its header is never used.
    fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], SignerError> {
        let refused = |e: &dyn std::fmt::Display| SignerError(e.to_string());
        let algorithm = match self.public.alg() {
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::Ed25519 => jsonwebtoken::Algorithm::EdDSA,
        };
        let encoded =
            jsonwebtoken::crypto::sign(signing_input, &self.signing, algorithm).map_err(|e| refused(&e))?;
        let raw = URL_SAFE_NO_PAD.decode(encoded).map_err(|e| refused(&e))?;
        raw.try_into().map_err(|_| SignerError("the signature is not 64 bytes long".to_owned()))
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.public)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warrant::{AwsLcVerifier, Signature, Verifier};

    #[test]
    fn a_key_survives_its_file_and_its_signatures_are_valid() {
        for algorithm in [Algorithm::Es256, Algorithm::Ed25519] {
            let made = PrivateKey::generate(algorithm, Some("a1")).unwrap();
            let read = PrivateKey::from_jwk(made.to_jwk().as_bytes()).unwrap();
            assert_eq!((read.kid(), read.public_key()), (Some("a1"), made.public_key()));
            let signature = Signature::new(read.sign(b"what is signed").unwrap());
            assert!(AwsLcVerifier.verify(made.public_key(), b"what is signed", &signature));
            assert!(!AwsLcVerifier.verify(made.public_key(), b"what is not", &signature));
        }
    }

    #[test]
    fn halves_of_two_keys_are_refused() {
        for algorithm in [Algorithm::Es256, Algorithm::Ed25519] {
            let one = PrivateKey::generate(algorithm, None).unwrap();
            let other = PrivateKey::generate(algorithm, None).unwrap();
            let refused =
                PrivateKey::from_parts(algorithm, one.public.as_raw(), &other.secret, None).unwrap_err();
            assert!(refused.contains("does not belong"), "{refused}");
        }
    }

    #[test]
    fn the_error_for_a_bad_file_does_not_show_its_secret() {
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"AA","d":"c2VjcmV0","alg":"Ed25519"}"#;
        let said = PrivateKey::from_jwk(jwk.as_bytes()).unwrap_err();
        assert!(!said.contains("c2VjcmV0"), "{said}");
        let shown = format!("{:?}", PrivateKey::generate(Algorithm::Ed25519, None).unwrap());
        assert!(shown.contains("..") && !shown.contains("secret"), "{shown}");
    }
}
