//! Who does the arithmetic of signatures inside the proxy: its own library for ES256, pure Rust for the rest.
//!
//! Envoy's BoringSSL answers in a fraction of the time that the same arithmetic takes in Wasm. May not know how the
//! host is called, nor what a signature is for.

use prost::Message;
use warrant::{Algorithm, PublicKey, PureVerifier, Signature, Verifier};

/// A host with arithmetic of its own.
pub trait HostCurves {
    /// Asks Envoy's foreign function `verify_signature`.
    fn verify_signature(&self, question: &VerifySignature) -> Answer;
}

/// What the host makes of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Good,
    /// It does not, or the host's answer cannot be understood.
    Bad,
    /// This host has no such function.
    NotOffered,
}

/// The question as Envoy's foreign function reads it.
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

    /// The bytes that go to the host.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

impl Answer {
    /// Reads the host's answer. The call itself succeeds for a bad signature too: only this field tells.
    pub(crate) fn read(answer: &[u8]) -> Self {
        match VerifySignatureResult::decode(answer) {
            Ok(VerifySignatureResult { result: true, .. }) => Self::Good,
            Ok(_) | Err(_) => Self::Bad,
        }
    }
}

/// Verifies ES256 by the host where it can, and everything else in pure Rust.
#[derive(Clone, Copy, Debug)]
pub struct HostVerifier<H>(pub H);

impl<H: HostCurves> Verifier for HostVerifier<H> {
    fn is_point(&self, key: &PublicKey) -> bool {
        PureVerifier.is_point(key)
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let by_host = match key.alg() {
            Algorithm::Es256 => self.0.verify_signature(&VerifySignature::es256(key, message, signature)),
            Algorithm::Ed25519 => Answer::NotOffered, // Envoy's function knows RSA and ECDSA
        };
        match by_host {
            Answer::Good => true,
            Answer::Bad => false,
            Answer::NotOffered => PureVerifier.verify(key, message, signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use warrant::mint::{PureSigner, Signer};

    use super::*;

    /// Answers as it was told, and keeps what it was asked.
    struct Host {
        answer: Answer,
        asked: RefCell<Vec<VerifySignature>>,
    }

    fn verifier(answer: Answer) -> HostVerifier<Host> {
        HostVerifier(Host { answer, asked: RefCell::default() })
    }

    impl HostCurves for Host {
        fn verify_signature(&self, question: &VerifySignature) -> Answer {
            self.asked.borrow_mut().push(question.clone());
            self.answer
        }
    }

    fn signed(algorithm: Algorithm, message: &[u8]) -> (PublicKey, Signature) {
        let signer = PureSigner::from_secret(algorithm, &[7; 32]).unwrap();
        (*signer.public_key(), Signature::new(signer.sign(message).unwrap()))
    }

    #[test]
    fn the_host_is_asked_in_its_own_notation_and_its_word_holds() {
        let (key, signature) = signed(Algorithm::Es256, b"text");
        for (answer, holds) in [(Answer::Good, true), (Answer::Bad, false)] {
            let verifier = verifier(answer);
            assert_eq!(verifier.verify(&key, b"text", &signature), holds);
            let question =
                VerifySignature::decode(verifier.0.asked.borrow()[0].encoded().as_slice()).unwrap();
            assert_eq!(question.hash_function, "sha256");
            assert_eq!(question.text, b"text");
            assert_eq!(question.public_key, key.spki_der());
            assert_eq!(question.signature, signature.to_der());
        }
    }

    #[test]
    fn where_the_host_has_no_curves_ours_answer() {
        let (key, signature) = signed(Algorithm::Es256, b"text");
        let verifier = verifier(Answer::NotOffered);
        assert!(verifier.verify(&key, b"text", &signature));
        assert!(!verifier.verify(&key, b"texu", &signature));
        assert_eq!(verifier.0.asked.borrow().len(), 2);
    }

    #[test]
    fn ed25519_is_never_the_hosts_business() {
        let (key, signature) = signed(Algorithm::Ed25519, b"text");
        let verifier = verifier(Answer::Good);
        assert!(verifier.verify(&key, b"text", &signature));
        assert!(!verifier.verify(&key, b"texu", &signature));
        assert!(verifier.0.asked.borrow().is_empty());
    }

    #[test]
    fn only_a_true_result_is_good() {
        let answer =
            |result, error: &str| VerifySignatureResult { result, error: error.to_owned() }.encode_to_vec();
        assert_eq!(Answer::read(&answer(true, "")), Answer::Good);
        assert_eq!(Answer::read(&answer(false, "")), Answer::Bad);
        assert_eq!(Answer::read(&answer(false, "Failed to verify")), Answer::Bad);
        for garbage in [&b""[..], b"\x08", b"\xff\xff", b"OK"] {
            assert_eq!(Answer::read(garbage), Answer::Bad, "{}", garbage.escape_ascii());
        }
    }
}
