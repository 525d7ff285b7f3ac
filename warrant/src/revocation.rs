//! What can be revoked, and how a revocation is identified. This module does not know where
//! revocations are stored.

use sha2::{Digest as _, Sha256};

/// The kinds of revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationKind {
    /// A warrant by its joined `jti`s, and every warrant delegated from it.
    Path,
    /// A key by its thumbprint: the `cnf` of any link, or the authority key of a root.
    Key,
    /// A lineage by its name.
    Txn,
    /// A holder by its name. A proof-bound child can choose another name, so revoke its key instead.
    Sub,
}

impl RevocationKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Path, Self::Key, Self::Txn, Self::Sub];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Key => "key",
            Self::Txn => "txn",
            Self::Sub => "sub",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// Whether values of this kind have a meaning only together with a root's `iss`.
    pub const fn is_by_issuer(self) -> bool {
        matches!(self, Self::Path | Self::Txn)
    }
}

/// The first 16 bytes of SHA-256(kind ‖ 0 ‖ iss ‖ 0 ‖ value). Proxies get marks instead of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark([u8; 16]);

impl Mark {
    /// The mark of a value. `iss` counts only for paths and lineages.
    pub fn of(kind: RevocationKind, iss: &str, value: &str) -> Self {
        let iss = if kind.is_by_issuer() { iss } else { "" };
        let mut hash = Sha256::new();
        for part in [kind.word(), "\0", iss, "\0", value] {
            hash.update(part);
        }
        let whole: [u8; 32] = hash.finalize().into();
        let mut mark = [0; 16];
        for (to, from) in mark.iter_mut().zip(whole) {
            *to = from;
        }
        Self(mark)
    }

    /// A mark from its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// One thing by which a chain could be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocable {
    kind: RevocationKind,
    iss: Box<str>,
    value: Box<str>,
    mark: Mark,
}

impl Revocable {
    /// A value of this kind. `iss` counts only for paths and lineages.
    pub fn new(kind: RevocationKind, iss: &str, value: &str) -> Self {
        let iss = if kind.is_by_issuer() { iss } else { "" };
        Self { kind, iss: iss.into(), value: value.into(), mark: Mark::of(kind, iss, value) }
    }

    /// The kind.
    pub const fn kind(&self) -> RevocationKind {
        self.kind
    }

    /// The root's issuer. Empty for keys and holders.
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// The joined `jti`s, the thumbprint, the lineage's name or the holder's name.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Its mark.
    pub const fn mark(&self) -> Mark {
        self.mark
    }
}

/// Knows what was revoked.
pub trait Revocations {
    /// Whether this was revoked.
    fn is_revoked(&self, one: &Revocable) -> bool;
}

impl<F: Fn(&Revocable) -> bool> Revocations for F {
    fn is_revoked(&self, one: &Revocable) -> bool {
        self(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_the_bytes_that_proxies_get() {
        // printf 'path\0https://a\0x/y' | sha256sum
        let mark = Mark::of(RevocationKind::Path, "https://a", "x/y");
        assert_eq!(mark.bytes()[..], crate::Digest::of(b"path\0https://a\0x/y").bytes()[..16]);
        assert_eq!(
            Mark::of(RevocationKind::Sub, "https://a", "x"),
            Mark::of(RevocationKind::Sub, "https://b", "x")
        );
        assert_ne!(
            Mark::of(RevocationKind::Txn, "https://a", "x"),
            Mark::of(RevocationKind::Txn, "https://b", "x")
        );
    }

    #[test]
    fn words_read_back() {
        for kind in RevocationKind::ALL {
            assert_eq!(RevocationKind::from_word(kind.word()), Some(*kind));
        }
        assert_eq!(RevocationKind::from_word("Path"), None);
    }
}
