//! A key that signs, with the name under which others find it.

use std::fmt;
use std::sync::Arc;

use warrant::PublicKey;
use warrant::mint::Signer;

use super::{NamedKey, PrivateKey};

/// A key that signs, wherever it is.
pub type AnySigner = Arc<dyn Signer + Send + Sync>;

/// Finds a key by its name.
pub type FindKey = Box<dyn Fn(&str) -> Option<NamedSigner> + Send + Sync>;

/// The keys of one role as they are now: the first, and what comes after it.
pub type ListKeys = Box<dyn Fn() -> Vec<NamedSigner> + Send + Sync>;

/// A key with its name: its `kid`, or its thumbprint if it has none.
#[derive(Clone)]
pub struct NamedSigner {
    pub kid: String,
    pub signer: AnySigner,
}

impl NamedSigner {
    #[must_use]
    pub fn new(kid: Option<&str>, signer: AnySigner) -> NamedSigner {
        let kid = kid.map_or_else(|| signer.public_key().thumbprint().to_string(), str::to_owned);
        NamedSigner { kid, signer }
    }

    /// Whether it has a name besides its thumbprint.
    #[must_use]
    pub fn has_own_name(&self) -> bool {
        self.kid != self.public_key().thumbprint().to_string()
    }

    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> NamedKey {
        NamedKey { kid: self.kid.clone(), key: *self.public_key() }
    }
}

impl From<PrivateKey> for NamedSigner {
    fn from(key: PrivateKey) -> NamedSigner {
        let kid = key.kid().map(str::to_owned);
        NamedSigner::new(kid.as_deref(), Arc::new(key))
    }
}

impl fmt::Debug for NamedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedSigner").field("kid", &self.kid).field("key", self.public_key()).finish()
    }
}
