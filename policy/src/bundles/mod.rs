//! Signed bundles: the only form in which a policy is in force. Authentic, current, never rolled back.

mod dsse;
mod manifest;
mod note;
mod opening;
mod parcel;
mod past;
mod refusal;
mod signing;
mod trust;

use std::collections::BTreeSet;
use std::ops::Deref;

use warrant::{Digest, Seconds};

#[cfg(test)]
pub(crate) use manifest::{ENGINE, resigned as resigned_manifest};
#[cfg(test)]
pub(crate) use note::resigned as resigned_note;
pub use note::{InForceUntil, Note, NoteError};
pub use opening::{Activated, Expected, open, trust_in_force, vouch};
pub use parcel::{MANIFEST, NOTE, Parcel};
pub use past::Past;
pub use refusal::Refusal;
pub(crate) use signing::sign;
pub use signing::{SignError, Signed, Signing};
pub use trust::{TrustError, TrustKeys};

use crate::documents::files::Files;
use crate::routes::Policy;
use manifest::Manifest;

/// A policy whose signatures, window and documents hold.
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

    /// What bounds it whatever a note says.
    pub fn expires(&self) -> Seconds {
        Seconds::new(self.manifest.expires)
    }

    /// The trust by which the next bundle is judged.
    pub fn next_trust(&self) -> &TrustKeys {
        &self.manifest.trust
    }

    /// What to keep durably once it is active: the floor of every later bundle.
    pub fn activated(&self) -> Activated {
        let mut retired = self.retired.clone();
        retired.remove(&self.manifest.trust.digest());
        Activated { version: self.version(), digest: self.digest, retired }
    }

    /// Its files, as they were signed: with the manifest, all that judging a recorded decision again takes.
    pub fn files(&self) -> &Files {
        &self.packed
    }
}

/// A bundle is asked what its policy is asked; who judges needs no more than that.
impl Deref for Bundle {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}
