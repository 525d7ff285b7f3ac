//! Named Ed25519 keys, and the one-line format of a verification key.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{TYPE_COSIGNATURE, TYPE_ED25519};

/// A verification key with the name that signature lines use: the key of a log or of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    kind: u8,
    key: [u8; 32],
}

impl VerifyingKey {
    /// A log's key. The name must not be empty, and must not have white space or a plus sign.
    pub fn of_log(name: &str, key: [u8; 32]) -> Result<Self, KeyFault> {
        Self::new(name, TYPE_ED25519, key)
    }

    /// A witness's key.
    pub fn of_witness(name: &str, key: [u8; 32]) -> Result<Self, KeyFault> {
        Self::new(name, TYPE_COSIGNATURE, key)
    }

    fn new(name: &str, kind: u8, key: [u8; 32]) -> Result<Self, KeyFault> {
        if name.is_empty() || name.contains('+') || name.chars().any(char::is_whitespace) {
            return Err(KeyFault::Name);
        }
        Ok(Self { name: name.to_owned(), kind, key })
    }

    /// The name; for a log, its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the key of a witness, which cosigns checkpoints.
    #[must_use]
    pub fn is_witness(&self) -> bool {
        self.kind == TYPE_COSIGNATURE
    }

    /// The four bytes that name this key in a signature line.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut sha = Sha256::new();
        sha.update(self.name.as_bytes());
        sha.update([b'\n', self.kind]);
        sha.update(self.key);
        let [a, b, c, d, ..]: [u8; 32] = sha.finalize().into();
        [a, b, c, d]
    }

    /// The one library that verifies, in the server and in a browser. It takes no key and no signature that another
    /// library could judge otherwise.
    pub(super) fn holds(&self, text: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
        ed25519_dalek::VerifyingKey::from_bytes(&self.key)
            .is_ok_and(|key| key.verify_strict(text, &signature).is_ok())
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let bytes: Vec<u8> = std::iter::once(self.kind).chain(self.key).collect();
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(bytes))
    }
}

/// Why a line is not a verification key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Not `name+id+base64`.
    Form,
    /// The name is empty, or has white space or a plus sign.
    Name,
    /// Neither the Ed25519 key of a log nor that of a witness.
    Kind,
    /// The id does not match the name and the key: a typing mistake, or a replaced key.
    Id,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a verification key: expected one line `name+id+base64`",
            Self::Name => "the name of the key is empty, or has white space or a plus sign",
            Self::Kind => "the key is neither an Ed25519 key of a log (type 1) nor of a witness (type 4)",
            Self::Id => "the id does not match the name and the key",
        })
    }
}

impl std::error::Error for KeyFault {}

impl FromStr for VerifyingKey {
    type Err = KeyFault;

    fn from_str(line: &str) -> Result<Self, KeyFault> {
        let mut parts = line.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyFault::Form);
        };
        let bytes = STANDARD.decode(key).map_err(|_| KeyFault::Form)?;
        let (kind, key) = bytes.split_first().ok_or(KeyFault::Form)?;
        if ![TYPE_ED25519, TYPE_COSIGNATURE].contains(kind) {
            return Err(KeyFault::Kind);
        }
        let parsed = Self::new(name, *kind, key.try_into().map_err(|_| KeyFault::Form)?)?;
        let written = format!("{:08x}", u32::from_be_bytes(parsed.id()));
        if written == id { Ok(parsed) } else { Err(KeyFault::Id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::SigningKey;

    #[test]
    fn a_key_is_read_back_from_its_line_and_never_from_a_changed_line() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        for made in
            [VerifyingKey::of_log("demo/log/0a", key.public()), VerifyingKey::of_witness("w", key.public())]
        {
            let made = made.unwrap();
            let line = made.to_string();
            assert_eq!(line.parse::<VerifyingKey>().unwrap(), made);
            assert_eq!(format!("{line}\n").parse::<VerifyingKey>().unwrap(), made);
            for at in 0..line.len() {
                let mut bytes = line.clone().into_bytes();
                bytes[at] ^= 1;
                let changed = String::from_utf8(bytes).unwrap().parse::<VerifyingKey>();
                assert_ne!(changed.as_ref(), Ok(&made), "byte {at}");
            }
        }
        assert_eq!(VerifyingKey::of_log("a b", [1; 32]), Err(KeyFault::Name));
        assert_eq!(VerifyingKey::of_log("a+b", [1; 32]), Err(KeyFault::Name));
        assert_eq!("a+00000000+AQ==".parse::<VerifyingKey>(), Err(KeyFault::Form));
    }
}
