//! What a gate is configured with: by this alone it knows whose statements it takes.

use super::Statement;
use crate::{Digest, key::PublicKey};

/// The mesh, the log and the keys whose statements a gate takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The audience of the mesh.
    pub audience: Box<str>,
    /// The log's name: the first part of its origin.
    pub log_name: Box<str>,
    /// The log's origin, or one that it replaced. `None` takes any origin of this name.
    pub origin: Option<Box<str>>,
    /// The keys that sign statements, by `kid`.
    pub keys: Vec<(Box<str>, PublicKey)>,
}

/// Names a pinned key to the server: the digest of the key together with its name, because a gate looks it up by its name.
pub fn pin(kid: &str, key: &PublicKey) -> Digest {
    Digest::of(key.canonical_jwk_json(kid).as_bytes())
}

impl Pins {
    /// The pinned keys as a poll reports them: [`pin`] of each in base64url, joined with `.`.
    pub fn report(&self) -> String {
        let pins: Vec<_> = self.keys.iter().map(|(kid, key)| pin(kid, key).to_base64url()).collect();
        pins.join(".")
    }

    /// The key of that name.
    pub(super) fn key(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|(own, _)| **own == *kid).map(|(_, key)| key)
    }

    /// Whether this is the origin of a log with this name: `<name>/log/<32 hex>`.
    pub(super) fn is_origin(text: &str, log_name: &str) -> bool {
        let id = text.strip_prefix(log_name).and_then(|rest| rest.strip_prefix("/log/"));
        id.and_then(content_digest::hex::decode).is_some_and(|bytes| bytes.len() == ORIGIN_ID_BYTES)
    }

    /// Whether the statement is of the pinned log.
    pub(super) fn are_of_its_log(&self, statement: &Statement) -> bool {
        Self::is_origin(&statement.iss, &self.log_name)
            && self
                .origin
                .as_ref()
                .is_none_or(|pinned| statement.iss == *pinned || statement.restored.contains(pinned))
    }
}

/// The random half of an origin.
const ORIGIN_ID_BYTES: usize = 16;
