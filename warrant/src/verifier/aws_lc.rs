//! Verifies with aws-lc-rs. The server uses it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};

use super::{Verifier, is_ed25519_point};
use crate::{
    key::{Algorithm, PublicKey},
    signature::Signature,
};

/// Verifies with AWS-LC.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLcVerifier;

impl Verifier for AwsLcVerifier {
    fn is_point(&self, key: &PublicKey) -> bool {
        match key.alg() {
            Algorithm::Es256 => parsed(key).is_some(),
            // AWS-LC accepts any 32 bytes as an Ed25519 key, and only fails when it verifies.
            Algorithm::Ed25519 => is_ed25519_point(key),
        }
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        parsed(key).is_some_and(|key| key.verify_sig(message, signature.bytes()).is_ok())
    }
}

fn parsed(key: &PublicKey) -> Option<ParsedPublicKey> {
    match key.alg() {
        Algorithm::Es256 => {
            let mut sec1 = [4_u8; 65]; // 4: both coordinates follow
            for (to, from) in sec1.iter_mut().skip(1).zip(key.as_raw()) {
                *to = *from;
            }
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, sec1).ok()
        }
        Algorithm::Ed25519 => ParsedPublicKey::new(&ED25519, key.as_raw()).ok(),
    }
}
