//! Which proxy serves which hosts, and the names of each host.

use std::collections::{BTreeMap, BTreeSet};

use crate::documents::proxy_terms::ProxyTerms;

#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// The canonical host for each name.
    canonical: BTreeMap<String, String>,
    /// What each proxy serves, canonical.
    served: BTreeMap<String, BTreeSet<String>>,
    /// The terms of each proxy.
    terms: BTreeMap<String, ProxyTerms>,
}

impl Hosts {
    /// The canonical host of an authority in lower case, if this proxy serves it.
    pub(crate) fn served(&self, proxy: &str, authority: &str) -> Option<&str> {
        let canonical = self.canonical.get(authority)?;
        self.served.get(proxy)?.get(canonical).map(String::as_str)
    }

    pub(crate) fn terms(&self, proxy: &str) -> Option<&ProxyTerms> {
        self.terms.get(proxy)
    }

    /// Every proxy, sorted.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = &str> {
        self.terms.keys().map(String::as_str)
    }

    /// The names by which clients may call each canonical host that this proxy serves, sorted.
    pub(crate) fn names_served(&self, proxy: &str) -> BTreeMap<&str, Vec<&str>> {
        let served = self.served.get(proxy).into_iter().flatten();
        let mut all: BTreeMap<&str, Vec<&str>> = served.map(|host| (host.as_str(), Vec::new())).collect();
        for (name, canonical) in &self.canonical {
            if let Some(names) = all.get_mut(canonical.as_str()) {
                names.push(name);
            }
        }
        all
    }

    /// A proxy that serves this canonical host, always the same one; `None` if no request can reach the host.
    pub(crate) fn proxy_of(&self, canonical: &str) -> Option<&str> {
        self.served.iter().find(|(_, hosts)| hosts.contains(canonical)).map(|(proxy, _)| proxy.as_str())
    }

    /// The canonical host with this name or alias.
    pub(crate) fn canonical(&self, name: &str) -> Option<&str> {
        self.canonical.get(name).map(String::as_str)
    }

    /// Every canonical host with its aliases.
    pub(crate) fn aliases(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, canonical) in &self.canonical {
            let aliases = all.entry(canonical).or_default();
            if name != canonical {
                aliases.push(name);
            }
        }
        all
    }

    /// Adds a proxy that serves nothing yet; false if the proxy is already known.
    pub(crate) fn add_proxy(&mut self, proxy: &str, terms: &ProxyTerms) -> bool {
        if self.terms.contains_key(proxy) {
            return false;
        }
        self.terms.insert(proxy.to_owned(), terms.clone());
        true
    }

    /// Adds a canonical host to those that a proxy serves.
    pub(crate) fn add_host(&mut self, proxy: &str, canonical: &str) {
        self.served.entry(proxy.to_owned()).or_default().insert(canonical.to_owned());
    }

    /// Gives a canonical host a name, unless the name is taken; returns the host that has the name now.
    pub(crate) fn add_name(&mut self, name: &str, canonical: &str) -> &str {
        self.canonical.entry(name.to_owned()).or_insert_with(|| canonical.to_owned())
    }
}
