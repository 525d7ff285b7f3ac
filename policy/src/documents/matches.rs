//! `match` of a route: which hosts, methods and paths are its own.

use super::mesh::all;
use super::proxies::host;
use crate::fault::{Page, Placed};
use crate::matching::Pattern;
use crate::strict::{Node, list, members, string, texts};

/// One item of a route's `match`.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) hosts: Vec<Placed<String>>,
    pub(crate) methods: Vec<Placed<String>>,
    /// For gRPC one literal path a method, in the order of the methods.
    pub(crate) paths: Vec<Placed<Pattern>>,
    pub(crate) is_grpc: bool,
}

impl Match {
    /// The HTTP method and the path of all that it matches.
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

pub(super) fn read(node: &Node, page: Page<'_>) -> Option<Match> {
    let is_grpc = members(node, &["hosts", "methods", "paths", "grpc"], page)?.get("grpc").is_some();
    if is_grpc { grpc(node, page) } else { plain(node, page) }
}

fn plain(node: &Node, page: Page<'_>) -> Option<Match> {
    let item = members(node, &["hosts", "methods", "paths", "grpc"], page)?;
    let hosts = item.need("hosts", page).and_then(|node| hosts(node, page));
    let methods = item
        .need("methods", page)
        .and_then(|node| methods(node, is_http_method, "capital letters, like `POST`", page));
    let paths = item.need("paths", page).and_then(|node| all(list(node, page)?, |node| pattern(node, page)));
    Some(Match { hosts: hosts?, methods: methods?, paths: paths?, is_grpc: false })
}

/// `{hosts, grpc: pay.v1.Payments, methods: [Create]}` is short for `POST /pay.v1.Payments/Create`.
fn grpc(node: &Node, page: Page<'_>) -> Option<Match> {
    let item = members(node, &["hosts", "methods", "grpc"], page)?;
    let hosts = item.need("hosts", page).and_then(|node| hosts(node, page));
    let methods = item
        .need("methods", page)
        .and_then(|node| methods(node, is_grpc_method, "a method's name, like `Create`", page));
    let service = item.need("grpc", page).and_then(|node| service(node, page));
    let (service, methods) = (service?, methods?);
    let paths = methods.iter().filter_map(|method| {
        Pattern::parse(&format!("/{service}/{}", method.value)).ok().map(|path| Placed::new(method.at, path))
    });
    Some(Match { hosts: hosts?, paths: paths.collect(), methods, is_grpc: true })
}

pub(super) fn hosts(node: &Node, page: Page<'_>) -> Option<Vec<Placed<String>>> {
    let written = texts(node, page)?;
    let count = written.len();
    let read: Vec<_> = written.into_iter().filter_map(|text| host(text, page)).collect();
    (read.len() == count).then_some(read)
}

pub(super) fn http_methods(node: &Node, page: Page<'_>) -> Option<Vec<Placed<String>>> {
    methods(node, is_http_method, "capital letters, like `POST`", page)
}

fn methods(
    node: &Node,
    is_good: fn(&str) -> bool,
    instead: &str,
    page: Page<'_>,
) -> Option<Vec<Placed<String>>> {
    let written = texts(node, page)?;
    for method in written.iter().filter(|method| !is_good(&method.value)) {
        page.fault(method.at, format!("`{}` is no method", method.value), format!("write {instead}"));
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

fn service(node: &Node, page: Page<'_>) -> Option<String> {
    let text = string(node, page)?;
    if !text.split('.').all(is_grpc_method) {
        page.fault(
            node.at,
            format!("`{text}` is no gRPC service"),
            "write its full name, like `pay.v1.Payments`",
        );
        return None;
    }
    Some(text.to_owned())
}

fn pattern(node: &Node, page: Page<'_>) -> Option<Placed<Pattern>> {
    let text = string(node, page)?;
    match Pattern::parse(text) {
        Ok(pattern) => Some(Placed::new(node.at, pattern)),
        Err(why) => {
            page.fault(
                node.at,
                format!("`{text}` is no path pattern: {why}"),
                "write literal segments, `*` or `{name}` for one segment, and `**` at the end for any more",
            );
            None
        }
    }
}
