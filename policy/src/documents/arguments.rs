//! Reads `args` and `action` of a route: what is read from a request, and where it is found.

use super::scalars;
use crate::fault::{FileFaults, Place, Placed};
use crate::matching::is_name;
use crate::strict::{MapKey, Node, entries, flag, list, members, string, texts};

/// One declared argument.
#[derive(Clone, Debug)]
pub struct DeclaredArgument {
    pub name: String,
    pub from: ArgumentSource,
    pub kind: ArgumentType,
    pub is_optional: bool,
    /// Recorded as a keyed digest, not by value.
    pub is_withheld: bool,
    /// The place of `from` in the document.
    pub(crate) from_at: Place,
}

/// Where an argument is found in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentSource {
    Path(String),
    Query(String),
    Header(String),
    Body(Pointer),
}

impl ArgumentSource {
    pub(crate) fn query_name(&self) -> Option<&str> {
        match self {
            Self::Query(name) => Some(name),
            Self::Path(_) | Self::Header(_) | Self::Body(_) => None,
        }
    }

    pub(crate) fn path_name(&self) -> Option<&str> {
        match self {
            Self::Path(name) => Some(name),
            Self::Query(_) | Self::Header(_) | Self::Body(_) => None,
        }
    }
}

impl std::fmt::Display for ArgumentType {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Long => "long",
            Self::Natural => "natural",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Strings => "strings",
        })
    }
}

/// An RFC 6901 pointer, unescaped, with at least one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(pub Vec<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentType {
    /// Within ±(2^53-1).
    Long,
    /// Not negative.
    Natural,
    String,
    Bool,
    /// A JSON array of strings.
    Strings,
}

/// Where the action is read, and all its possible values.
#[derive(Clone, Debug)]
pub struct DeclaredAction {
    pub from: ArgumentSource,
    pub one_of: Vec<String>,
    pub(crate) at: Place,
}

/// Words that Cedar reserves; `context.args.if` would not parse.
const CEDAR_WORDS: &[&str] = &[
    "true",
    "false",
    "if",
    "then",
    "else",
    "in",
    "is",
    "like",
    "has",
    "permit",
    "forbid",
    "when",
    "unless",
    "principal",
    "action",
    "resource",
    "context",
];

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Vec<DeclaredArgument>> {
    let written = entries(node, faults)?;
    let read: Vec<_> = written.iter().filter_map(|(key, node)| argument(key, node, faults)).collect();
    (read.len() == written.len()).then_some(read)
}

fn argument(key: &MapKey, node: &Node, faults: FileFaults<'_>) -> Option<DeclaredArgument> {
    if !is_name(&key.text) || CEDAR_WORDS.contains(&key.text.as_str()) {
        faults.fault(
            key.at,
            format!("`{}` is not a valid name for an argument", key.text),
            "use at most 32 of a-z, 0-9 and `_`, begin with a letter, and avoid the reserved words of Cedar",
        );
        return None;
    }
    let spec = members(node, &["from", "type", "optional", "record"], faults)?;
    let types = [
        ("long", ArgumentType::Long),
        ("natural", ArgumentType::Natural),
        ("string", ArgumentType::String),
        ("bool", ArgumentType::Bool),
        ("strings", ArgumentType::Strings),
    ];
    let from = spec.need("from", faults).and_then(|node| source(node, faults));
    let kind = spec.need("type", faults).and_then(|node| scalars::one_of(node, &types, faults));
    let is_optional = spec.get("optional").map_or(Some(false), |node| flag(node, faults));
    let is_withheld = spec
        .get("record")
        .map_or(Some(false), |node| scalars::one_of(node, &[("value", false), ("digest", true)], faults));
    let (from, kind) = (from?, kind?);
    if kind == ArgumentType::Strings && !matches!(from.value, ArgumentSource::Body(_)) {
        faults.fault(
            spec.place("type"),
            "`strings` must be read from the body",
            "use `string`: only a JSON array can hold several strings without ambiguity",
        );
        return None;
    }
    Some(DeclaredArgument {
        name: key.text.clone(),
        from: from.value,
        kind,
        is_optional: is_optional?,
        is_withheld: is_withheld?,
        from_at: from.at,
    })
}

pub(super) fn action(node: &Node, faults: FileFaults<'_>) -> Option<DeclaredAction> {
    let spec = members(node, &["from", "one_of"], faults)?;
    let from = spec.need("from", faults).and_then(|node| {
        let from = source(node, faults)?;
        if matches!(from.value, ArgumentSource::Query(_) | ArgumentSource::Header(_)) {
            faults.fault(
                node.at,
                "the action cannot be read from a query or a header",
                "read it from `path:<name>` or `body:/<pointer>`",
            );
            return None;
        }
        Some(from.value)
    });
    let one_of = spec.need("one_of", faults).and_then(|node| {
        list(node, faults)?;
        let names = texts(node, faults)?;
        let read: Vec<_> = names.iter().filter_map(|name| action_name(name, faults)).collect();
        (read.len() == names.len()).then_some(read)
    });
    Some(DeclaredAction { from: from?, one_of: one_of?, at: spec.at })
}

fn action_name(name: &Placed<String>, faults: FileFaults<'_>) -> Option<String> {
    if !scalars::is_plain(&name.value) || name.value == "-" {
        faults.fault(
            name.at,
            format!("`{}` is not a name that `actions` of a warrant can contain", name.value),
            "use printable ASCII without `\"` and `\\`, and not `-` alone",
        );
        return None;
    }
    Some(name.value.clone())
}

fn source(node: &Node, faults: FileFaults<'_>) -> Option<Placed<ArgumentSource>> {
    let text = string(node, faults)?;
    let read = match text.split_once(':') {
        Some(("path", name)) => named(name, "a valid name of a segment").map(ArgumentSource::Path),
        Some(("query", name)) if !name.is_empty() => Ok(ArgumentSource::Query(name.to_owned())),
        Some(("header", name)) => header(name).map(ArgumentSource::Header),
        Some(("body", pointer)) => Pointer::parse(pointer).map(ArgumentSource::Body),
        _ => Err("it does not name a place in a request".to_owned()),
    };
    match read {
        Ok(source) => Some(Placed::new(node.at, source)),
        Err(why) => {
            faults.fault(
                node.at,
                format!("`{text}`: {why}"),
                "write `path:<name>`, `query:<name>`, `header:<name>` or `body:/<pointer>`",
            );
            None
        }
    }
}

fn named(name: &str, what: &str) -> Result<String, String> {
    if is_name(name) { Ok(name.to_owned()) } else { Err(format!("`{name}` is not {what}")) }
}

/// A policy must not depend on headers that a proxy writes, that frame a message, or that hold secrets.
fn header(name: &str) -> Result<String, String> {
    const REFUSED: &[&str] = &[
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "content-length",
        "content-encoding",
        "forwarded",
        "authorization",
        "proxy-authorization",
        "cookie",
    ];
    const REFUSED_BEGINNINGS: &[&str] = &["warrant", "x-envoy-", "x-forwarded-"];
    let inside =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(inside) {
        return Err("write the name of a header in lower case, without `:`".to_owned());
    }
    if REFUSED.contains(&name) || REFUSED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return Err("a policy may not use this header: it is written by proxies, frames the message or holds a secret".to_owned());
    }
    Ok(name.to_owned())
}

impl Pointer {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a pointer into the body must begin with `/`".to_owned());
        };
        let tokens: Result<Vec<_>, _> = rest.split('/').map(token).collect();
        tokens.map(Self)
    }
}

fn token(text: &str) -> Result<String, String> {
    let mut read = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '~' { letters.next() } else { None }) {
            ('~', Some('0')) => read.push('~'),
            ('~', Some('1')) => read.push('/'),
            ('~', _) => return Err("in a pointer write `~` as `~0` and `/` as `~1`".to_owned()),
            (other, _) => read.push(other),
        }
    }
    if read == "-" {
        return Err("`-` means the item after the last one, and there is no such item".to_owned());
    }
    Ok(read)
}
