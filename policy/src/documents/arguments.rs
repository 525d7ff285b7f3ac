//! `args` and `action` of a route: what is read out of a request, and where from.

use super::words;
use crate::fault::{Page, Place, Placed};
use crate::matching::is_name;
use crate::strict::{Key, Node, entries, flag, list, members, string, texts};

/// One declared argument.
#[derive(Clone, Debug)]
pub struct Argument {
    pub name: String,
    pub from: Source,
    pub kind: ArgumentType,
    pub is_optional: bool,
    /// Recorded as a keyed digest, not by value.
    pub is_withheld: bool,
    /// Where `from` stands.
    pub(crate) from_at: Place,
}

/// Where an argument stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Path(String),
    Query(String),
    Header(String),
    Body(Pointer),
}

impl Source {
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

/// What an action is derived from, and the closed set of what it may be.
#[derive(Clone, Debug)]
pub struct Action {
    pub from: Source,
    pub one_of: Vec<String>,
    pub(crate) at: Place,
}

/// Words that Cedar keeps for itself; `context.args.if` would not parse.
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

pub(super) fn read(node: &Node, page: Page<'_>) -> Option<Vec<Argument>> {
    let written = entries(node, page)?;
    let read: Vec<_> = written.iter().filter_map(|(key, node)| argument(key, node, page)).collect();
    (read.len() == written.len()).then_some(read)
}

fn argument(key: &Key, node: &Node, page: Page<'_>) -> Option<Argument> {
    if !is_name(&key.text) || CEDAR_WORDS.contains(&key.text.as_str()) {
        page.fault(
            key.at,
            format!("`{}` is no name for an argument", key.text),
            "use a-z, 0-9 and `_`, a letter first, at most 32, and no word of Cedar's",
        );
        return None;
    }
    let spec = members(node, &["from", "type", "optional", "record"], page)?;
    let types = [
        ("long", ArgumentType::Long),
        ("natural", ArgumentType::Natural),
        ("string", ArgumentType::String),
        ("bool", ArgumentType::Bool),
        ("strings", ArgumentType::Strings),
    ];
    let from = spec.need("from", page).and_then(|node| source(node, page));
    let kind = spec.need("type", page).and_then(|node| words::one_of(node, &types, page));
    let is_optional = spec.get("optional").map_or(Some(false), |node| flag(node, page));
    let is_withheld = spec
        .get("record")
        .map_or(Some(false), |node| words::one_of(node, &[("value", false), ("digest", true)], page));
    let (from, kind) = (from?, kind?);
    if kind == ArgumentType::Strings && !matches!(from.value, Source::Body(_)) {
        page.fault(
            spec.place("type"),
            "`strings` that are not in the body",
            "read one `string`: only a JSON array holds several without ambiguity",
        );
        return None;
    }
    Some(Argument {
        name: key.text.clone(),
        from: from.value,
        kind,
        is_optional: is_optional?,
        is_withheld: is_withheld?,
        from_at: from.at,
    })
}

pub(super) fn action(node: &Node, page: Page<'_>) -> Option<Action> {
    let spec = members(node, &["from", "one_of"], page)?;
    let from = spec.need("from", page).and_then(|node| {
        let from = source(node, page)?;
        if matches!(from.value, Source::Query(_) | Source::Header(_)) {
            page.fault(
                node.at,
                "an action from a query or a header",
                "read it from `path:<name>` or `body:/<pointer>`",
            );
            return None;
        }
        Some(from.value)
    });
    let one_of = spec.need("one_of", page).and_then(|node| {
        list(node, page)?;
        let names = texts(node, page)?;
        let read: Vec<_> = names.iter().filter_map(|name| action_name(name, page)).collect();
        (read.len() == names.len()).then_some(read)
    });
    Some(Action { from: from?, one_of: one_of?, at: spec.at })
}

fn action_name(name: &Placed<String>, page: Page<'_>) -> Option<String> {
    if !words::is_plain(&name.value) || name.value == "-" {
        page.fault(
            name.at,
            format!("`{}` is no name that a warrant's `actions` could carry", name.value),
            "use printable ASCII, neither `\"` nor `\\`, and more than `-`",
        );
        return None;
    }
    Some(name.value.clone())
}

fn source(node: &Node, page: Page<'_>) -> Option<Placed<Source>> {
    let text = string(node, page)?;
    let read = match text.split_once(':') {
        Some(("path", name)) => named(name, "a segment's name").map(Source::Path),
        Some(("query", name)) if !name.is_empty() => Ok(Source::Query(name.to_owned())),
        Some(("header", name)) => header(name).map(Source::Header),
        Some(("body", pointer)) => Pointer::parse(pointer).map(Source::Body),
        _ => Err("it names no place in a request".to_owned()),
    };
    match read {
        Ok(source) => Some(Placed::new(node.at, source)),
        Err(why) => {
            page.fault(
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

/// Headers that a proxy writes, that frame a message, or that hold secrets say nothing a policy may rest on.
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
        return Err("a header's name is written in lower case, without `:`".to_owned());
    }
    if REFUSED.contains(&name) || REFUSED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return Err("this header is written by proxies, frames the message or holds a secret".to_owned());
    }
    Ok(name.to_owned())
}

impl Pointer {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a pointer into the body begins with `/`".to_owned());
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
            ('~', _) => return Err("in a pointer `~` is written `~0` and `/` is written `~1`".to_owned()),
            (other, _) => read.push(other),
        }
    }
    if read == "-" {
        return Err("`-` is the member after the last: there is none".to_owned());
    }
    Ok(read)
}
