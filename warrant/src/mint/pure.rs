//! A signer in pure Rust, for tools and tests. The key is in the memory of this process.

use p256::ecdsa::signature::Signer as _;

use super::{Signer, SignerError};
use crate::key::{Algorithm, KeyError, PublicKey};

/// A private key. Its signatures are deterministic.
pub struct PureSigner {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl PureSigner {
    /// The key of 32 secret bytes. The caller must get them from a source of randomness; this crate has none.
    ///
    /// # Errors
    /// When they are not a key of the curve.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8; 32]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Es256 => {
                let secret = p256::ecdsa::SigningKey::from_slice(secret)
                    .map_err(|_| KeyError::new("not a private key of P-256: the number is 0 or too large"))?;
                let point = secret.verifying_key().to_sec1_point(false);
                let public = PublicKey::from_raw(algorithm, point.as_bytes().get(1..).unwrap_or_default())?;
                Ok(Self { secret: Secret::P256(Box::new(secret)), public })
            }
            Algorithm::Ed25519 => {
                let secret = ed25519_dalek::SigningKey::from_bytes(secret);
                let public = PublicKey::from_raw(algorithm, secret.verifying_key().as_bytes())?;
                Ok(Self { secret: Secret::Ed25519(Box::new(secret)), public })
            }
        }
    }
}

impl Signer for PureSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], SignerError> {
        match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.try_sign(signing_input).map_err(|error| SignerError(error.to_string()))?;
                Ok(signature.to_bytes().into())
            }
            Secret::Ed25519(key) => {
                let signature: ed25519_dalek::Signature =
                    key.try_sign(signing_input).map_err(|error| SignerError(error.to_string()))?;
                Ok(signature.to_bytes())
            }
        }
    }
}

impl std::fmt::Debug for PureSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PureSigner").field("public", &self.public).finish_non_exhaustive()
    }
}
