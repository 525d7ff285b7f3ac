//! `kind: Proxies`: which proxy may ask for which hosts, and by which names a host is known.

use super::kind::{Kind, open};
use super::mesh::all;
use super::words;
use crate::fault::{Page, Placed};
use crate::strict::{Node, Value, entries, list, members, string, texts};

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

pub(crate) fn read(node: &Node, page: Page<'_>) -> Option<Proxies> {
    let document = open(node, Kind::Proxies, page)?;
    let items = list(document.members.need("spec", page)?, page)?;
    all(items, |node| proxy(node, page)).map(Proxies)
}

fn proxy(node: &Node, page: Page<'_>) -> Option<Proxy> {
    let spec = members(node, &["id", "hosts"], page)?;
    let id = spec.need("id", page).and_then(|node| id(node, page));
    let hosts = spec.need("hosts", page).and_then(|node| hosts(node, page));
    Some(Proxy { id: id?, hosts: hosts? })
}

fn id(node: &Node, page: Page<'_>) -> Option<Placed<String>> {
    let id = string(node, page)?;
    if id != "local" && !words::is_spiffe_id(id) {
        page.fault(
            node.at,
            format!("`{id}` is no proxy's identity"),
            "write the SPIFFE ID of its certificate, or `local` for a Unix socket or loopback",
        );
        return None;
    }
    Some(Placed::new(node.at, id.to_owned()))
}

fn hosts(node: &Node, page: Page<'_>) -> Option<Vec<ServedHost>> {
    let written = entries(node, page)?;
    let mut read = Vec::new();
    for (key, aliases) in written {
        let canonical = host(Placed::new(key.at, key.text.clone()), page);
        // A host without aliases is known by its own name alone.
        let has_none = matches!(&aliases.value, Value::List(list) if list.is_empty());
        let aliases = if has_none { Some(Vec::new()) } else { texts(aliases, page) };
        let aliases = aliases.map(|list| list.into_iter().filter_map(|alias| host(alias, page)).collect());
        if let (Some(canonical), Some(aliases)) = (canonical, aliases) {
            read.push((canonical, aliases));
        }
    }
    (read.len() == written.len()).then_some(read)
}

/// A host as a warrant writes it.
pub(crate) fn host(text: Placed<String>, page: Page<'_>) -> Option<Placed<String>> {
    if !words::is_host(&text.value) {
        page.fault(
            text.at,
            format!("`{}` is no host", text.value),
            "write lower-case labels joined by dots, with `:port` where clients send one",
        );
        return None;
    }
    Some(text)
}
