//! Reads `match` of a route: the hosts, methods and paths that it matches.

use super::parts::readable;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::matching::Pattern;
use crate::strict::{Form, Node, NodeValue, formed, list, members};

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

/// Reads what can be read of an item.
pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<MatchDoc> {
    let is_grpc =
        matches!(&node.value, NodeValue::Map(items) if items.iter().any(|(key, _)| key.text == "grpc"));
    if is_grpc { grpc(node, faults) } else { plain(node, faults) }
}

fn plain(node: &Node, faults: FileFaults<'_>) -> Option<MatchDoc> {
    let item = members(node, &["hosts", "methods", "paths", "grpc"], faults)?;
    let paths = |node| {
        let path = |node: &Node| scalars::path(node, "a valid path pattern", faults, Pattern::parse);
        Some(readable(list(node, faults)?, path))
    };
    Some(MatchDoc {
        hosts: item.need("hosts", faults).and_then(|node| hosts(node, faults)).unwrap_or_default(),
        methods: item.need("methods", faults).and_then(|node| http_methods(node, faults)).unwrap_or_default(),
        paths: item.need("paths", faults).and_then(paths).unwrap_or_default(),
        is_grpc: false,
    })
}

/// `{hosts, grpc: pay.v1.Payments, methods: [Create]}` is short for `POST /pay.v1.Payments/Create`.
fn grpc(node: &Node, faults: FileFaults<'_>) -> Option<MatchDoc> {
    let item = members(node, &["hosts", "methods", "grpc"], faults)?;
    let hosts = item.need("hosts", faults).and_then(|node| hosts(node, faults)).unwrap_or_default();
    let methods = item.need("methods", faults).and_then(|node| grpc_methods(node, faults));
    let service = item.need("grpc", faults).and_then(|node| service(node, faults));
    let (methods, paths) = match service {
        Some(service) => methods
            .unwrap_or_default()
            .into_iter()
            .filter_map(|method| {
                let path = Pattern::parse(&format!("/{service}/{}", method.value)).ok()?;
                let at = method.at;
                Some((method, Placed::new(at, path)))
            })
            .unzip(),
        None => (Vec::new(), Vec::new()),
    };
    Some(MatchDoc { hosts, methods, paths, is_grpc: true })
}

fn hosts(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Placed<String>>> {
    Some(readable(list(node, faults)?, |node| scalars::host(node, faults)))
}

pub(super) fn http_methods(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Placed<String>>> {
    let form = Form { what: "a valid method", instead: "write it in capital letters, like `POST`" };
    methods(node, form, is_http_method, faults)
}

fn grpc_methods(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Placed<String>>> {
    let form = Form { what: "a valid method", instead: "write the name of a gRPC method, like `Create`" };
    methods(node, form, is_grpc_method, faults)
}

fn methods(
    node: &Node,
    form: Form<'_>,
    is_method: fn(&str) -> bool,
    faults: FileFaults<'_>,
) -> Option<Vec<Placed<String>>> {
    let method = |node: &Node| {
        formed(node, form, faults, |text| is_method(text).then(|| Placed::new(node.at, text.to_owned())))
    };
    Some(readable(list(node, faults)?, method))
}

pub(crate) fn is_http_method(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_grpc_method(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn service(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    let form = Form { what: "a valid gRPC service", instead: "write its full name, like `pay.v1.Payments`" };
    formed(node, form, faults, |text| text.split('.').all(is_grpc_method).then(|| text.to_owned()))
}
