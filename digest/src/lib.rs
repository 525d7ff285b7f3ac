//! SHA-256 digests of content, and the two forms in which they are written.
//!
//! A crate of its own, because warrants, policies and the ledger all name content by digest, and the ledger may not know
//! the crate `warrant`. One type serves all three. It knows nothing of what the bytes mean.

pub mod hex;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, plain or keyed.
///
/// It is shown as `sha256:` and 64 hexadecimal digits, the form of bundles, measurements and ledger entries. Warrants and
/// proofs write the shorter base64url form, and say so at each place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest that was computed elsewhere, perhaps with a key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits alone.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// Reads `sha256:` and 64 lower-case hexadecimal digits. `None` for any other form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_into(text.strip_prefix("sha256:")?, &mut bytes).then_some(Self(bytes))
    }

    /// The 43 characters of base64url without padding.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads the 43 characters of base64url. `None` for any other form.
    #[must_use]
    pub fn parse_base64url(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(from)?;
        let wrong_form = || serde::de::Error::custom("a digest is `sha256:` and 64 lower-case hex digits");
        Self::parse(&text).ok_or_else(wrong_form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_read_back() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_base64url(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_eq!(Digest::parse_base64url(&digest.to_base64url()), Some(digest));
        let ends_in_stray_bits = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV";
        assert_eq!(Digest::parse_base64url(ends_in_stray_bits), None);
        assert_eq!(Digest::parse_base64url("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF"), None);
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
    }

    #[test]
    fn named_digests_are_lower_case_and_whole() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert!(Digest::parse(&good).is_some());
        let bad = [
            good.to_uppercase(),
            good.replace("0a", "0A"),
            good.replace("sha256:", ""),
            format!("{good}0"),
            format!("{good}00"),
        ];
        for bad in bad {
            assert_eq!(Digest::parse(&bad), None, "{bad}");
        }
    }
}
