//! Reads `args` and `action` of a route: what is read from a request, and where it is found.

use super::mesh::read_all;
use super::parts::Parts;
use super::scalars;
use crate::fault::{FileFaults, Place, Placed};
use crate::matching::is_name;
use crate::strict::{Form, MapKey, Node, NodeValue, entries, flag, formed, list, members};

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

impl ArgumentType {
    const ALL: [Self; 5] = [Self::Long, Self::Natural, Self::String, Self::Bool, Self::Strings];

    const fn name(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Natural => "natural",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Strings => "strings",
        }
    }
}

impl std::fmt::Display for ArgumentType {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
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

/// The arguments that can be read.
pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Vec<DeclaredArgument>> {
    Some(entries(node, faults)?.iter().filter_map(|(key, node)| argument(key, node, faults)).collect())
}

fn argument(key: &MapKey, node: &Node, faults: FileFaults<'_>) -> Option<DeclaredArgument> {
    let is_named = is_name(&key.text) && !CEDAR_WORDS.contains(&key.text.as_str());
    if !is_named {
        faults.fault(
            key.at,
            format!("`{}` is not a valid name for an argument", key.text),
            "use at most 32 of a-z, 0-9 and `_`, begin with a letter, and avoid the reserved words of Cedar",
        );
    }
    let spec = members(node, &["from", "type", "optional", "record"], faults)?;
    let mut parts = Parts::new(spec, faults);
    let types = ArgumentType::ALL.map(|kind| (kind.name(), kind));
    let records = [("value", false), ("digest", true)];
    let from = parts.needed("from", |node| source(node, faults));
    let kind = parts.needed("type", |node| scalars::one_of(node, &types, faults));
    let is_optional = parts.optional("optional", |node| flag(node, faults)).unwrap_or_default();
    let is_withheld =
        parts.optional("record", |node| scalars::one_of(node, &records, faults)).unwrap_or_default();
    let (from, kind) = (from?, kind?);
    if kind == ArgumentType::Strings && !matches!(from.value, ArgumentSource::Body(_)) {
        faults.fault(
            spec.place("type"),
            "`strings` must be read from the body",
            "use `string`: only a JSON array can hold several strings without ambiguity",
        );
        return None;
    }
    (is_named && parts.broken.is_empty()).then(|| DeclaredArgument {
        name: key.text.clone(),
        from: from.value,
        kind,
        is_optional,
        is_withheld,
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
    let form = Form {
        what: "a name that `actions` of a warrant can contain",
        instead: "use 1 to 256 printable ASCII characters without `\"` and `\\`, and not `-` alone",
    };
    let is_action = |text: &str| scalars::is_plain(text) && text != "-";
    let name = |node: &Node| formed(node, form, faults, |text| is_action(text).then(|| text.to_owned()));
    let one_of = spec.need("one_of", faults).and_then(|node| read_all(list(node, faults)?, name));
    Some(DeclaredAction { from: from?, one_of: one_of?, at: spec.at })
}

fn source(node: &Node, faults: FileFaults<'_>) -> Option<Placed<ArgumentSource>> {
    if let NodeValue::Text(text, _) = &node.value
        && let Err((why, instead)) = ArgumentSource::parse(text)
    {
        faults.fault(node.at, format!("`{text}`: {why}"), instead);
        return None;
    }
    let form = Form { what: "a place in a request", instead: SOURCES };
    let read = formed(node, form, faults, |text| ArgumentSource::parse(text).ok())?;
    Some(Placed::new(node.at, read))
}

const SOURCES: &str = "write `path:<name>`, `query:<name>`, `header:<name>` or `body:/<pointer>`";

/// Why a text names no place in a request, and what to write instead.
type Refusal = (&'static str, &'static str);

impl ArgumentSource {
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text.split_once(':') {
            Some(("path", name)) if is_name(name) => Ok(Self::Path(name.to_owned())),
            Some(("path", _)) => Err((
                "it does not name a segment",
                "write `path:<name>`, for a `{name}` of at most 32 of a-z, 0-9 and `_`, a letter first",
            )),
            Some(("query", name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            Some(("header", name)) => header(name).map(Self::Header),
            Some(("body", pointer)) => Pointer::parse(pointer).map(Self::Body),
            _ => Err(("it does not name a place in a request", SOURCES)),
        }
    }
}

/// A policy must not depend on headers that a proxy writes, that frame a message, or that hold secrets.
fn header(name: &str) -> Result<String, Refusal> {
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
        return Err((
            "it is not the name of a header",
            "write the name in lower case, without `:`, like `header:x-tenant`",
        ));
    }
    if REFUSED.contains(&name) || REFUSED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return Err((
            "a policy may not use this header: it is written by proxies, frames the message or holds a secret",
            "read another header",
        ));
    }
    Ok(name.to_owned())
}

impl Pointer {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err((
                "a pointer into the body must begin with `/`",
                "write `body:/<name>`, and one more `/<name>` for each level below",
            ));
        };
        let tokens: Result<Vec<_>, _> = rest.split('/').map(token).collect();
        tokens.map(Self)
    }
}

/// The name in a token of a pointer (RFC 6901): `~1` is `/`, and `~0` is `~`; another `~` is a fault.
pub(super) fn unescaped(token: &str) -> Option<String> {
    let is_good = token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    is_good.then(|| token.replace("~1", "/").replace("~0", "~"))
}

fn token(text: &str) -> Result<String, Refusal> {
    let read = unescaped(text)
        .ok_or(("`~` is not escaped", "in a pointer write `~` as `~0`, and `/` in a name as `~1`"))?;
    if read == "-" {
        return Err((
            "`-` means the item after the last one, and there is no such item",
            "write the number of an item, from 0",
        ));
    }
    Ok(read)
}
