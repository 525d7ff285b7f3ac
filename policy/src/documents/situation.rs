//! Reads the request, the caller and the warrant that a test describes.
//!
//! What a test leaves out is later chosen so that the requirements of the route hold.

use std::collections::BTreeMap;

use warrant::mint::GrantDetail;
use warrant::{Constraint, Value as ArgumentValue};

use super::Posture;
use super::mesh::read_all;
use super::scalars;
use crate::fault::FileFaults;
use crate::strict::{
    Members, Node, NodeValue, canonical, entries, flag, list, members, natural, string, texts,
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

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Situation> {
    if matches!(&node.value, NodeValue::Map(members) if members.is_empty()) {
        return Some(Situation::default());
    }
    let spec = members(node, KNOWN, faults)?;
    let mut read = Situation::default();
    if let Some(node) = spec.get("request") {
        request(&mut read, node, faults)?;
    }
    if let Some(node) = spec.get("warrant") {
        read.warrant = warrant(node, faults)?;
    }
    read.caller = optional(spec, "caller", faults)?;
    read.environment = named_texts(spec, "environment", faults)?;
    read.conditions = named_texts(spec, "conditions", faults)?;
    if let Some(node) = spec.get("posture") {
        read.posture = scalars::one_of(node, &Posture::ALL.map(|posture| (posture.name(), posture)), faults)?;
    }
    if let Some(node) = spec.get("now") {
        read.now = Some(scalars::instant(node, faults)?);
    }
    Some(read)
}

fn request(read: &mut Situation, node: &Node, faults: FileFaults<'_>) -> Option<()> {
    let spec = members(node, &["host", "method", "path", "query", "headers", "body"], faults)?;
    read.host = optional(spec, "host", faults)?;
    read.method = optional(spec, "method", faults)?;
    read.path = optional(spec, "path", faults)?;
    read.query = optional(spec, "query", faults)?;
    read.headers = named_texts(spec, "headers", faults)?.into_iter().collect();
    if let Some(node) = spec.get("body") {
        read.body = Some(canonical::of(&plain(node, faults)?));
    }
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
            let read: Option<Vec<_>> =
                members.iter().map(|(key, node)| Some((key.clone(), plain(node, faults)?))).collect();
            NodeValue::Map(read?)
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
    let spec = members(node, &known, faults)?;
    let uses = match spec.get("use") {
        Some(node) => Some(Some(uses(node, faults)?)),
        None => Some(None),
    };
    let lifetime = spec.get("lifetime").map_or(Some(None), |node| scalars::duration(node, faults).map(Some));
    let depth = spec
        .get("depth")
        .map_or(Some(0), |node| natural(node, 0, 7, faults).and_then(|depth| u8::try_from(depth).ok()));
    let issued = spec.get("issued").map_or(Some(None), |node| flag(node, faults).map(Some));
    let started_by = spec.get("started_by").map_or(Some(None), |node| starter(node, faults).map(Some));
    let details = spec
        .get("authorization_details")
        .map_or(Some(None), |node| read_all(list(node, faults)?, |node| detail(node, faults)).map(Some));
    Some(WarrantDoc {
        uses: uses?,
        lifetime: lifetime?,
        depth: depth?,
        issued: issued?,
        issuer: optional(spec, "issuer", faults)?,
        root: optional(spec, "root", faults)?,
        started_by: started_by?,
        attr: named_texts(spec, "attr", faults)?,
        details: details?,
    })
}

/// `{max: 3}`, or `unlimited`.
fn uses(node: &Node, faults: FileFaults<'_>) -> Option<Option<u32>> {
    if let NodeValue::Text(_, _) = node.value {
        return scalars::one_of(node, &[("unlimited", None)], faults);
    }
    let max = members(node, &["max"], faults)?.need("max", faults)?;
    natural(max, 1, i64::from(i32::MAX), faults).and_then(|max| u32::try_from(max).ok()).map(Some)
}

fn starter(node: &Node, faults: FileFaults<'_>) -> Option<(String, String)> {
    let spec = members(node, &["iss", "sub"], faults)?;
    let (iss, sub) = (spec.need("iss", faults)?, spec.need("sub", faults)?);
    Some((string(iss, faults)?.to_owned(), string(sub, faults)?.to_owned()))
}

fn detail(node: &Node, faults: FileFaults<'_>) -> Option<GrantDetail> {
    let spec = members(node, &["type", "hosts", "methods", "paths", "actions", "args"], faults)?;
    scalars::one_of(spec.need("type", faults)?, &[("execution", ())], faults)?;
    let some = |name| spec.need(name, faults).and_then(|node| plain_texts(node, faults));
    let (hosts, methods, paths) = (some("hosts"), some("methods"), some("paths"));
    let actions = spec.get("actions").map_or(Some(None), |node| plain_texts(node, faults).map(Some));
    let args = spec.get("args").map_or(Some(Vec::new()), |node| {
        entries(node, faults)?
            .iter()
            .map(|(key, node)| Some((key.text.clone(), constraint(node, faults)?)))
            .collect()
    });
    Some(GrantDetail { hosts: hosts?, methods: methods?, paths: paths?, actions: actions?, args: args? })
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
    scalars::check_true(spec.need("any", faults)?, faults).map(|()| Constraint::Any)
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

fn optional(spec: Members<'_>, name: &str, faults: FileFaults<'_>) -> Option<Option<String>> {
    spec.get(name).map_or(Some(None), |node| string(node, faults).map(|text| Some(text.to_owned())))
}

fn named_texts(spec: Members<'_>, name: &str, faults: FileFaults<'_>) -> Option<BTreeMap<String, String>> {
    let Some(node) = spec.get(name) else { return Some(BTreeMap::new()) };
    entries(node, faults)?
        .iter()
        .map(|(key, node)| Some((key.text.clone(), string(node, faults)?.to_owned())))
        .collect()
}
