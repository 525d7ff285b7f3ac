//! Reads `kind: Proxies`: the hosts that each proxy may ask about, the aliases of each host, and the terms of each
//! proxy.

use super::kind::{DocumentKind, open};
use super::parts::readable;
use super::proxy_terms::ProxyTerms;
use super::require;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Form, Node, NodeValue, entries, flag, formed, list, members};

#[derive(Debug)]
pub(crate) struct Proxies(pub(crate) Vec<Proxy>);

#[derive(Debug)]
pub(crate) struct Proxy {
    /// `None` if it has a fault.
    pub(crate) id: Option<Placed<String>>,
    /// Each canonical host with its aliases.
    pub(crate) hosts: Vec<ServedHost>,
    pub(crate) terms: ProxyTerms,
}

/// A canonical host and its aliases.
pub(crate) type ServedHost = (Placed<String>, Vec<Placed<String>>);

/// Reads what can be read of the proxies.
pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Proxies> {
    let document = open(node, DocumentKind::Proxies, faults)?;
    let items = list(document.members.need("spec", faults)?, faults)?;
    Some(Proxies(readable(items, |node| proxy(node, faults))))
}

fn proxy(node: &Node, faults: FileFaults<'_>) -> Option<Proxy> {
    let spec = members(node, &["id", "hosts", "strictMtls", "environment"], faults)?;
    let id = spec.need("id", faults).and_then(|node| id(node, faults));
    let hosts = spec.need("hosts", faults).and_then(|node| hosts(node, faults));
    let strict_mtls = spec.get("strictMtls").and_then(|node| flag(node, faults));
    let environment = spec.get("environment").and_then(|node| require::environment(node, faults));
    let terms = ProxyTerms {
        strict_mtls: strict_mtls.unwrap_or_default(),
        environment: environment.unwrap_or_default(),
    };
    Some(Proxy { id, hosts: hosts.unwrap_or_default(), terms })
}

fn id(node: &Node, faults: FileFaults<'_>) -> Option<Placed<String>> {
    let form = Form {
        what: "a valid identity of a proxy",
        instead: "write the SPIFFE ID of its certificate, or `local` for a Unix socket or loopback",
    };
    formed(node, form, faults, |text| {
        (text == "local" || scalars::is_spiffe_id(text)).then(|| Placed::new(node.at, text.to_owned()))
    })
}

fn hosts(node: &Node, faults: FileFaults<'_>) -> Option<Vec<ServedHost>> {
    let mut read = Vec::new();
    for (key, aliases) in entries(node, faults)? {
        // A host without aliases has only its own name.
        let has_none = matches!(&aliases.value, NodeValue::List(list) if list.is_empty());
        let aliases = if has_none { None } else { list(aliases, faults) };
        let aliases = readable(aliases.unwrap_or_default(), |node| scalars::host(node, faults));
        if scalars::is_host(&key.text) {
            read.push((Placed::new(key.at, key.text.clone()), aliases));
        } else {
            let Form { what, instead } = scalars::HOST;
            faults.fault(key.at, format!("`{}` is not {what}", key.text), instead);
        }
    }
    Some(read)
}
