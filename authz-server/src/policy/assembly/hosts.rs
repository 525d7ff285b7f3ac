//! Hosts: which proxy serves which, and by which names each is known. A name or alias means one canonical host in the whole bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::policy::fault::{Faults, Placed};
use crate::policy::sources::Documents;

#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// Canonical host by any of its names.
    canonical: BTreeMap<String, String>,
    /// What each proxy serves, canonical.
    served: BTreeMap<String, BTreeSet<String>>,
}

impl Hosts {
    /// The canonical host of an authority, already lowered, that this proxy serves.
    pub(crate) fn serves(&self, proxy: &str, authority: &str) -> Option<&str> {
        let canonical = self.canonical.get(authority)?;
        self.served.get(proxy)?.get(canonical).map(String::as_str)
    }

    pub(crate) fn knows_proxy(&self, proxy: &str) -> bool {
        self.served.contains_key(proxy)
    }

    /// Some proxy that serves this canonical host, always the same; `None` where no request can reach it.
    pub(crate) fn proxy_of(&self, canonical: &str) -> Option<&str> {
        self.served.iter().find(|(_, hosts)| hosts.contains(canonical)).map(|(proxy, _)| proxy.as_str())
    }

    /// The canonical host that goes by this name.
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
}

pub(super) fn read(documents: &Documents, faults: &Faults) -> Hosts {
    let file = documents.top("proxies");
    let page = faults.page(Path::new(&file));
    let mut hosts = Hosts::default();
    for proxy in &documents.proxies.0 {
        if hosts.served.contains_key(&proxy.id.value) {
            page.fault(
                proxy.id.at,
                format!("the proxy `{}` stands here twice", proxy.id.value),
                "write all its hosts in one place",
            );
        }
        let served = hosts.served.entry(proxy.id.value.clone()).or_default();
        for (canonical, aliases) in &proxy.hosts {
            served.insert(canonical.value.clone());
            for name in std::iter::once(canonical).chain(aliases) {
                let known =
                    hosts.canonical.entry(name.value.clone()).or_insert_with(|| canonical.value.clone());
                if *known != canonical.value {
                    let what =
                        format!("`{}` means `{}` here and `{known}` elsewhere", name.value, canonical.value);
                    page.fault(name.at, what, "let a name mean one host in the whole bundle");
                }
            }
        }
    }
    hosts
}

/// Routes and grounds name canonical hosts: an alias would be one more name to guard.
pub(super) fn are_canonical(documents: &Documents, hosts: &Hosts, faults: &Faults) {
    for route in &documents.routes {
        for host in route.matches.iter().flat_map(|item| &item.hosts) {
            is_canonical(host, hosts, &route.file, faults);
        }
    }
    let file = documents.top("teams");
    for allowance in documents.teams.0.iter().flat_map(|team| &team.allowances) {
        is_canonical(&allowance.host, hosts, Path::new(&file), faults);
    }
    for ground in documents.teams.0.iter().flat_map(|team| &team.ground) {
        is_canonical(&ground.host, hosts, Path::new(&file), faults);
    }
}

fn is_canonical(host: &Placed<String>, hosts: &Hosts, file: &Path, faults: &Faults) {
    if let Some(canonical) = hosts.canonical(&host.value).filter(|canonical| **canonical != host.value) {
        faults.page(file).fault(
            host.at,
            format!("`{}` is an alias", host.value),
            format!("write the canonical name: `{canonical}`"),
        );
    }
}
