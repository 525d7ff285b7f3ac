//! Reads `kind: Proxies`: the hosts that each proxy may ask about, and the aliases of each host.

use super::kind::{DocumentKind, open};
use super::mesh::read_all;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Node, NodeValue, entries, list, members, string, texts};

#[derive(Debug)]
pub(crate) struct Proxies(pub(crate) Vec<Proxy>);

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) id: Placed<String>,
    /// Each canonical host with its aliases.
    pub(crate) hosts: Vec<ServedHost>,
}

/// A canonical host and its aliases.
pub(crate) type ServedHost = (Placed<String>, Vec<Placed<String>>);

pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Proxies> {
    let document = open(node, DocumentKind::Proxies, faults)?;
    let items = list(document.members.need("spec", faults)?, faults)?;
    read_all(items, |node| proxy(node, faults)).map(Proxies)
}

fn proxy(node: &Node, faults: FileFaults<'_>) -> Option<Proxy> {
    let spec = members(node, &["id", "hosts"], faults)?;
    let id = spec.need("id", faults).and_then(|node| id(node, faults));
    let hosts = spec.need("hosts", faults).and_then(|node| hosts(node, faults));
    Some(Proxy { id: id?, hosts: hosts? })
}

fn id(node: &Node, faults: FileFaults<'_>) -> Option<Placed<String>> {
    let id = string(node, faults)?;
    if id != "local" && !scalars::is_spiffe_id(id) {
        faults.fault(
            node.at,
            format!("`{id}` is not a valid identity of a proxy"),
            "write the SPIFFE ID of its certificate, or `local` for a Unix socket or loopback",
        );
        return None;
    }
    Some(Placed::new(node.at, id.to_owned()))
}

fn hosts(node: &Node, faults: FileFaults<'_>) -> Option<Vec<ServedHost>> {
    let written = entries(node, faults)?;
    let mut read = Vec::new();
    for (key, aliases) in written {
        let canonical = host(Placed::new(key.at, key.text.clone()), faults);
        // A host without aliases has only its own name.
        let has_none = matches!(&aliases.value, NodeValue::List(list) if list.is_empty());
        let aliases = if has_none { Some(Vec::new()) } else { texts(aliases, faults) };
        let aliases = aliases.map(|list| list.into_iter().filter_map(|alias| host(alias, faults)).collect());
        if let (Some(canonical), Some(aliases)) = (canonical, aliases) {
            read.push((canonical, aliases));
        }
    }
    (read.len() == written.len()).then_some(read)
}

/// A host as a warrant writes it.
pub(crate) fn host(text: Placed<String>, faults: FileFaults<'_>) -> Option<Placed<String>> {
    if !scalars::is_host(&text.value) {
        faults.fault(
            text.at,
            format!("`{}` is not a valid host", text.value),
            "write lower-case labels separated by dots, with `:port` if clients send it",
        );
        return None;
    }
    Some(text)
}
