//! Reads the request, the caller and the warrant that a test describes.
//!
//! What a test leaves out is later chosen so that the requirements of the route hold.

use std::collections::BTreeMap;

use warrant::mint::GrantDetail;
use warrant::{Constraint, Value as ArgumentValue};

use super::Posture;
use super::mesh::read_all;
use super::parts::Parts;
use super::{scalars, times};
use crate::fault::FileFaults;
use crate::strict::{
    Form, MapKey, Node, NodeValue, canonical, entries, flag, formed, list, members, natural, string, texts,
};

pub(super) const KNOWN: &[&str] =
    &["request", "caller", "warrant", "environment", "conditions", "posture", "now"];

#[derive(Clone, Debug, Default)]
pub(crate) struct Situation {
    pub(crate) host: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// As JSON.
    pub(crate) body: Option<String>,
    pub(crate) caller: Option<String>,
    pub(crate) warrant: WarrantDoc,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) conditions: BTreeMap<String, String>,
    pub(crate) posture: Posture,
    pub(crate) now: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct WarrantDoc {
    /// `Some(None)`: unlimited.
    pub(crate) uses: Option<Option<u32>>,
    pub(crate) lifetime: Option<u64>,
    pub(crate) depth: u8,
    pub(crate) issued: Option<bool>,
    pub(crate) issuer: Option<String>,
    pub(crate) root: Option<String>,
    pub(crate) started_by: Option<(String, String)>,
    pub(crate) attr: BTreeMap<String, String>,
    pub(crate) details: Option<Vec<GrantDetail>>,
}

/// Reads what can be read of a situation. A map without members leaves everything to the defaults.
pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Situation> {
    let mut parts = Parts::new(members(node, KNOWN, faults)?, faults);
    let postures = Posture::ALL.map(|posture| (posture.name(), posture));
    let mut read = Situation {
        caller: parts.optional("caller", |node| text(node, faults)),
        warrant: parts.optional("warrant", |node| warrant(node, faults)).unwrap_or_default(),
        environment: parts.optional("environment", |node| named_texts(node, faults)).unwrap_or_default(),
        conditions: parts.optional("conditions", |node| named_texts(node, faults)).unwrap_or_default(),
        posture: parts
            .optional("posture", |node| scalars::one_of(node, &postures, faults))
            .unwrap_or_default(),
        now: parts.optional("now", |node| times::instant(node, faults)),
        ..Situation::default()
    };
    parts.optional("request", |node| request(&mut read, node, faults));
    Some(read)
}

fn request(read: &mut Situation, node: &Node, faults: FileFaults<'_>) -> Option<()> {
    let spec = members(node, &["host", "method", "path", "query", "headers", "body"], faults)?;
    let mut parts = Parts::new(spec, faults);
    read.host = parts.optional("host", |node| text(node, faults));
    read.method = parts.optional("method", |node| text(node, faults));
    read.path = parts.optional("path", |node| text(node, faults));
    read.query = parts.optional("query", |node| text(node, faults));
    let headers = parts.optional("headers", |node| named_texts(node, faults));
    read.headers = headers.unwrap_or_default().into_iter().collect();
    read.body = parts.optional("body", |node| Some(canonical::of(&plain(node, faults)?)));
    Some(())
}

/// A value that JSON can contain. For a doubtful one a fault is added.
fn plain(node: &Node, faults: FileFaults<'_>) -> Option<Node> {
    let value = match &node.value {
        NodeValue::Doubtful(_) => {
            string(node, faults);
            return None;
        }
        NodeValue::List(items) => NodeValue::List(read_all(items, |item| plain(item, faults))?),
        NodeValue::Map(members) => {
            let read: Vec<_> =
                members.iter().filter_map(|(key, node)| Some((key.clone(), plain(node, faults)?))).collect();
            if read.len() != members.len() {
                return None;
            }
            NodeValue::Map(read)
        }
        other @ (NodeValue::Null | NodeValue::Bool(_) | NodeValue::Integer(_) | NodeValue::Text(..)) => {
            other.clone()
        }
    };
    Some(Node { at: node.at, value })
}

fn warrant(node: &Node, faults: FileFaults<'_>) -> Option<WarrantDoc> {
    let known = [
        "use",
        "lifetime",
        "depth",
        "issued",
        "issuer",
        "root",
        "started_by",
        "attr",
        "authorization_details",
    ];
    let mut parts = Parts::new(members(node, &known, faults)?, faults);
    Some(WarrantDoc {
        uses: parts.optional("use", |node| uses(node, faults)),
        lifetime: parts.optional("lifetime", |node| times::duration(node, faults)),
        depth: parts
            .optional("depth", |node| u8::try_from(natural(node, 0, 7, faults)?).ok())
            .unwrap_or_default(),
        issued: parts.optional("issued", |node| flag(node, faults)),
        issuer: parts.optional("issuer", |node| text(node, faults)),
        root: parts.optional("root", |node| text(node, faults)),
        started_by: parts.optional("started_by", |node| starter(node, faults)),
        attr: parts.optional("attr", |node| named_texts(node, faults)).unwrap_or_default(),
        details: parts.optional("authorization_details", |node| {
            read_all(list(node, faults)?, |node| detail(node, faults))
        }),
    })
}

/// `{max: 3}`, or `unlimited`.
fn uses(node: &Node, faults: FileFaults<'_>) -> Option<Option<u32>> {
    if let NodeValue::Map(_) = node.value {
        let max = members(node, &["max"], faults)?.need("max", faults)?;
        return natural(max, 1, i64::from(i32::MAX), faults)
            .and_then(|max| u32::try_from(max).ok())
            .map(Some);
    }
    let form =
        Form { what: "a limit of uses", instead: "write `{max: <number>}`, like `{max: 1}`, or `unlimited`" };
    formed(node, form, faults, |text| (text == "unlimited").then_some(None))
}

fn starter(node: &Node, faults: FileFaults<'_>) -> Option<(String, String)> {
    let spec = members(node, &["iss", "sub"], faults)?;
    let iss = spec.need("iss", faults).and_then(|node| text(node, faults));
    let sub = spec.need("sub", faults).and_then(|node| text(node, faults));
    Some((iss?, sub?))
}

fn detail(node: &Node, faults: FileFaults<'_>) -> Option<GrantDetail> {
    let spec = members(node, &["type", "hosts", "methods", "paths", "actions", "args"], faults)?;
    let mut parts = Parts::new(spec, faults);
    parts.needed("type", |node| scalars::one_of(node, &[("execution", ())], faults));
    let read = GrantDetail {
        hosts: parts.needed("hosts", |node| plain_texts(node, faults)).unwrap_or_default(),
        methods: parts.needed("methods", |node| plain_texts(node, faults)).unwrap_or_default(),
        paths: parts.needed("paths", |node| plain_texts(node, faults)).unwrap_or_default(),
        actions: parts.optional("actions", |node| plain_texts(node, faults)),
        args: parts.optional("args", |node| constraints(node, faults)).unwrap_or_default(),
    };
    parts.broken.is_empty().then_some(read)
}

fn constraints(node: &Node, faults: FileFaults<'_>) -> Option<Vec<(String, Constraint)>> {
    let read = |(key, node): &(MapKey, Node)| Some((key.text.clone(), constraint(node, faults)?));
    Some(entries(node, faults)?.iter().filter_map(read).collect())
}

fn constraint(node: &Node, faults: FileFaults<'_>) -> Option<Constraint> {
    let spec = members(node, &["exact", "one_of", "range", "any"], faults)?;
    if let Some(node) = spec.get("exact") {
        return argument(node, faults).map(Constraint::Exact);
    }
    if let Some(node) = spec.get("one_of") {
        return read_all(list(node, faults)?, |node| argument(node, faults)).map(Constraint::OneOf);
    }
    if let Some(node) = spec.get("range") {
        let bounds =
            read_all(list(node, faults)?, |node| natural(&plain(node, faults)?, i64::MIN, i64::MAX, faults))?;
        let [low, high] = bounds.as_slice() else {
            faults.fault(node.at, "a range must have two integers", "write `range: [1, 9]`");
            return None;
        };
        return Some(Constraint::Range(*low, *high));
    }
    if let Some(node) = spec.get("any") {
        return scalars::check_true(node, faults).map(|()| Constraint::Any);
    }
    if !["exact", "one_of", "range", "any"].iter().any(|name| spec.misspells(name)) {
        faults.fault(
            node.at,
            "a constraint without members",
            "write `exact`, `one_of`, `range` or `any: true` in it",
        );
    }
    None
}

fn argument(node: &Node, faults: FileFaults<'_>) -> Option<ArgumentValue> {
    let node = plain(node, faults)?;
    match &node.value {
        NodeValue::Integer(number) => Some(ArgumentValue::Integer(*number)),
        NodeValue::Bool(value) => Some(ArgumentValue::Boolean(*value)),
        NodeValue::Null
        | NodeValue::Text(..)
        | NodeValue::Doubtful(_)
        | NodeValue::List(_)
        | NodeValue::Map(_) => string(&node, faults).map(|text| ArgumentValue::String(text.into())),
    }
}

fn plain_texts(node: &Node, faults: FileFaults<'_>) -> Option<Vec<String>> {
    Some(texts(node, faults)?.into_iter().map(|text| text.value).collect())
}

fn text(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    string(node, faults).map(str::to_owned)
}

fn named_texts(node: &Node, faults: FileFaults<'_>) -> Option<BTreeMap<String, String>> {
    let read = |(key, node): &(MapKey, Node)| Some((key.text.clone(), text(node, faults)?));
    Some(entries(node, faults)?.iter().filter_map(read).collect())
}
