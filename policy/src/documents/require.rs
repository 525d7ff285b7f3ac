//! `require` of a route, and the same keys among a team's `defaults` and `floors`.

use super::mesh::all;
use super::words;
use crate::fault::{Page, Placed};
use crate::strict::{Members, Node, entries, flag, list, members, natural, string, texts};

/// How the holder shows that the warrant is his.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Mtls,
    Proof,
    Both,
}

/// How often the root may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Uses {
    Any,
    Limited,
    Once,
}

/// A state of the mesh or an environment that must have been attested lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub name: String,
    pub equals: String,
    pub max_age: u64,
}

/// Each dimension of the environment, and the values it may have.
pub(crate) type Dimensions = Vec<(String, Vec<String>)>;

/// What a request must bring before the policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Require {
    pub holder: Holder,
    pub uses: Uses,
    /// Of every link, in seconds.
    pub max_lifetime: u64,
    /// Delegations; 0 is the root only.
    pub max_depth: Option<u8>,
    /// The root must be in the issuance record.
    pub issued: bool,
    /// Each dimension and the values it may have.
    pub environment: Dimensions,
    pub conditions: Vec<Condition>,
    /// An attestation no older than this, in seconds.
    pub attestation: Option<u64>,
}

/// As written: what is absent may come from the team's defaults.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequireDoc {
    pub(crate) holder: Option<Placed<Holder>>,
    pub(crate) uses: Option<Placed<Uses>>,
    pub(crate) max_lifetime: Option<Placed<u64>>,
    pub(crate) max_depth: Option<Placed<u8>>,
    pub(crate) issued: Option<Placed<bool>>,
    pub(crate) environment: Option<Placed<Dimensions>>,
    pub(crate) conditions: Option<Placed<Vec<Condition>>>,
    /// The greatest age of an attestation.
    pub(crate) attestation: Option<Placed<u64>>,
}

impl RequireDoc {
    /// What is absent, out of another; a key that is there replaces the other's whole.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            holder: self.holder.or_else(|| other.holder.clone()),
            uses: self.uses.or_else(|| other.uses.clone()),
            max_lifetime: self.max_lifetime.or_else(|| other.max_lifetime.clone()),
            max_depth: self.max_depth.or_else(|| other.max_depth.clone()),
            issued: self.issued.or_else(|| other.issued.clone()),
            environment: self.environment.or_else(|| other.environment.clone()),
            conditions: self.conditions.or_else(|| other.conditions.clone()),
            attestation: self.attestation.or_else(|| other.attestation.clone()),
        }
    }
}

const KNOWN: &[&str] =
    &["holder", "use", "maxLifetime", "maxDepth", "issued", "environment", "conditions", "attestation"];

pub(crate) fn read(node: &Node, page: Page<'_>) -> Option<RequireDoc> {
    let spec = members(node, KNOWN, page)?;
    let holders = [("mtls", Holder::Mtls), ("proof", Holder::Proof), ("both", Holder::Both)];
    let uses = [("once", Uses::Once), ("limited", Uses::Limited), ("any", Uses::Any)];
    let holder = placed(spec, "holder", |node| words::one_of(node, &holders, page));
    let uses = placed(spec, "use", |node| words::one_of(node, &uses, page));
    let max_lifetime = placed(spec, "maxLifetime", |node| words::duration(node, page));
    let max_depth =
        placed(spec, "maxDepth", |node| natural(node, 0, 7, page).and_then(|depth| u8::try_from(depth).ok()));
    let issued = placed(spec, "issued", |node| flag(node, page));
    let environment = placed(spec, "environment", |node| environment(node, page));
    let conditions = placed(spec, "conditions", |node| conditions(node, page));
    let attestation = placed(spec, "attestation", |node| {
        words::duration(members(node, &["maxAge"], page)?.need("maxAge", page)?, page)
    });
    Some(RequireDoc {
        holder: holder?,
        uses: uses?,
        max_lifetime: max_lifetime?,
        max_depth: max_depth?,
        issued: issued?,
        environment: environment?,
        conditions: conditions?,
        attestation: attestation?,
    })
}

fn placed<T>(
    spec: Members<'_>,
    name: &str,
    read: impl FnOnce(&Node) -> Option<T>,
) -> Option<Option<Placed<T>>> {
    match spec.get(name) {
        Some(node) => read(node).map(|value| Some(Placed::new(node.at, value))),
        None => Some(None),
    }
}

fn environment(node: &Node, page: Page<'_>) -> Option<Dimensions> {
    let written = entries(node, page)?;
    let mut read = Vec::new();
    for (key, values) in written {
        if !words::is_plain(&key.text) {
            page.fault(
                key.at,
                format!("`{}` is no dimension that a warrant could carry", key.text),
                "use printable ASCII, neither `\"` nor `\\`",
            );
            continue;
        }
        if let Some(values) = plain_texts(values, page) {
            read.push((key.text.clone(), values));
        }
    }
    (read.len() == written.len()).then_some(read)
}

fn plain_texts(node: &Node, page: Page<'_>) -> Option<Vec<String>> {
    let written = texts(node, page)?;
    for text in written.iter().filter(|text| !words::is_plain(&text.value)) {
        page.fault(
            text.at,
            "a value that no warrant could carry",
            "use 1 to 256 printable ASCII characters, neither `\"` nor `\\`",
        );
    }
    written
        .iter()
        .all(|text| words::is_plain(&text.value))
        .then(|| written.into_iter().map(|text| text.value).collect())
}

fn conditions(node: &Node, page: Page<'_>) -> Option<Vec<Condition>> {
    let items = list(node, page)?;
    let read = all(items, |node| condition(node, page))?;
    for (position, (item, condition)) in items.iter().zip(&read).enumerate() {
        if read.iter().take(position).any(|earlier| earlier.name == condition.name) {
            page.fault(
                item.at,
                format!("the condition `{}` stands here twice", condition.name),
                "keep one of them",
            );
            return None;
        }
    }
    Some(read)
}

fn condition(node: &Node, page: Page<'_>) -> Option<Condition> {
    let spec = members(node, &["name", "equals", "maxAge"], page)?;
    let name = spec.need("name", page).and_then(|node| string(node, page));
    let equals = spec.need("equals", page).and_then(|node| string(node, page));
    let max_age = spec.need("maxAge", page).and_then(|node| words::duration(node, page));
    Some(Condition { name: name?.to_owned(), equals: equals?.to_owned(), max_age: max_age? })
}
