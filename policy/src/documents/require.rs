//! Reads `require` of a route, and the same keys in `defaults` and `floors` of a team.

use super::parts::{Broken, Parts, readable};
use super::{scalars, times};
use crate::fault::{FileFaults, Placed};
use crate::strict::{Node, entries, flag, list, members, natural, string};

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
    /// The keys whose values are not known, because they have a fault.
    pub(crate) broken: Broken,
}

impl RequireDoc {
    /// Nothing is known of any key: the document with them could not be read.
    pub(crate) fn unknown() -> Self {
        Self { broken: Broken::all(KNOWN), ..Self::default() }
    }

    /// Fills in absent keys from `other`. A key that is present replaces the other's value completely.
    pub(crate) fn or(self, other: &Self) -> Self {
        let mut broken = self.broken.clone();
        let written = self.written();
        for key in KNOWN.iter().filter(|key| other.broken.has(key) && !written.contains(key)) {
            broken.add(key);
        }
        let own = |key: &str| self.broken.has(key);
        Self {
            holder: filled(own("holder"), self.holder, &other.holder),
            uses: filled(own("use"), self.uses, &other.uses),
            max_lifetime: filled(own("maxLifetime"), self.max_lifetime, &other.max_lifetime),
            max_depth: filled(own("maxDepth"), self.max_depth, &other.max_depth),
            issued: filled(own("issued"), self.issued, &other.issued),
            environment: filled(own("environment"), self.environment, &other.environment),
            conditions: filled(own("conditions"), self.conditions, &other.conditions),
            attestation: filled(own("attestation"), self.attestation, &other.attestation),
            broken,
        }
    }

    /// The keys that are present.
    fn written(&self) -> Vec<&'static str> {
        let all = [
            ("holder", self.holder.is_some()),
            ("use", self.uses.is_some()),
            ("maxLifetime", self.max_lifetime.is_some()),
            ("maxDepth", self.max_depth.is_some()),
            ("issued", self.issued.is_some()),
            ("environment", self.environment.is_some()),
            ("conditions", self.conditions.is_some()),
            ("attestation", self.attestation.is_some()),
        ];
        all.into_iter().filter(|(_, is_written)| *is_written).map(|(key, _)| key).collect()
    }
}

/// The value of a key, or its default if the key is absent. A key with a fault is not absent: it gets no default.
fn filled<T: Clone>(is_broken: bool, own: Option<T>, default: &Option<T>) -> Option<T> {
    own.or_else(|| default.clone().filter(|_| !is_broken))
}

const KNOWN: &[&str] =
    &["holder", "use", "maxLifetime", "maxDepth", "issued", "environment", "conditions", "attestation"];

/// Reads what can be read of the requirements.
pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<RequireDoc> {
    let holders = Holder::ALL.map(|holder| (holder.name(), holder));
    let uses = UseLimit::ALL.map(|uses| (uses.name(), uses));
    let mut parts = Parts::new(members(node, KNOWN, faults)?, faults);
    Some(RequireDoc {
        holder: parts.optional("holder", |node| at(node, scalars::one_of(node, &holders, faults))),
        uses: parts.optional("use", |node| at(node, scalars::one_of(node, &uses, faults))),
        max_lifetime: parts.optional("maxLifetime", |node| at(node, times::duration(node, faults))),
        max_depth: parts.optional("maxDepth", |node| {
            at(node, natural(node, 0, 7, faults).and_then(|depth| u8::try_from(depth).ok()))
        }),
        issued: parts.optional("issued", |node| at(node, flag(node, faults))),
        environment: parts.optional("environment", |node| at(node, environment(node, faults))),
        conditions: parts.optional("conditions", |node| at(node, conditions(node, faults))),
        attestation: parts.optional("attestation", |node| {
            let age = members(node, &["maxAge"], faults)?.need("maxAge", faults)?;
            at(node, times::duration(age, faults))
        }),
        broken: parts.broken,
    })
}

fn at<T>(node: &Node, value: Option<T>) -> Option<Placed<T>> {
    value.map(|value| Placed::new(node.at, value))
}

/// Dimensions of the environment, each with its allowed values.
pub(super) fn environment(node: &Node, faults: FileFaults<'_>) -> Option<Dimensions> {
    let mut read = Vec::new();
    for (key, values) in entries(node, faults)? {
        if !scalars::is_plain(&key.text) {
            faults.fault(
                key.at,
                format!("`{}` is not a dimension that a warrant can contain", key.text),
                scalars::PLAIN,
            );
            continue;
        }
        let values = list(values, faults).unwrap_or_default();
        read.push((key.text.clone(), readable(values, |node| scalars::plain(node, faults))));
    }
    Some(read)
}

fn conditions(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Condition>> {
    let mut read: Vec<Condition> = Vec::new();
    for item in list(node, faults)? {
        let Some(condition) = condition(item, faults) else { continue };
        if read.iter().any(|earlier| earlier.name == condition.name) {
            faults.fault(
                item.at,
                format!("the condition `{}` occurs twice", condition.name),
                "keep one of them",
            );
        }
        read.push(condition);
    }
    Some(read)
}

fn condition(node: &Node, faults: FileFaults<'_>) -> Option<Condition> {
    let spec = members(node, &["name", "equals", "maxAge"], faults)?;
    let name = spec.need("name", faults).and_then(|node| string(node, faults));
    let equals = spec.need("equals", faults).and_then(|node| string(node, faults));
    let max_age = spec.need("maxAge", faults).and_then(|node| times::duration(node, faults));
    Some(Condition { name: name?.to_owned(), equals: equals?.to_owned(), max_age: max_age? })
}
