//! Where a request leads: the host that its proxy serves, and what governs it there. Found once for each request; whoever
//! judges, records or explains the request carries what was found.

use warrant::{Denial, Host, Method, RawPath, Seconds, Target};

use super::policy::{MatchIndex, Policy};
use super::route::{Opening, Route};

/// The target of a request, and what governs it.
#[derive(Clone, Debug)]
pub struct Located<'a> {
    pub target: Target<'a>,
    pub found: Found<'a>,
}

/// What governs a target: the most specific match.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// Nothing matches: `no-route-policy`.
    Nothing,
    Route(&'a Route),
    /// A match that needs no warrant while it is open.
    Opening(&'a Opening),
}

/// How a request passes that needs no warrant.
#[derive(Clone, Copy, Debug)]
pub enum Passage<'a> {
    Ungoverned(&'a Opening),
    /// Judged on the facts and forwarded whatever comes out; nothing is burned.
    Observed(&'a Route),
}

impl Policy {
    /// Finds the target and what governs it. A host that the proxy does not serve is `target-mismatch`.
    pub fn locate<'a>(
        &'a self,
        proxy: &str,
        authority: &[u8],
        method: &Method,
        path: RawPath<'a>,
    ) -> Result<Located<'a>, Denial> {
        let host = self.serves(proxy, authority)?;
        let target = Target { host, method: method.clone(), path };
        let found = self.find(&target);
        Ok(Located { target, found })
    }

    /// Whether it was this policy that found it: a case is judged by the policy that located it, and by no other.
    pub(crate) fn is_source_of(&self, found: Found<'_>) -> bool {
        match found {
            Found::Nothing => true,
            Found::Route(route) => self.routes.as_ptr_range().contains(&std::ptr::from_ref(route)),
            Found::Opening(opening) => self.openings.as_ptr_range().contains(&std::ptr::from_ref(opening)),
        }
    }

    /// What matches a target best, in force or not.
    pub fn find(&self, target: &Target<'_>) -> Found<'_> {
        let segments: Vec<_> = target.path.segments().map(RawPath::unescaped).collect();
        let found = match self.matcher.find(target.host.as_str(), target.method.as_str(), &segments) {
            Some(MatchIndex::Route(position)) => self.routes.get(position).map(Found::Route),
            Some(MatchIndex::Opening(position)) => self.openings.get(position).map(Found::Opening),
            None => None,
        };
        found.unwrap_or(Found::Nothing)
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
}

impl<'a> Found<'a> {
    /// The route that governs the request. An opening that is over governs nothing, and nothing broader replaces it.
    pub fn route(self) -> Option<&'a Route> {
        match self {
            Found::Route(route) => Some(route),
            Found::Opening(_) | Found::Nothing => None,
        }
    }

    /// Whether the request passes without a warrant, or is only observed. Asked before any artifact is looked at.
    pub fn passage(self, now: Seconds) -> Option<Passage<'a>> {
        match self {
            Found::Route(route) => route.is_observed(now).then_some(Passage::Observed(route)),
            Found::Opening(opening) => opening.is_open(now).then_some(Passage::Ungoverned(opening)),
            Found::Nothing => None,
        }
    }
}
