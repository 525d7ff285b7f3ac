//! The key set of receipts. It holds no key of another kind: a library that finds a key by its `kid` alone cannot take a
//! token of another kind for a receipt.

use warrant::{Algorithm, PublicKey};

use crate::keys::{self, NamedKey};

/// The public keys of receipts.
#[derive(Clone, Debug)]
pub struct ReceiptKeys(Vec<NamedKey>);

impl ReceiptKeys {
    /// Reads a JWK set. The error says what is wrong with it.
    pub fn read(json: &[u8]) -> Result<ReceiptKeys, String> {
        let keys = keys::parse_public(json)?;
        if let Some(other) = keys.iter().find(|named| named.key.alg() != Algorithm::Es256) {
            return Err(format!("holds the key {:?}, which is not for ES256", other.kid));
        }
        Ok(ReceiptKeys(keys))
    }

    /// The only key of this name.
    pub(super) fn find(&self, kid: &str) -> Option<&PublicKey> {
        let mut named = self.0.iter().filter(|named| named.kid == kid);
        let only = named.next()?;
        named.next().is_none().then_some(&only.key)
    }
}
