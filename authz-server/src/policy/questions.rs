//! What is asked of a policy once it holds: whom it believes, what it serves, which route governs a request.

use std::collections::BTreeMap;

use warrant::{Denial, Host, PublicKey, RawPath, Seconds, Target, Terms, Trust};

use super::assembly::{Match, Policy};
use super::documents::mesh::Attestor;
use super::route::{Opening, Route};

/// How a request passes that needs no warrant.
#[derive(Clone, Copy, Debug)]
pub enum Passage<'a> {
    Ungoverned(&'a Opening),
    /// Judged on the facts and forwarded whatever comes out; nothing is burned.
    Observed(&'a Route),
}

/// What a request meets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Matched<'a> {
    Route(&'a Route),
    Opening(&'a Opening),
}

impl Policy {
    /// Whose warrants are believed.
    pub fn trust(&self) -> &Trust {
        &self.mesh.trust
    }

    /// Audience, caps and leeway.
    pub fn terms(&self) -> &Terms {
        &self.mesh.terms
    }

    /// The one log origin that may count uses and proofs.
    pub fn burner(&self) -> &str {
        &self.mesh.burner
    }

    /// How old an attestation may be where the route names no age, in seconds.
    pub fn attestation_max_age(&self) -> u64 {
        self.mesh.attestation_max_age
    }

    /// Who may state things about workloads and environments.
    pub fn attestors(&self) -> &[Attestor] {
        &self.mesh.attestors
    }

    /// The keys that may sign notes for it.
    pub fn note_keys(&self) -> &[PublicKey] {
        &self.mesh.notes.keys
    }

    /// The longest that a note for it may hold, in seconds.
    pub fn note_max_age(&self) -> u64 {
        self.mesh.notes.max_age
    }

    /// The canonical host of an `:authority` that this proxy serves.
    pub fn serves(&self, proxy: &str, authority: &[u8]) -> Result<Host, Denial> {
        let lowered = authority.to_ascii_lowercase();
        let is_plain = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'-')
        };
        let name = std::str::from_utf8(&lowered).ok().filter(|_| lowered.iter().all(is_plain));
        name.and_then(|name| self.hosts.serves(proxy, name))
            .and_then(Host::parse)
            .ok_or(Denial::TargetMismatch)
    }

    /// Whether any host is served by this proxy: the allow-list of who may ask at all.
    pub fn knows_proxy(&self, proxy: &str) -> bool {
        self.hosts.knows_proxy(proxy)
    }

    /// Every canonical host with its aliases, sorted.
    pub fn aliases(&self) -> BTreeMap<&str, Vec<&str>> {
        self.hosts.aliases()
    }

    /// The route that governs a request, the most specific that matches; none is `no-route-policy`.
    pub fn route(&self, target: &Target<'_>) -> Option<&Route> {
        match self.found(target)? {
            Matched::Route(route) => Some(route),
            // One that is over governs nothing, and nothing broader takes it over.
            Matched::Opening(_) => None,
        }
    }

    /// Whether a request is let through without a warrant, or only watched; asked before any artifact is looked at.
    pub fn passage(&self, target: &Target<'_>, now: Seconds) -> Option<Passage<'_>> {
        match self.found(target)? {
            Matched::Route(route) => route.is_observed(now).then_some(Passage::Observed(route)),
            Matched::Opening(opening) => opening.is_open(now).then_some(Passage::Ungoverned(opening)),
        }
    }

    fn found(&self, target: &Target<'_>) -> Option<Matched<'_>> {
        self.matched(target.host.as_str(), target.method.as_str(), target.path)
    }

    /// What matches best, in force or not.
    pub(super) fn matched(&self, host: &str, method: &str, path: RawPath<'_>) -> Option<Matched<'_>> {
        let segments: Vec<_> = path.segments().map(RawPath::unescaped).collect();
        match self.matcher.find(host, method, &segments)? {
            Match::Route(position) => self.routes.get(position).map(Matched::Route),
            Match::Opening(position) => self.openings.get(position).map(Matched::Opening),
        }
    }

    /// Every match that needs no warrant.
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }

    pub fn route_named(&self, name: &str) -> Option<&Route> {
        self.by_name.get(name).and_then(|position| self.routes.get(*position))
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}
