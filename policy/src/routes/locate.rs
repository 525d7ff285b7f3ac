//! Finds the target of a request: the host that its proxy serves, and the route that governs it there. It is
//! looked up once for each request; the judge, the record and `explain` all use the same result. It may not
//! know time or callers.

use warrant::{Denial, Host, Method, RawPath, Seconds, Target};

use super::policy::{MatchIndex, Policy};
use super::route::{Route, UngovernedMatch};

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
    /// A match that needs no warrant until its end.
    Ungoverned(&'a UngovernedMatch),
}

/// Why a request is forwarded without a permit.
#[derive(Clone, Copy, Debug)]
pub enum Exemption<'a> {
    Ungoverned(&'a UngovernedMatch),
    /// The request is judged and then forwarded, whatever the verdict; nothing is burned.
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
        let host = self.served_host(proxy, authority)?;
        let target = Target { host, method: method.clone(), path };
        let found = self.find(&target);
        Ok(Located { target, found })
    }

    /// Whether this policy found it: only the policy that located a case may judge it.
    pub(crate) fn is_source_of(&self, found: Found<'_>) -> bool {
        match found {
            Found::Nothing => true,
            Found::Route(route) => self.routes.as_ptr_range().contains(&std::ptr::from_ref(route)),
            Found::Ungoverned(found) => self.ungoverned.as_ptr_range().contains(&std::ptr::from_ref(found)),
        }
    }

    /// The best match for a target, in force or not.
    pub fn find(&self, target: &Target<'_>) -> Found<'_> {
        let segments: Vec<_> = target.path.segments().map(RawPath::unescaped).collect();
        let found = self.matcher.find(target.host.as_str(), target.method.as_str(), &segments);
        found.map_or(Found::Nothing, |at| self.found_at(at))
    }

    /// What a match leads to.
    pub(super) fn found_at(&self, at: MatchIndex) -> Found<'_> {
        let found = match at {
            MatchIndex::Route(position) => self.routes.get(position).map(Found::Route),
            MatchIndex::Ungoverned(position) => self.ungoverned.get(position).map(Found::Ungoverned),
        };
        found.unwrap_or(Found::Nothing)
    }

    /// The canonical host of an `:authority` that this proxy serves.
    pub fn served_host(&self, proxy: &str, authority: &[u8]) -> Result<Host, Denial> {
        let lowered = authority.to_ascii_lowercase();
        let is_plain = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'-')
        };
        let name = std::str::from_utf8(&lowered).ok().filter(|_| lowered.iter().all(is_plain));
        name.and_then(|name| self.hosts.served(proxy, name))
            .and_then(Host::parse)
            .ok_or(Denial::TargetMismatch)
    }
}

impl<'a> Found<'a> {
    /// The name of what matches, in force or not.
    pub fn name(self) -> Option<&'a str> {
        match self {
            Found::Route(route) => Some(route.name()),
            Found::Ungoverned(found) => Some(found.name()),
            Found::Nothing => None,
        }
    }

    /// The route that governs the request. An exception that has ended governs nothing, and no broader match
    /// replaces it.
    pub fn route(self) -> Option<&'a Route> {
        match self {
            Found::Route(route) => Some(route),
            Found::Ungoverned(_) | Found::Nothing => None,
        }
    }

    /// How long an allowed stream may run, in seconds. What nothing matches is never allowed.
    pub fn max_stream(self) -> u64 {
        match self {
            Found::Route(route) => route.max_stream(),
            Found::Ungoverned(found) => found.max_stream(),
            Found::Nothing => 0,
        }
    }

    /// When what exempts the request ends, if it does.
    pub fn exempt_until(self) -> Option<Seconds> {
        match self {
            Found::Route(route) => route.observed_until().map(Seconds::new),
            Found::Ungoverned(found) => found.until().map(Seconds::new),
            Found::Nothing => None,
        }
    }

    /// Whether the request needs no warrant, or is only observed. The judge asks this before it looks at any
    /// artifact.
    pub fn exemption(self, now: Seconds) -> Option<Exemption<'a>> {
        match self {
            Found::Route(route) => route.is_observed(now).then_some(Exemption::Observed(route)),
            Found::Ungoverned(found) => found.is_open(now).then_some(Exemption::Ungoverned(found)),
            Found::Nothing => None,
        }
    }
}
