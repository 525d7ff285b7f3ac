//! What a test says of a request and of who sends it. What it does not say is chosen so that the route's requirements hold.

use std::collections::BTreeMap;

use warrant::mint::GrantDetail;
use warrant::{Constraint, Value as Argument};

use super::Posture;
use super::mesh::all;
use super::words;
use crate::fault::Page;
use crate::strict::{Members, Node, Value, canonical, entries, flag, list, members, natural, string, texts};

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
    pub(crate) warrant: Warrant,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) conditions: BTreeMap<String, String>,
    pub(crate) posture: Posture,
    pub(crate) now: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Warrant {
    /// `Some(None)`: without limit.
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

pub(super) fn read(node: &Node, page: Page<'_>) -> Option<Situation> {
    if matches!(&node.value, Value::Map(members) if members.is_empty()) {
        return Some(Situation::default());
    }
    let spec = members(node, KNOWN, page)?;
    let mut read = Situation::default();
    if let Some(node) = spec.get("request") {
        request(&mut read, node, page)?;
    }
    if let Some(node) = spec.get("warrant") {
        read.warrant = warrant(node, page)?;
    }
    read.caller = optional(spec, "caller", page)?;
    read.environment = named_texts(spec, "environment", page)?;
    read.conditions = named_texts(spec, "conditions", page)?;
    if let Some(node) = spec.get("posture") {
        read.posture = words::one_of(node, &Posture::ALL.map(|posture| (posture.name(), posture)), page)?;
    }
    if let Some(node) = spec.get("now") {
        read.now = Some(words::instant(node, page)?);
    }
    Some(read)
}

fn request(read: &mut Situation, node: &Node, page: Page<'_>) -> Option<()> {
    let spec = members(node, &["host", "method", "path", "query", "headers", "body"], page)?;
    read.host = optional(spec, "host", page)?;
    read.method = optional(spec, "method", page)?;
    read.path = optional(spec, "path", page)?;
    read.query = optional(spec, "query", page)?;
    read.headers = named_texts(spec, "headers", page)?.into_iter().collect();
    if let Some(node) = spec.get("body") {
        read.body = Some(canonical::of(&plain(node, page)?));
    }
    Some(())
}

/// What can stand in JSON; anything else was told when the document was opened.
fn plain(node: &Node, page: Page<'_>) -> Option<Node> {
    let value = match &node.value {
        Value::Doubtful(_) => {
            string(node, page);
            return None;
        }
        Value::List(items) => Value::List(all(items, |item| plain(item, page))?),
        Value::Map(members) => {
            let read: Option<Vec<_>> =
                members.iter().map(|(key, node)| Some((key.clone(), plain(node, page)?))).collect();
            Value::Map(read?)
        }
        other @ (Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Text(..)) => other.clone(),
    };
    Some(Node { at: node.at, value })
}

fn warrant(node: &Node, page: Page<'_>) -> Option<Warrant> {
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
    let spec = members(node, &known, page)?;
    let uses = match spec.get("use") {
        Some(node) => Some(Some(uses(node, page)?)),
        None => Some(None),
    };
    let lifetime = spec.get("lifetime").map_or(Some(None), |node| words::duration(node, page).map(Some));
    let depth = spec
        .get("depth")
        .map_or(Some(0), |node| natural(node, 0, 7, page).and_then(|depth| u8::try_from(depth).ok()));
    let issued = spec.get("issued").map_or(Some(None), |node| flag(node, page).map(Some));
    let started_by = spec.get("started_by").map_or(Some(None), |node| starter(node, page).map(Some));
    let details = spec
        .get("authorization_details")
        .map_or(Some(None), |node| all(list(node, page)?, |node| detail(node, page)).map(Some));
    Some(Warrant {
        uses: uses?,
        lifetime: lifetime?,
        depth: depth?,
        issued: issued?,
        issuer: optional(spec, "issuer", page)?,
        root: optional(spec, "root", page)?,
        started_by: started_by?,
        attr: named_texts(spec, "attr", page)?,
        details: details?,
    })
}

/// `{max: 3}`, or `unlimited`.
fn uses(node: &Node, page: Page<'_>) -> Option<Option<u32>> {
    if let Value::Text(_, _) = node.value {
        return words::one_of(node, &[("unlimited", None)], page);
    }
    let max = members(node, &["max"], page)?.need("max", page)?;
    natural(max, 1, i64::from(i32::MAX), page).and_then(|max| u32::try_from(max).ok()).map(Some)
}

fn starter(node: &Node, page: Page<'_>) -> Option<(String, String)> {
    let spec = members(node, &["iss", "sub"], page)?;
    let (iss, sub) = (spec.need("iss", page)?, spec.need("sub", page)?);
    Some((string(iss, page)?.to_owned(), string(sub, page)?.to_owned()))
}

fn detail(node: &Node, page: Page<'_>) -> Option<GrantDetail> {
    let spec = members(node, &["type", "hosts", "methods", "paths", "actions", "args"], page)?;
    words::one_of(spec.need("type", page)?, &[("execution", ())], page)?;
    let some = |name| spec.need(name, page).and_then(|node| plain_texts(node, page));
    let (hosts, methods, paths) = (some("hosts"), some("methods"), some("paths"));
    let actions = spec.get("actions").map_or(Some(None), |node| plain_texts(node, page).map(Some));
    let args = spec.get("args").map_or(Some(Vec::new()), |node| {
        entries(node, page)?
            .iter()
            .map(|(key, node)| Some((key.text.clone(), constraint(node, page)?)))
            .collect()
    });
    Some(GrantDetail { hosts: hosts?, methods: methods?, paths: paths?, actions: actions?, args: args? })
}

fn constraint(node: &Node, page: Page<'_>) -> Option<Constraint> {
    let spec = members(node, &["exact", "one_of", "range", "any"], page)?;
    if let Some(node) = spec.get("exact") {
        return argument(node, page).map(Constraint::Exact);
    }
    if let Some(node) = spec.get("one_of") {
        return all(list(node, page)?, |node| argument(node, page)).map(Constraint::OneOf);
    }
    if let Some(node) = spec.get("range") {
        let bounds = all(list(node, page)?, |node| natural(&plain(node, page)?, i64::MIN, i64::MAX, page))?;
        let [low, high] = bounds.as_slice() else {
            page.fault(node.at, "a range of other than two integers", "write `range: [1, 9]`");
            return None;
        };
        return Some(Constraint::Range(*low, *high));
    }
    words::is_true(spec.need("any", page)?, page).map(|()| Constraint::Any)
}

fn argument(node: &Node, page: Page<'_>) -> Option<Argument> {
    let node = plain(node, page)?;
    match &node.value {
        Value::Integer(number) => Some(Argument::Integer(*number)),
        Value::Bool(value) => Some(Argument::Boolean(*value)),
        Value::Null | Value::Text(..) | Value::Doubtful(_) | Value::List(_) | Value::Map(_) => {
            string(&node, page).map(|text| Argument::String(text.into()))
        }
    }
}

fn plain_texts(node: &Node, page: Page<'_>) -> Option<Vec<String>> {
    Some(texts(node, page)?.into_iter().map(|text| text.value).collect())
}

fn optional(spec: Members<'_>, name: &str, page: Page<'_>) -> Option<Option<String>> {
    spec.get(name).map_or(Some(None), |node| string(node, page).map(|text| Some(text.to_owned())))
}

fn named_texts(spec: Members<'_>, name: &str, page: Page<'_>) -> Option<BTreeMap<String, String>> {
    let Some(node) = spec.get(name) else { return Some(BTreeMap::new()) };
    entries(node, page)?
        .iter()
        .map(|(key, node)| Some((key.text.clone(), string(node, page)?.to_owned())))
        .collect()
}
