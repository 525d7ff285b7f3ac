//! Who does the arithmetic: a library here, or the host. What all of them must agree on is settled before they are
//! asked, so that a chain never holds in one room and fails in another.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "pure")]
mod pure;

#[cfg(feature = "aws-lc")]
pub use aws_lc::AwsLcVerifier;
#[cfg(feature = "pure")]
pub use pure::PureVerifier;

use crate::{key::PublicKey, signature::Signature};

/// Arithmetic on the two curves. An implementation answers for keys and signatures whose ranges this crate has
/// checked, and has no opinion of its own on anything else.
pub trait Verifier {
    /// Whether the key's coordinates are a point of its curve.
    fn is_point(&self, key: &PublicKey) -> bool;

    /// Whether `signature` over `message` is by `key`; Ed25519 by the equation without cofactor.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;
}

/// The one predicate for a signature, whoever does the arithmetic.
pub fn is_signed_by(verifier: &dyn Verifier, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    signature.is_in_range(key.alg()) && verifier.verify(key, message, signature)
}

#[cfg(any(feature = "aws-lc", feature = "pure"))]
fn ed25519_key(key: &PublicKey) -> Option<ed25519_dalek::VerifyingKey> {
    ed25519_dalek::VerifyingKey::from_bytes(key.as_raw().try_into().ok()?).ok()
}

#[cfg(any(feature = "aws-lc", feature = "pure"))]
fn is_ed25519_point(key: &PublicKey) -> bool {
    ed25519_key(key).is_some()
}
