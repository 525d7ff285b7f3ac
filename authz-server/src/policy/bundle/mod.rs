//! Signed bundles: the only form in which a policy is in force. Authentic, current, never rolled back.

mod digest;
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

use warrant::{Denial, Host, Seconds, Target, Terms, Trust};

pub use digest::Digest;
#[cfg(test)]
pub(crate) use manifest::{ENGINE, resigned as resigned_manifest};
#[cfg(test)]
pub(crate) use note::resigned as resigned_note;
pub use note::{InForceUntil, Note, NoteError};
pub use opening::{Activated, Expected, open, vouch};
pub use parcel::{MANIFEST, NOTE, Parcel};
pub use past::Past;
pub use refusal::Refusal;
#[cfg(test)]
pub(crate) use signing::sign_packed;
pub use signing::{SignError, Signed, Signing, sign};
pub use trust::{TrustError, TrustKeys};

use super::assembly::{Match, Policy};
use super::documents::mesh::Mesh;
use super::route::{Opening, Route};
use super::sources::Files;
use super::view::View;
use manifest::Manifest;

/// How a request passes that needs no warrant.
#[derive(Clone, Copy, Debug)]
pub enum Passage<'a> {
    Ungoverned(&'a Opening),
    /// Judged on the facts and forwarded whatever comes out; nothing is burned.
    Observed(&'a Route),
}

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
    pub fn digest(&self) -> &Digest {
        &self.digest
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
        Activated { version: self.version(), digest: self.digest.clone(), retired }
    }

    /// Whose warrants are believed.
    pub fn trust(&self) -> &Trust {
        &self.mesh().trust
    }

    /// Audience, caps and leeway.
    pub fn terms(&self) -> &Terms {
        &self.mesh().terms
    }

    /// The one log origin that may count uses and proofs.
    pub fn burner(&self) -> &str {
        &self.mesh().burner
    }

    /// How old an attestation may be where the route names no age, in seconds.
    pub fn attestation_max_age(&self) -> u64 {
        self.mesh().attestation_max_age
    }

    /// Who may state things about workloads and environments.
    pub fn attestors(&self) -> &[super::Attestor] {
        &self.mesh().attestors
    }

    pub(crate) fn mesh(&self) -> &Mesh {
        &self.policy.mesh
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The keys that may sign notes for it.
    pub fn note_keys(&self) -> &[warrant::PublicKey] {
        &self.mesh().notes.keys
    }

    /// The longest that a note for it may hold, in seconds.
    pub fn note_max_age(&self) -> u64 {
        self.mesh().notes.max_age
    }

    /// The canonical host of an `:authority` that this proxy serves.
    pub fn serves(&self, proxy: &str, authority: &[u8]) -> Result<Host, Denial> {
        let lowered = authority.to_ascii_lowercase();
        let is_plain = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'-')
        };
        let name = std::str::from_utf8(&lowered).ok().filter(|_| lowered.iter().all(is_plain));
        name.and_then(|name| self.policy.hosts.serves(proxy, name))
            .and_then(Host::parse)
            .ok_or(Denial::TargetMismatch)
    }

    /// Whether any host is served by this proxy: the allow-list of who may ask at all.
    pub fn knows_proxy(&self, proxy: &str) -> bool {
        self.policy.hosts.knows_proxy(proxy)
    }

    /// Every canonical host with its aliases, sorted.
    pub fn aliases(&self) -> std::collections::BTreeMap<&str, Vec<&str>> {
        self.policy.hosts.aliases()
    }

    /// The route that governs a request, the most specific that matches; none is `no-route-policy`.
    pub fn route(&self, target: &Target<'_>) -> Option<&Route> {
        match self.found(target)? {
            Match::Route(position) => self.policy.routes.get(position),
            // One that is over governs nothing, and nothing broader takes it over.
            Match::Opening(_) => None,
        }
    }

    /// Whether a request is let through without a warrant, or only watched; asked before any artifact is looked at.
    pub fn passage(&self, target: &Target<'_>, now: Seconds) -> Option<Passage<'_>> {
        match self.found(target)? {
            Match::Route(position) => {
                self.policy.routes.get(position).filter(|route| route.is_observed(now)).map(Passage::Observed)
            }
            Match::Opening(position) => self
                .policy
                .openings
                .get(position)
                .filter(|opening| opening.is_open(now))
                .map(Passage::Ungoverned),
        }
    }

    fn found(&self, target: &Target<'_>) -> Option<Match> {
        let segments: Vec<_> = target.path.segments().map(warrant::RawPath::undone).collect();
        self.policy.matcher.find(target.host.as_str(), target.method.as_str(), &segments)
    }

    /// Every match that needs no warrant.
    pub fn openings(&self) -> &[Opening] {
        &self.policy.openings
    }

    /// To be looked at.
    pub fn view(&self) -> View<'_> {
        View { policy: &self.policy, packed: &self.packed }
    }

    /// Its files, as they were signed: with the manifest, all that judging a recorded decision again takes.
    pub fn files(&self) -> &Files {
        &self.packed
    }

    pub fn route_named(&self, name: &str) -> Option<&Route> {
        self.policy.by_name.get(name).and_then(|position| self.policy.routes.get(*position))
    }

    pub fn routes(&self) -> &[Route] {
        &self.policy.routes
    }
}
