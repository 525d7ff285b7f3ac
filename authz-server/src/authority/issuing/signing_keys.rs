//! The authority's keys, and which of them signs: the last one under `issuers` of the bundle in force that this server has and that
//! answers.
//!
//! So a bundle rotates them, without a restart: first it lists the new key before the old one, and every verifier learns it; then
//! last, and it signs; then alone, and the old one counts for nothing.

use std::fmt;

use policy::Bundle;

use crate::keys::{FindKey, NamedSigner};

/// The keys that this server has.
pub struct AuthorityKeys {
    find: FindKey,
}

impl AuthorityKeys {
    #[must_use]
    pub fn new(find: FindKey) -> AuthorityKeys {
        AuthorityKeys { find }
    }

    /// The keys that this bundle lists for the issuer and that this server has, in the order of the bundle.
    pub(super) fn of_bundle(&self, iss: &str, bundle: &Bundle) -> Vec<NamedSigner> {
        let issuer = bundle.trust().issuers().iter().find(|issuer| issuer.iss == iss);
        let listed = issuer.map_or(&[][..], |issuer| &issuer.keys);
        // Another key of this name is not the one that the bundle means.
        let held =
            listed.iter().map(|(kid, public)| (self.find)(kid).filter(|key| key.public_key() == public));
        held.flatten().collect()
    }
}

impl fmt::Debug for AuthorityKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityKeys").finish_non_exhaustive()
    }
}
