//! Reads `require` of a route, and the same keys in `defaults` and `floors` of a team.

use super::mesh::read_all;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Members, Node, entries, flag, list, members, natural, string, texts};

/// How the holder proves that the warrant is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Mtls,
    Proof,
    Both,
}

impl Holder {
    pub(crate) const ALL: [Self; 3] = [Self::Mtls, Self::Proof, Self::Both];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mtls => "mtls",
            Self::Proof => "proof",
            Self::Both => "both",
        }
    }
}

/// The limit of uses that the root of a warrant must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UseLimit {
    Any,
    Limited,
    Once,
}

impl UseLimit {
    pub(crate) const ALL: [Self; 3] = [Self::Once, Self::Limited, Self::Any];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Limited => "limited",
            Self::Once => "once",
        }
    }
}

/// A state of the mesh or of an environment that must have been attested recently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub name: String,
    pub equals: String,
    pub max_age: u64,
}

/// Each dimension of the environment with its allowed values.
pub(crate) type Dimensions = Vec<(String, Vec<String>)>;

/// What a request must fulfil before the policy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Require {
    pub holder: Holder,
    pub uses: UseLimit,
    /// The longest lifetime of every link, in seconds.
    pub max_lifetime: u64,
    /// The maximum number of delegations; 0 allows only the root.
    pub max_depth: Option<u8>,
    /// The root must be in the issuance record.
    pub issued: bool,
    /// The allowed values of each dimension.
    pub environment: Dimensions,
    pub conditions: Vec<Condition>,
    /// The maximum age of an attestation, in seconds.
    pub attestation: Option<u64>,
}

/// `require` as written. What is absent may come from the defaults of the team.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequireDoc {
    pub(crate) holder: Option<Placed<Holder>>,
    pub(crate) uses: Option<Placed<UseLimit>>,
    pub(crate) max_lifetime: Option<Placed<u64>>,
    pub(crate) max_depth: Option<Placed<u8>>,
    pub(crate) issued: Option<Placed<bool>>,
    pub(crate) environment: Option<Placed<Dimensions>>,
    pub(crate) conditions: Option<Placed<Vec<Condition>>>,
    /// The maximum age of an attestation, in seconds.
    pub(crate) attestation: Option<Placed<u64>>,
}

impl RequireDoc {
    /// Fills in absent keys from `other`. A key that is present replaces the other's value completely.
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

pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<RequireDoc> {
    let spec = members(node, KNOWN, faults)?;
    let holders = Holder::ALL.map(|holder| (holder.name(), holder));
    let uses = UseLimit::ALL.map(|uses| (uses.name(), uses));
    let holder = placed(spec, "holder", |node| scalars::one_of(node, &holders, faults));
    let uses = placed(spec, "use", |node| scalars::one_of(node, &uses, faults));
    let max_lifetime = placed(spec, "maxLifetime", |node| scalars::duration(node, faults));
    let max_depth = placed(spec, "maxDepth", |node| {
        natural(node, 0, 7, faults).and_then(|depth| u8::try_from(depth).ok())
    });
    let issued = placed(spec, "issued", |node| flag(node, faults));
    let environment = placed(spec, "environment", |node| environment(node, faults));
    let conditions = placed(spec, "conditions", |node| conditions(node, faults));
    let attestation = placed(spec, "attestation", |node| {
        scalars::duration(members(node, &["maxAge"], faults)?.need("maxAge", faults)?, faults)
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

fn environment(node: &Node, faults: FileFaults<'_>) -> Option<Dimensions> {
    let written = entries(node, faults)?;
    let mut read = Vec::new();
    for (key, values) in written {
        if !scalars::is_plain(&key.text) {
            faults.fault(
                key.at,
                format!("`{}` is not a dimension that a warrant can contain", key.text),
                "use printable ASCII without `\"` and `\\`",
            );
            continue;
        }
        if let Some(values) = plain_texts(values, faults) {
            read.push((key.text.clone(), values));
        }
    }
    (read.len() == written.len()).then_some(read)
}

fn plain_texts(node: &Node, faults: FileFaults<'_>) -> Option<Vec<String>> {
    let written = texts(node, faults)?;
    for text in written.iter().filter(|text| !scalars::is_plain(&text.value)) {
        faults.fault(
            text.at,
            "a warrant cannot contain this value",
            "use 1 to 256 printable ASCII characters without `\"` and `\\`",
        );
    }
    written
        .iter()
        .all(|text| scalars::is_plain(&text.value))
        .then(|| written.into_iter().map(|text| text.value).collect())
}

fn conditions(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Condition>> {
    let items = list(node, faults)?;
    let read = read_all(items, |node| condition(node, faults))?;
    for (position, (item, condition)) in items.iter().zip(&read).enumerate() {
        if read.iter().take(position).any(|earlier| earlier.name == condition.name) {
            faults.fault(
                item.at,
                format!("the condition `{}` occurs twice", condition.name),
                "keep one of them",
            );
            return None;
        }
    }
    Some(read)
}

fn condition(node: &Node, faults: FileFaults<'_>) -> Option<Condition> {
    let spec = members(node, &["name", "equals", "maxAge"], faults)?;
    let name = spec.need("name", faults).and_then(|node| string(node, faults));
    let equals = spec.need("equals", faults).and_then(|node| string(node, faults));
    let max_age = spec.need("maxAge", faults).and_then(|node| scalars::duration(node, faults));
    Some(Condition { name: name?.to_owned(), equals: equals?.to_owned(), max_age: max_age? })
}
