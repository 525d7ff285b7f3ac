//! DSSE envelopes: bytes with their type, signed together.
//!
//! The encoding that is signed is a few lines, so we write it here: the crate for it is still very young.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use warrant::mint::{Signer, SignerError};
use warrant::{PublicKey, Signature, Verifier};

/// The envelope, as it is written in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    keyid: String,
    sig: String,
}

/// The bytes that are signed: kind and payload, each with its length, so that one can never be read as the
/// other.
fn signing_input(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// The name of a key in an envelope.
fn key_id(key: &PublicKey) -> String {
    key.thumbprint().to_string()
}

impl Envelope {
    /// Signs a payload with each of these keys.
    pub(crate) fn sign(kind: &str, payload: &[u8], signers: &[&dyn Signer]) -> Result<Self, SignerError> {
        let input = signing_input(kind, payload);
        let one = |signer: &&dyn Signer| {
            let sig = STANDARD.encode(signer.sign(&input)?);
            Ok(EnvelopeSignature { keyid: key_id(signer.public_key()), sig })
        };
        let signatures = signers.iter().map(one).collect::<Result<_, _>>()?;
        Ok(Self { payload: STANDARD.encode(payload), payload_type: kind.to_owned(), signatures })
    }

    /// Reads an envelope of this kind; returns it with its payload.
    pub(crate) fn read(bytes: &[u8], kind: &str) -> Result<(Self, Vec<u8>), String> {
        let envelope: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("it is not a DSSE envelope: {error}"))?;
        if envelope.payload_type != kind {
            return Err(format!("expected an envelope of `{kind}`, found `{}`", envelope.payload_type));
        }
        let payload = STANDARD
            .decode(&envelope.payload)
            .map_err(|error| format!("its payload is not base64: {error}"))?;
        Ok((envelope, payload))
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Which of these keys have signed it; a key counts once, however often its signature occurs.
    pub(crate) fn good_keys<'a>(
        &self,
        keys: &'a [PublicKey],
        payload: &[u8],
        verifier: &dyn Verifier,
    ) -> BTreeSet<&'a PublicKey> {
        let input = signing_input(&self.payload_type, payload);
        let is_good =
            |key: &&PublicKey| self.signatures.iter().any(|signed| signed.is_by(key, &input, verifier));
        keys.iter().filter(is_good).collect()
    }

    /// The names of all other keys in it: their signatures are ignored, but messages list them.
    pub(crate) fn unknown_keys(&self, keys: &[PublicKey]) -> Vec<String> {
        let known: BTreeSet<_> = keys.iter().map(key_id).collect();
        self.signatures.iter().map(|signed| signed.keyid.clone()).filter(|id| !known.contains(id)).collect()
    }
}

impl EnvelopeSignature {
    fn is_by(&self, key: &PublicKey, input: &[u8], verifier: &dyn Verifier) -> bool {
        let bytes = STANDARD.decode(&self.sig).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        // The name only helps to find the key; only the signature proves anything.
        self.keyid == key_id(key)
            && bytes.is_some_and(|bytes| {
                warrant::verifier::is_signed_by(verifier, key, input, &Signature::new(bytes))
            })
    }
}

/// An envelope with its payload changed and signed again: what a thief of these keys could make.
#[cfg(test)]
pub(crate) fn resigned(
    envelope: &[u8],
    change: impl FnOnce(String) -> String,
    signers: &[&dyn Signer],
) -> Vec<u8> {
    let envelope: Envelope = serde_json::from_slice(envelope).unwrap();
    let payload = change(String::from_utf8(STANDARD.decode(&envelope.payload).unwrap()).unwrap());
    Envelope::sign(&envelope.payload_type, payload.as_bytes(), signers).unwrap().to_json()
}

#[cfg(test)]
mod tests {
    use super::signing_input;

    #[test]
    fn the_signing_input_is_that_of_the_specification() {
        let input = signing_input("http://example.com/HelloWorld", b"hello world");
        assert_eq!(input, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
