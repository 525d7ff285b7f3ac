//! SHA-256 values and the two ways in which a warrant writes them.

use sha2::{Digest as _, Sha256};

use crate::base64url;

/// The SHA-256 of something, written as 43 characters of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads the 43 characters. `None` when the form is any other.
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode_exactly(text.as_bytes()).map(Self)
    }

    /// The 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

/// Whether `text` is `sha256:` and 64 lower-case hexadecimal digits, as measurements and bundles are named.
pub fn is_named_sha256(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_read_back() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV"), None, "trailing bits");
        assert_eq!(Digest::parse("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF"), None);
    }

    #[test]
    fn named_digests_are_lower_case_and_whole() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert!(is_named_sha256(&good));
        for bad in
            [good.to_uppercase(), good.replace("0a", "0A"), good.replace("sha256:", ""), format!("{good}0")]
        {
            assert!(!is_named_sha256(&bad), "{bad}");
        }
    }
}
