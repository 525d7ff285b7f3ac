//! The policy as a value, once it holds: whom it believes, and what it consists of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use warrant::{PublicKey, Terms, Trust};

use super::hosts::Hosts;
use super::route::{Opening, Route};
use crate::documents::groups::Groups;
use crate::documents::mesh::{Attestor, Mesh};
use crate::engine::{self, Asked, Decided, Nearest, Refused};
use crate::fault::Placed;
use crate::matching::Matcher;
use crate::warning::Notice;

/// Everything that decides, validated.
#[derive(Debug)]
pub struct Policy {
    pub(crate) mesh: Mesh,
    pub(crate) hosts: Hosts,
    pub(crate) groups: Groups,
    pub(crate) routes: Vec<Route>,
    pub(crate) openings: Vec<Opening>,
    pub(crate) by_name: BTreeMap<String, usize>,
    pub(crate) matcher: Matcher<MatchIndex>,
    /// What it could be warned of, by file.
    pub(crate) notices: Vec<(PathBuf, Notice)>,
    /// Every `until`, by file.
    pub(crate) untils: Vec<(PathBuf, Placed<u64>)>,
    /// Every policy that was written as text, by file.
    pub(crate) written: Vec<(PathBuf, Placed<String>)>,
}

/// What a match leads to: a position in `routes` or in `openings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchIndex {
    Route(usize),
    Opening(usize),
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

    /// Whether any host is served by this proxy: the allow-list of who may ask at all.
    pub fn knows_proxy(&self, proxy: &str) -> bool {
        self.hosts.knows_proxy(proxy)
    }

    /// Every canonical host with its aliases, sorted.
    pub fn aliases(&self) -> BTreeMap<&str, Vec<&str>> {
        self.hosts.aliases()
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

    /// Asks the policies of a route.
    pub fn decide(&self, route: &Route, asked: &Asked<'_>) -> Result<Decided, Refused> {
        engine::decide(route.slice(), route.name(), &self.groups, asked)
    }

    /// The permit of a route that came nearest; `None` where there is no permit, or where one permits.
    pub fn nearest(&self, route: &Route, asked: &Asked<'_>) -> Option<Nearest> {
        engine::nearest(route.slice(), route.name(), &self.groups, asked)
    }
}
