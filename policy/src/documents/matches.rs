//! Reads `match` of a route: the hosts, methods and paths that it matches.

use super::mesh::read_all;
use super::proxies::host;
use crate::fault::{FileFaults, Placed};
use crate::matching::Pattern;
use crate::strict::{Node, list, members, string, texts};

/// One item of a route's `match`.
#[derive(Debug)]
pub(crate) struct MatchDoc {
    pub(crate) hosts: Vec<Placed<String>>,
    pub(crate) methods: Vec<Placed<String>>,
    /// For gRPC one literal path per method, in the order of the methods.
    pub(crate) paths: Vec<Placed<Pattern>>,
    pub(crate) is_grpc: bool,
}

impl MatchDoc {
    /// Each HTTP method and path that it matches.
    pub(crate) fn endpoints(&self) -> Vec<(&str, &Placed<Pattern>)> {
        match self.is_grpc {
            true => self.paths.iter().map(|path| ("POST", path)).collect(),
            false => self
                .methods
                .iter()
                .flat_map(|method| self.paths.iter().map(|path| (method.value.as_str(), path)))
                .collect(),
        }
    }
}

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<MatchDoc> {
    let is_grpc = members(node, &["hosts", "methods", "paths", "grpc"], faults)?.get("grpc").is_some();
    if is_grpc { grpc(node, faults) } else { plain(node, faults) }
}

fn plain(node: &Node, faults: FileFaults<'_>) -> Option<MatchDoc> {
    let item = members(node, &["hosts", "methods", "paths", "grpc"], faults)?;
    let hosts = item.need("hosts", faults).and_then(|node| hosts(node, faults));
    let methods = item
        .need("methods", faults)
        .and_then(|node| methods(node, is_http_method, "it in capital letters, like `POST`", faults));
    let paths = item
        .need("paths", faults)
        .and_then(|node| read_all(list(node, faults)?, |node| pattern(node, faults)));
    Some(MatchDoc { hosts: hosts?, methods: methods?, paths: paths?, is_grpc: false })
}

/// `{hosts, grpc: pay.v1.Payments, methods: [Create]}` is short for `POST /pay.v1.Payments/Create`.
fn grpc(node: &Node, faults: FileFaults<'_>) -> Option<MatchDoc> {
    let item = members(node, &["hosts", "methods", "grpc"], faults)?;
    let hosts = item.need("hosts", faults).and_then(|node| hosts(node, faults));
    let methods = item
        .need("methods", faults)
        .and_then(|node| methods(node, is_grpc_method, "the name of a gRPC method, like `Create`", faults));
    let service = item.need("grpc", faults).and_then(|node| service(node, faults));
    let (service, methods) = (service?, methods?);
    let paths = methods.iter().filter_map(|method| {
        Pattern::parse(&format!("/{service}/{}", method.value)).ok().map(|path| Placed::new(method.at, path))
    });
    Some(MatchDoc { hosts: hosts?, paths: paths.collect(), methods, is_grpc: true })
}

pub(super) fn hosts(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Placed<String>>> {
    let written = texts(node, faults)?;
    let count = written.len();
    let read: Vec<_> = written.into_iter().filter_map(|text| host(text, faults)).collect();
    (read.len() == count).then_some(read)
}

pub(super) fn http_methods(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Placed<String>>> {
    methods(node, is_http_method, "it in capital letters, like `POST`", faults)
}

fn methods(
    node: &Node,
    is_good: fn(&str) -> bool,
    instead: &str,
    faults: FileFaults<'_>,
) -> Option<Vec<Placed<String>>> {
    let written = texts(node, faults)?;
    for method in written.iter().filter(|method| !is_good(&method.value)) {
        faults.fault(
            method.at,
            format!("`{}` is not a valid method", method.value),
            format!("write {instead}"),
        );
    }
    written.iter().all(|method| is_good(&method.value)).then_some(written)
}

fn is_http_method(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_grpc_method(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn service(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    let text = string(node, faults)?;
    if !text.split('.').all(is_grpc_method) {
        faults.fault(
            node.at,
            format!("`{text}` is not a valid gRPC service"),
            "write its full name, like `pay.v1.Payments`",
        );
        return None;
    }
    Some(text.to_owned())
}

fn pattern(node: &Node, faults: FileFaults<'_>) -> Option<Placed<Pattern>> {
    let text = string(node, faults)?;
    match Pattern::parse(text) {
        Ok(pattern) => Some(Placed::new(node.at, pattern)),
        Err(broken) => {
            faults.fault(
                node.at,
                format!("`{text}` is not a valid path pattern: {}", broken.why),
                broken.instead,
            );
            None
        }
    }
}
