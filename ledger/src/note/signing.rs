//! Signs checkpoints with a log's key, and cosigns them with a witness's key.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::cosigned_message;
use super::{Checkpoint, SIGNATURE, SignedCheckpoint, VerifyingKey};

/// The log's private key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl SigningKey {
    /// The key with this 32-byte seed (the private key of RFC 8032, `d` of a JWK); `None` if the library refuses it.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, public })
    }

    /// The 32 public bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        // An Ed25519 signature always has 64 bytes. A shorter one would fail every verification.
        for (to, from) in signature.iter_mut().zip(self.pair.sign(text).as_ref()) {
            *to = *from;
        }
        signature
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl Checkpoint {
    /// Signs the checkpoint. The name of the key is the origin.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedCheckpoint {
        let text = self.text();
        let id = VerifyingKey::of_log(&self.origin, key.public()).map_or([0; 4], |named| named.id());
        let line = signature_line(&self.origin, id, &key.sign(text.as_bytes()));
        SignedCheckpoint { checkpoint: self, note: format!("{text}\n{line}"), cosigners: Vec::new() }
    }
}

/// The signature line of a witness for a checkpoint.
#[must_use]
pub fn cosign(checkpoint: &Checkpoint, time: u64, witness: &VerifyingKey, key: &SigningKey) -> String {
    let signature = key.sign(cosigned_message(time, &checkpoint.text()).as_bytes());
    let stamped: Vec<u8> = time.to_be_bytes().into_iter().chain(signature).collect();
    signature_line(witness.name(), witness.id(), &stamped)
}

fn signature_line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    let bytes: Vec<u8> = id.iter().chain(signature).copied().collect();
    format!("{SIGNATURE}{name} {}\n", STANDARD.encode(bytes))
}
