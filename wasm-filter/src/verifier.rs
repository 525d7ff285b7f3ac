//! Verifies signatures inside the proxy: ES256 with the proxy's own library, everything else in pure Rust.
//!
//! Envoy's BoringSSL needs a fraction of the time that the same arithmetic takes in Wasm. This module does not know how
//! the proxy is called, or what a signature is for.

use prost::Message;
use warrant::{Algorithm, PublicKey, PureVerifier, Signature, Verifier};

/// A host that can verify signatures itself.
pub trait HostCurves {
    /// Calls Envoy's foreign function `verify_signature`.
    fn verify_signature(&self, call: &VerifySignature) -> HostAnswer;
}

/// The host's answer about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAnswer {
    /// The signature holds.
    Good,
    /// It does not hold, or the host's answer cannot be read.
    Bad,
    /// The host does not have this function.
    NotOffered,
}

/// The argument of Envoy's foreign function.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct VerifySignature {
    /// The name of the hash.
    #[prost(string, tag = "1")]
    pub hash_function: String,
    /// SubjectPublicKeyInfo in DER.
    #[prost(bytes = "vec", tag = "2")]
    pub public_key: Vec<u8>,
    /// ECDSA-Sig-Value in DER.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
    /// What was signed.
    #[prost(bytes = "vec", tag = "4")]
    pub text: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct VerifySignatureResult {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

impl VerifySignature {
    fn es256(key: &PublicKey, message: &[u8], signature: &Signature) -> Self {
        Self {
            hash_function: "sha256".to_owned(),
            public_key: key.spki_der(),
            signature: signature.to_der(),
            text: message.to_vec(),
        }
    }

    /// The bytes for the host.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

impl HostAnswer {
    /// Reads the host's answer. The call succeeds for a bad signature too, so only the field `result` counts.
    pub(crate) fn read(answer: &[u8]) -> Self {
        match VerifySignatureResult::decode(answer) {
            Ok(VerifySignatureResult { result: true, .. }) => Self::Good,
            Ok(_) | Err(_) => Self::Bad,
        }
    }
}

/// Verifies ES256 by the host if it can, and everything else in pure Rust.
#[derive(Clone, Copy, Debug)]
pub struct HostVerifier<H>(pub H);

impl<H: HostCurves> Verifier for HostVerifier<H> {
    fn is_point(&self, key: &PublicKey) -> bool {
        PureVerifier.is_point(key)
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let by_host = match key.alg() {
            Algorithm::Es256 => self.0.verify_signature(&VerifySignature::es256(key, message, signature)),
            Algorithm::Ed25519 => HostAnswer::NotOffered, // Envoy's function only has RSA and ECDSA
        };
        match by_host {
            HostAnswer::Good => true,
            HostAnswer::Bad => false,
            HostAnswer::NotOffered => PureVerifier.verify(key, message, signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use warrant::mint::{PureSigner, Signer};

    use super::*;

    /// Gives a fixed answer, and keeps the calls.
    struct FakeHost {
        answer: HostAnswer,
        calls: RefCell<Vec<VerifySignature>>,
    }

    fn verifier(answer: HostAnswer) -> HostVerifier<FakeHost> {
        HostVerifier(FakeHost { answer, calls: RefCell::default() })
    }

    impl HostCurves for FakeHost {
        fn verify_signature(&self, call: &VerifySignature) -> HostAnswer {
            self.calls.borrow_mut().push(call.clone());
            self.answer
        }
    }

    fn signed(algorithm: Algorithm, message: &[u8]) -> (PublicKey, Signature) {
        let signer = PureSigner::from_secret(algorithm, &[7; 32]).unwrap();
        (*signer.public_key(), Signature::new(signer.sign(message).unwrap()))
    }

    #[test]
    fn the_host_gets_es256_in_its_own_encoding_and_its_answer_counts() {
        let (key, signature) = signed(Algorithm::Es256, b"text");
        for (answer, holds) in [(HostAnswer::Good, true), (HostAnswer::Bad, false)] {
            let verifier = verifier(answer);
            assert_eq!(verifier.verify(&key, b"text", &signature), holds);
            let call = VerifySignature::decode(verifier.0.calls.borrow()[0].encoded().as_slice()).unwrap();
            assert_eq!(call.hash_function, "sha256");
            assert_eq!(call.text, b"text");
            assert_eq!(call.public_key, key.spki_der());
            assert_eq!(call.signature, signature.to_der());
        }
    }

    #[test]
    fn es256_is_verified_in_rust_where_the_host_does_not_offer_it() {
        let (key, signature) = signed(Algorithm::Es256, b"text");
        let verifier = verifier(HostAnswer::NotOffered);
        assert!(verifier.verify(&key, b"text", &signature));
        assert!(!verifier.verify(&key, b"texu", &signature));
        assert_eq!(verifier.0.calls.borrow().len(), 2);
    }

    #[test]
    fn ed25519_is_never_sent_to_the_host() {
        let (key, signature) = signed(Algorithm::Ed25519, b"text");
        let verifier = verifier(HostAnswer::Good);
        assert!(verifier.verify(&key, b"text", &signature));
        assert!(!verifier.verify(&key, b"texu", &signature));
        assert!(verifier.0.calls.borrow().is_empty());
    }

    #[test]
    fn only_a_result_of_true_is_good() {
        let answer =
            |result, error: &str| VerifySignatureResult { result, error: error.to_owned() }.encode_to_vec();
        assert_eq!(HostAnswer::read(&answer(true, "")), HostAnswer::Good);
        assert_eq!(HostAnswer::read(&answer(false, "")), HostAnswer::Bad);
        assert_eq!(HostAnswer::read(&answer(false, "Failed to verify")), HostAnswer::Bad);
        for garbage in [&b""[..], b"\x08", b"\xff\xff", b"OK"] {
            assert_eq!(HostAnswer::read(garbage), HostAnswer::Bad, "{}", garbage.escape_ascii());
        }
    }
}
