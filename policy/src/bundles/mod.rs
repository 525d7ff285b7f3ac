//! Signed bundles: a policy can be in force only as a bundle that is authentic, current and never rolled
//! back.

mod base;
mod contents;
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

use std::ops::Deref;
use std::sync::Arc;

use warrant::{Digest, Seconds};

pub use base::Base;
#[cfg(test)]
pub(crate) use contents::ENGINE;
#[cfg(test)]
pub(crate) use dsse::resigned;
pub use note::{InForceUntil, Note, NoteError};
pub use open::{Activated, Expected, check_manifest, check_routes_manifest, open, open_base, trust_in_force};
pub use parcel::{MANIFEST, NOTE, Parcel, ROUTES_MANIFEST, ROUTES_NOTE, RoutesParcel};
pub use past::PastBundle;
pub use refusal::BundleRefusal;
pub use signing::{RoutesSigning, SignError, SignedBundle, SignedRoutes, Signing};
pub(crate) use signing::{sign, sign_routes};
pub use trust::{TrustError, TrustKeys};

use crate::documents::files::Files;
use crate::routes::Policy;
use manifest::RoutesManifest;

/// A policy with valid signatures and valid documents, inside its time window.
#[derive(Debug)]
pub struct Bundle {
    policy: Policy,
    base: Base,
    /// The routes of teams over it, if they are signed apart: the digest of their manifest, and the manifest.
    routes: Option<(Digest, RoutesManifest)>,
    packed: Arc<Files>,
}

impl Bundle {
    fn new(policy: Policy, base: Base, routes: Option<(Digest, RoutesManifest)>, packed: Arc<Files>) -> Self {
        Self { policy, base, routes, packed }
    }

    /// Its name: the digest of its manifest. With routes over a base it is that of the routes, which names the base.
    pub fn digest(&self) -> Digest {
        self.routes.as_ref().map_or(self.base.digest, |(digest, _)| *digest)
    }

    /// The version of the bundle, or of its base.
    pub fn version(&self) -> u64 {
        self.base.version()
    }

    /// What is signed offline: all of it, or the base under the routes of teams.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The version of the routes over its base; `None` if everything is signed together.
    pub fn routes_version(&self) -> Option<u64> {
        self.routes.as_ref().map(|(_, manifest)| manifest.version)
    }

    /// Both versions, for people: `version 3`, or `version 3 with routes 17`.
    pub fn versions(&self) -> String {
        match self.routes_version() {
            None => format!("version {}", self.version()),
            Some(routes) => format!("version {} with routes {routes}", self.version()),
        }
    }

    pub fn audience(&self) -> &str {
        self.base.audience()
    }

    /// The end of its time window; no note can extend it.
    pub fn expires(&self) -> Seconds {
        // The routes' window lies inside the base's.
        let expires = self.routes.as_ref().map(|(_, manifest)| manifest.expires);
        Seconds::new(expires.unwrap_or(self.base.manifest.expires))
    }

    /// The begin of its time window.
    pub fn not_before(&self) -> Seconds {
        let not_before = self.routes.as_ref().map(|(_, manifest)| manifest.not_before);
        Seconds::new(not_before.unwrap_or(self.base.manifest.not_before))
    }

    /// The trust that the next bundle must satisfy.
    pub fn next_trust(&self) -> &TrustKeys {
        &self.base.manifest.trust
    }

    /// What to store durably after it becomes active: the floor for every later bundle.
    pub fn activated(&self) -> Activated {
        let mut retired = self.base.retired.clone();
        retired.remove(&self.next_trust().digest());
        let routes = self.routes.as_ref().map(|(digest, manifest)| (manifest.version, *digest));
        Activated { version: self.version(), digest: self.base.digest, retired, routes }
    }

    /// Its files, as they were signed. With the manifests they are all that is needed to judge a recorded
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
