//! Private keys for tests: those that `portcullis init` made, and others that no server trusts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use warrant::PublicKey;
use warrant::mint::{PureSigner, Signer, SignerError};

pub use warrant::Algorithm;

/// A private key.
#[derive(Clone, Debug)]
pub struct TestKey(Arc<PureSigner>);

impl TestKey {
    /// A key that no server trusts. The same number gives the same key, so that a failure can be reproduced.
    #[must_use]
    pub fn stranger(algorithm: Algorithm, number: u8) -> TestKey {
        TestKey::of(algorithm, &[number; 32])
    }

    /// Reads a private JWK.
    ///
    /// # Panics
    /// When the file holds no private key.
    #[must_use]
    pub fn read(file: &Path) -> TestKey {
        let text = fs::read(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let jwk: Value =
            serde_json::from_slice(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let algorithm = if jwk["crv"] == "Ed25519" { Algorithm::Ed25519 } else { Algorithm::Es256 };
        let secret =
            jwk["d"].as_str().and_then(|d| URL_SAFE_NO_PAD.decode(d).ok()).and_then(|d| d.try_into().ok());
        TestKey::of(
            algorithm,
            &secret.unwrap_or_else(|| panic!("{}: no private key of 32 bytes", file.display())),
        )
    }

    fn of(algorithm: Algorithm, secret: &[u8; 32]) -> TestKey {
        TestKey(Arc::new(PureSigner::from_secret(algorithm, secret).expect("a valid secret")))
    }
}

impl Signer for TestKey {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], SignerError> {
        self.0.sign(signing_input)
    }
}
