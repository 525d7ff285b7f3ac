//! The validated policy as one value: the trusted issuers, the limits, the hosts and the routes.
//! It answers questions about a request; it reads no document.

use std::collections::BTreeMap;
use std::path::PathBuf;

use warrant::{PublicKey, Terms, Trust};

use super::hosts::Hosts;
use super::route::{Route, UngovernedMatch};
use crate::documents::attestors::Attestor;
use crate::documents::caller_issuers::CallerIssuer;
use crate::documents::grants::GrantTerms;
use crate::documents::groups::Groups;
use crate::documents::mesh::Mesh;
use crate::documents::proxy_terms::ProxyTerms;
use crate::documents::subject_issuers::SubjectIssuer;
use crate::engine::{
    self, Issuance, IssuanceSlice, Nearest, NotPermitted, OperatorSlice, Operators, Permitted, PolicyQuery,
};
use crate::fault::Placed;
use crate::matching::Matcher;
use crate::warning::Notice;

/// Everything that a decision needs, validated.
#[derive(Debug)]
pub struct Policy {
    pub(crate) mesh: Mesh,
    pub(crate) hosts: Hosts,
    pub(crate) groups: Groups,
    pub(crate) operators: OperatorSlice,
    pub(crate) issuance: IssuanceSlice,
    pub(crate) routes: Vec<Route>,
    pub(crate) ungoverned: Vec<UngovernedMatch>,
    /// The position of each route in `routes`.
    pub(crate) by_name: BTreeMap<String, usize>,
    pub(crate) matcher: Matcher<MatchIndex>,
    /// Possible warnings, with their files.
    pub(crate) notices: Vec<(PathBuf, Notice)>,
    /// Every `until`, with its file.
    pub(crate) untils: Vec<(PathBuf, Placed<u64>)>,
    /// The name of every policy that was written as text, with its file.
    pub(crate) written: Vec<(PathBuf, Placed<String>)>,
}

/// What a match leads to: a position in `routes` or in `ungoverned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MatchIndex {
    Route(usize),
    Ungoverned(usize),
}

impl Policy {
    /// The issuers whose warrants are trusted.
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

    /// How old an attestation may be if the route names no age, in seconds.
    pub fn attestation_max_age(&self) -> u64 {
        self.mesh.attestation_max_age
    }

    /// Who may attest facts about workloads and environments.
    pub fn attestors(&self) -> &[Attestor] {
        &self.mesh.attestors
    }

    /// The issuers whose tokens name callers of the API.
    pub fn callers(&self) -> &[CallerIssuer] {
        &self.mesh.callers
    }

    /// The keys that may sign notes for it.
    pub fn note_keys(&self) -> &[PublicKey] {
        &self.mesh.notes.keys
    }

    /// The longest lifetime of a note for it, in seconds.
    pub fn note_max_age(&self) -> u64 {
        self.mesh.notes.max_age
    }

    /// What the policy says of this proxy; `None` if it does not list it: only listed proxies may ask.
    pub fn proxy(&self, id: &str) -> Option<&ProxyTerms> {
        self.hosts.terms(id)
    }

    /// The identities of all proxies that may ask, sorted.
    pub fn proxies(&self) -> impl Iterator<Item = &str> {
        self.hosts.proxies()
    }

    /// Each canonical host that this proxy serves, with all names by which clients may call it, its own included; sorted.
    pub fn names_served(&self, proxy: &str) -> BTreeMap<&str, Vec<&str>> {
        self.hosts.names_served(proxy)
    }

    /// The environment of a decision that this proxy asks for: the server's own, narrowed by the proxy's terms. A proxy
    /// that is not listed has none.
    pub fn environment_for(
        &self,
        proxy: &str,
        server: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        self.proxy(proxy).map(|terms| terms.narrow(server)).unwrap_or_default()
    }

    /// The canonical host with this name or alias, in lower case; `None` if no proxy serves it.
    pub fn canonical_host(&self, name: &str) -> Option<&str> {
        self.hosts.canonical(name)
    }

    /// Every canonical host with its aliases, sorted.
    pub fn aliases(&self) -> BTreeMap<&str, Vec<&str>> {
        self.hosts.aliases()
    }

    /// Every match that needs no warrant.
    pub fn ungoverned(&self) -> &[UngovernedMatch] {
        &self.ungoverned
    }

    /// The governed route with this name.
    pub fn route_named(&self, name: &str) -> Option<&Route> {
        self.by_name.get(name).and_then(|position| self.routes.get(*position))
    }

    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Who may call the API.
    pub fn operators(&self) -> Operators<'_> {
        Operators::new(&self.operators, &self.groups)
    }

    /// Who may have a warrant.
    pub fn issuance(&self) -> Issuance<'_> {
        Issuance::new(&self.issuance, &self.groups)
    }

    /// The issuers whose tokens are exchanged for warrants.
    pub fn subjects(&self) -> impl Iterator<Item = &SubjectIssuer> {
        self.mesh.subjects.iter().map(|placed| &placed.issuer)
    }

    /// What a grant allows.
    pub fn grant(&self, name: &str) -> Option<&GrantTerms> {
        self.mesh.grants.iter().find(|(known, _)| known.value == name).map(|(_, terms)| terms)
    }

    /// Every grant with its name.
    pub fn grants(&self) -> impl Iterator<Item = (&str, &GrantTerms)> {
        self.mesh.grants.iter().map(|(name, terms)| (name.value.as_str(), terms))
    }

    /// Asks the policies of a route.
    pub fn decide(&self, route: &Route, query: &PolicyQuery<'_>) -> Result<Permitted, NotPermitted> {
        engine::decide(route.slice(), route.name(), &self.groups, query)
    }

    /// The permit of a route that came nearest; `None` if the route has no permit, or if one permits.
    pub fn nearest(&self, route: &Route, query: &PolicyQuery<'_>) -> Option<Nearest> {
        engine::nearest(route.slice(), route.name(), &self.groups, query)
    }
}
