//! Matches as a list, for a proxy's filter: it can only ask one path pattern after the other. The first of the list that
//! matches a request is the one that [`Policy::find`] finds.

use std::collections::{BTreeMap, BTreeSet};

use warrant::PathPattern;

use super::locate::Found;
use super::policy::{MatchIndex, Policy};
use crate::arguments::Endpoint;

/// One path pattern of a route on one host.
#[derive(Clone, Debug)]
pub struct ListedMatch<'a> {
    /// The canonical name.
    pub host: &'a str,
    /// Sorted.
    pub methods: Vec<&'a str>,
    pub path: PathPattern,
    /// What it leads to; never `Nothing`.
    pub found: Found<'a>,
}

/// An endpoint, and what it leads to.
#[derive(Clone, Copy)]
struct Leads<'a> {
    endpoint: &'a Endpoint,
    to: MatchIndex,
}

impl Policy {
    /// The wanted matches on the hosts that this proxy serves, and every other match there that could win against one of
    /// them; the most specific first. If a request matches a wanted one, the first of the list that matches it is the one
    /// that governs it.
    ///
    /// Each wanted match is compared with every other of its host and method, so the result should be kept.
    pub fn listed_matches<'a>(
        &'a self,
        proxy: &str,
        is_wanted: impl Fn(Found<'a>) -> bool,
    ) -> Vec<ListedMatch<'a>> {
        let hosts = self.hosts.names_served(proxy);
        let mut wanted: BTreeMap<(&str, &str), Vec<Leads<'a>>> = BTreeMap::new();
        for leads in self.endpoints().filter(|leads| is_wanted(self.found_at(leads.to))) {
            if hosts.contains_key(leads.endpoint.host.as_str()) {
                wanted.entry(leads.of()).or_default().push(leads);
            }
        }
        if wanted.is_empty() {
            return Vec::new();
        }
        let could_win = |other: &Leads<'a>| {
            wanted.get(&other.of()).into_iter().flatten().any(|rival| other.could_win(rival))
        };
        let shadows: Vec<_> = self.endpoints().filter(could_win).collect();
        self.sorted(wanted.into_values().flatten().chain(shadows))
    }

    /// One item for each host, pattern and route, the most specific first.
    fn sorted<'a>(&'a self, listed: impl Iterator<Item = Leads<'a>>) -> Vec<ListedMatch<'a>> {
        let mut methods_of: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for Leads { endpoint, to } in listed {
            let Some(path) = endpoint.pattern.unnamed() else { continue };
            let key = (std::cmp::Reverse(endpoint.pattern.weight()), endpoint.host.as_str(), path, to);
            methods_of.entry(key).or_default().insert(&endpoint.method);
        }
        let item =
            |((_, host, path, to), methods): ((_, &'a str, PathPattern, MatchIndex), BTreeSet<&'a str>)| {
                ListedMatch { host, methods: methods.into_iter().collect(), path, found: self.found_at(to) }
            };
        methods_of.into_iter().map(item).collect()
    }

    fn endpoints(&self) -> impl Iterator<Item = Leads<'_>> {
        let governed = self.routes.iter().enumerate().flat_map(|(position, route)| {
            let leads = move |endpoint| Leads { endpoint, to: MatchIndex::Route(position) };
            route.declared().endpoints.iter().map(leads)
        });
        let open = self.ungoverned.iter().enumerate().flat_map(|(position, open)| {
            let leads = move |endpoint| Leads { endpoint, to: MatchIndex::Ungoverned(position) };
            open.endpoints().iter().map(leads)
        });
        governed.chain(open)
    }
}

impl<'a> Leads<'a> {
    /// Its host and method.
    fn of(&self) -> (&'a str, &'a str) {
        (&self.endpoint.host, &self.endpoint.method)
    }

    /// Whether there is a path that both match, and for which this one is found.
    fn could_win(&self, other: &Leads<'_>) -> bool {
        let (own, others) = (&self.endpoint.pattern, &other.endpoint.pattern);
        own.weight() > others.weight() && own.overlaps(others)
    }
}
