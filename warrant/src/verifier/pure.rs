//! Verifies in pure Rust, with p256 and ed25519-dalek. The gate uses it.

use p256::ecdsa::signature::Verifier as _;

use super::{Verifier, is_ed25519_point};
use crate::{
    key::{Algorithm, PublicKey},
    signature::Signature,
};

/// Verifies on every target of Rust. P-256 is several times slower than in a library with assembly.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureVerifier;

impl Verifier for PureVerifier {
    fn is_point(&self, key: &PublicKey) -> bool {
        match key.alg() {
            Algorithm::Es256 => p256_key(key).is_some(),
            Algorithm::Ed25519 => is_ed25519_point(key),
        }
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        match key.alg() {
            Algorithm::Es256 => p256_key(key).is_some_and(|key| {
                p256::ecdsa::Signature::from_slice(signature.bytes())
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }),
            Algorithm::Ed25519 => super::ed25519_key(key).is_some_and(|key| {
                let signature = ed25519_dalek::Signature::from_bytes(signature.bytes());
                key.verify_strict(message, &signature).is_ok()
            }),
        }
    }
}

fn p256_key(key: &PublicKey) -> Option<p256::ecdsa::VerifyingKey> {
    let mut sec1 = [4_u8; 65]; // 4: both coordinates follow
    for (to, from) in sec1.iter_mut().skip(1).zip(key.as_raw()) {
        *to = *from;
    }
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).ok()
}
