//! What a key signs. A key has one role for ever: what it signed for one purpose could be taken for something else.

use std::fmt;

use warrant::Algorithm;

use super::NamedSigner;

/// The purpose of a key that can be replaced while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum KeyRole {
    /// Roots of warrants.
    Authority,
    /// Governance statements, for the filters of proxies.
    Statement,
    /// Receipts, for upstreams.
    Receipt,
}

impl KeyRole {
    pub const ALL: [KeyRole; 3] = [KeyRole::Authority, KeyRole::Statement, KeyRole::Receipt];

    /// Where the configuration names the key.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            KeyRole::Authority => "authority.key",
            KeyRole::Statement => "keys.statement",
            KeyRole::Receipt => "keys.receipt",
        }
    }

    /// Whether a key of this algorithm can have the role: gates and upstreams take ES256 alone.
    #[must_use]
    pub fn may_have(self, key: &NamedSigner) -> bool {
        match self {
            KeyRole::Authority => true,
            KeyRole::Statement | KeyRole::Receipt => key.public_key().alg() == Algorithm::Es256,
        }
    }

    /// How many keys may come after the first at once; `None`: a bundle says which of them count.
    #[must_use]
    pub const fn successors(self) -> Option<usize> {
        match self {
            KeyRole::Authority => None,
            KeyRole::Statement | KeyRole::Receipt => Some(1),
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyRole::Authority => "authority",
            KeyRole::Statement => "statement",
            KeyRole::Receipt => "receipt",
        })
    }
}
