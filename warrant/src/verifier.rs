//! The trait of everything that verifies signatures: a library, or the proxy. This crate checks the ranges on which
//! they must all agree before it calls them, so that a chain never holds in one component and fails in another.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "pure")]
mod pure;

#[cfg(feature = "aws-lc")]
pub use aws_lc::AwsLcVerifier;
#[cfg(feature = "pure")]
pub use pure::PureVerifier;

use crate::{key::PublicKey, signature::Signature};

/// Arithmetic on the two curves. This crate has already checked the ranges of the keys and signatures that it passes.
/// An implementation must not add rules of its own.
pub trait Verifier {
    /// Whether the key's coordinates are a point of its curve.
    fn is_point(&self, key: &PublicKey) -> bool;

    /// Whether `key` made `signature` over `message`. For Ed25519, use the equation without cofactor.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;
}

/// Whether `key` made `signature` over `message`. The only function that decides it, whichever verifier is used.
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
