//! Turns the proxies' document into [`Hosts`]: each name or alias means one canonical host in the whole bundle.

use std::path::Path;

use crate::documents::files::Documents;
use crate::fault::{Faults, Placed};
use crate::routes::Hosts;

pub(super) fn read(documents: &Documents, faults: &Faults) -> Hosts {
    let file = documents.top("proxies");
    let file_faults = faults.in_file(Path::new(&file));
    let mut hosts = Hosts::default();
    for proxy in documents.proxies.iter().flat_map(|proxies| &proxies.0) {
        if let Some(id) = proxy.id.as_ref().filter(|id| !hosts.add_proxy(&id.value, &proxy.terms)) {
            file_faults.fault(
                id.at,
                format!("the proxy `{}` occurs twice", id.value),
                "write all its hosts in one entry",
            );
        }
        for (canonical, aliases) in &proxy.hosts {
            if let Some(id) = &proxy.id {
                hosts.add_host(&id.value, &canonical.value);
            }
            for name in std::iter::once(canonical).chain(aliases) {
                let known = hosts.add_name(&name.value, &canonical.value);
                if known != canonical.value {
                    let what =
                        format!("`{}` means `{}` here and `{known}` elsewhere", name.value, canonical.value);
                    file_faults.fault(name.at, what, "use a name for one host only in the whole bundle");
                }
            }
        }
    }
    hosts
}

/// Routes and grounds must name canonical hosts: an alias would be one more name to protect.
pub(super) fn check_all_canonical(documents: &Documents, hosts: &Hosts, faults: &Faults) {
    for route in &documents.routes {
        for host in route.matches.iter().flat_map(|item| &item.hosts) {
            check_canonical(host, hosts, &route.file, faults);
        }
    }
    let file = documents.top("teams");
    for team in documents.teams.iter().flat_map(|teams| &teams.list) {
        let allowed = team.allowances.iter().map(|allowance| &allowance.host);
        for host in allowed.chain(team.ground.iter().map(|ground| &ground.host)) {
            check_canonical(host, hosts, Path::new(&file), faults);
        }
    }
}

fn check_canonical(host: &Placed<String>, hosts: &Hosts, file: &Path, faults: &Faults) {
    if let Some(canonical) = hosts.canonical(&host.value).filter(|canonical| **canonical != host.value) {
        faults.in_file(file).fault(
            host.at,
            format!("`{}` is an alias", host.value),
            format!("write the canonical name: `{canonical}`"),
        );
    }
}
