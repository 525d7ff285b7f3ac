//! Signed bundles: a policy can be in force only as a bundle that is authentic, current and never rolled
//! back.

mod dsse;
mod manifest;
mod note;
mod open;
mod parcel;
mod past;
mod payload;
mod refusal;
mod signing;
mod trust;

use std::collections::BTreeSet;
use std::ops::Deref;

use warrant::{Digest, Seconds};

#[cfg(test)]
pub(crate) use dsse::resigned;
#[cfg(test)]
pub(crate) use manifest::ENGINE;
pub use note::{InForceUntil, Note, NoteError};
pub use open::{Activated, Expected, check_manifest, open, trust_in_force};
pub use parcel::{MANIFEST, NOTE, Parcel};
pub use past::PastBundle;
pub use refusal::BundleRefusal;
pub(crate) use signing::sign;
pub use signing::{SignError, SignedBundle, Signing};
pub use trust::{TrustError, TrustKeys};

use crate::documents::files::Files;
use crate::routes::Policy;
use manifest::Manifest;

/// A policy with valid signatures and valid documents, inside its time window.
#[derive(Debug)]
pub struct Bundle {
    policy: Policy,
    manifest: Manifest,
    digest: Digest,
    retired: BTreeSet<Digest>,
    packed: Files,
}

impl Bundle {
    fn new(
        policy: Policy,
        manifest: Manifest,
        digest: Digest,
        retired: BTreeSet<Digest>,
        packed: Files,
    ) -> Self {
        Self { policy, manifest, digest, retired, packed }
    }

    /// Its name: the digest of its manifest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn version(&self) -> u64 {
        self.manifest.version
    }

    pub fn audience(&self) -> &str {
        &self.manifest.audience
    }

    /// The end of its time window; no note can extend it.
    pub fn expires(&self) -> Seconds {
        Seconds::new(self.manifest.expires)
    }

    /// The trust that the next bundle must satisfy.
    pub fn next_trust(&self) -> &TrustKeys {
        &self.manifest.trust
    }

    /// What to store durably after it becomes active: the floor for every later bundle.
    pub fn activated(&self) -> Activated {
        let mut retired = self.retired.clone();
        retired.remove(&self.manifest.trust.digest());
        Activated { version: self.version(), digest: self.digest, retired }
    }

    /// Its files, as they were signed. With the manifest they are all that is needed to judge a recorded
    /// decision again.
    pub fn files(&self) -> &Files {
        &self.packed
    }
}

/// A bundle can be used as its policy: the judge needs nothing else of it.
impl Deref for Bundle {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}
