//! The authority's keys, and which of them signs: the last one under `issuers` of the bundle in force that this server has.
//!
//! So a bundle rotates them, without a restart: first it lists the new key before the old one, and every verifier learns it; then
//! last, and it signs; then alone, and the old one counts for nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use policy::Bundle;
use warrant::{Digest, PublicKey};

use crate::keys::{AnySigner, FindKey};

/// A key with the name under which the bundle lists it.
#[derive(Clone)]
pub struct SigningKey {
    pub kid: String,
    pub signer: AnySigner,
}

/// The keys that this server has, as far as it was asked for them.
pub struct AuthorityKeys {
    find: FindKey,
    found: Mutex<Found>,
}

/// The keys that the bundle with this digest lists: those that are not here are looked for again under the next bundle.
#[derive(Default)]
struct Found {
    bundle: Option<Digest>,
    keys: BTreeMap<String, Option<AnySigner>>,
}

impl AuthorityKeys {
    #[must_use]
    pub fn new(find: FindKey) -> AuthorityKeys {
        AuthorityKeys { find, found: Mutex::default() }
    }

    /// The keys that this bundle lists for the issuer and that this server has, in the order of the bundle.
    pub(super) fn of_bundle(&self, iss: &str, bundle: &Bundle) -> Vec<SigningKey> {
        let issuer = bundle.trust().issuers().iter().find(|issuer| issuer.iss == iss);
        let listed = issuer.map_or(&[][..], |issuer| &issuer.keys);
        // Only complete values are stored under this lock.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.bundle != Some(bundle.digest()) {
            found.bundle = Some(bundle.digest());
            found.keys.retain(|_, key| key.is_some());
        }
        let mut held = |(kid, public): &(String, PublicKey)| {
            let key = found.keys.entry(kid.clone()).or_insert_with(|| (self.find)(kid));
            // Another key of this name is not the one that the bundle means.
            let signer = key.clone().filter(|key| key.public_key() == public)?;
            Some(SigningKey { kid: kid.clone(), signer })
        };
        listed.iter().filter_map(&mut held).collect()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).field("key", self.signer.public_key()).finish()
    }
}

impl fmt::Debug for AuthorityKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityKeys").finish_non_exhaustive()
    }
}
