//! DSSE: an envelope around bytes, signed together with what kind of bytes they are.
//!
//! The encoding that is signed is five lines; the crate for it is younger than the specification is short.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use warrant::{PublicKey, Signature, Verifier};

/// As it stands in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    keyid: String,
    sig: String,
}

/// What is signed: kind and payload, each with its length, so that neither can pass for the other.
pub(crate) fn signing_input(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// How a key is named in an envelope.
pub(crate) fn key_id(key: &PublicKey) -> String {
    key.thumbprint().to_string()
}

impl Envelope {
    pub(crate) fn new(
        kind: &str,
        payload: &[u8],
        signatures: impl IntoIterator<Item = (PublicKey, [u8; 64])>,
    ) -> Self {
        let signatures = signatures
            .into_iter()
            .map(|(key, signature)| Signed { keyid: key_id(&key), sig: STANDARD.encode(signature) })
            .collect();
        Self { payload: STANDARD.encode(payload), payload_type: kind.to_owned(), signatures }
    }

    /// Reads an envelope of this kind; gives it with its payload.
    pub(crate) fn read(bytes: &[u8], kind: &str) -> Result<(Self, Vec<u8>), String> {
        let envelope: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("no DSSE envelope: {error}"))?;
        if envelope.payload_type != kind {
            return Err(format!("an envelope of `{}` where `{kind}` is wanted", envelope.payload_type));
        }
        let payload = STANDARD
            .decode(&envelope.payload)
            .map_err(|error| format!("a payload that is no base64: {error}"))?;
        Ok((envelope, payload))
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Which of these keys have signed it, each once however often it stands there.
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

    /// The names of keys that are none of these: ignored, and listed.
    pub(crate) fn strangers(&self, keys: &[PublicKey]) -> Vec<String> {
        let known: BTreeSet<_> = keys.iter().map(key_id).collect();
        self.signatures.iter().map(|signed| signed.keyid.clone()).filter(|id| !known.contains(id)).collect()
    }
}

impl Signed {
    fn is_by(&self, key: &PublicKey, input: &[u8], verifier: &dyn Verifier) -> bool {
        let bytes = STANDARD.decode(&self.sig).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        // The name only finds the key; the signature is what counts.
        self.keyid == key_id(key)
            && bytes.is_some_and(|bytes| {
                warrant::verifier::is_signed_by(verifier, key, input, &Signature::new(bytes))
            })
    }
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
