//! The GovernedRoutes of a cluster as plain values, without anything of Kubernetes: what the rest of the operator decides by.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use policy::Files;
use policy::authoring::ObjectFault;
use serde_json::Value;
use warrant::Digest;

/// What the names of routes begin with that the operator makes. No object may have such a name: somebody who knew the name of a closed
/// route that comes could take it, and so open what would be closed.
pub(super) const OF_CLOSED: &str = "closed-";

/// Which object: its namespace, which is the team, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    pub namespace: String,
    pub name: String,
}

impl RouteKey {
    /// The object whose route is in this file of a bundle; `None` for tests and other files.
    pub fn of_file(file: &str) -> Option<RouteKey> {
        let (namespace, name) = file.strip_prefix("routes/")?.strip_suffix(".json")?.split_once('/')?;
        let key = || RouteKey { namespace: namespace.to_owned(), name: name.to_owned() };
        (!name.ends_with(".test")).then(key)
    }
}

impl RouteKey {
    /// The name of a closed route for this object, where it cannot have the object's own name. There are several, in case one is taken.
    pub(super) fn closed_name(&self, number: u32) -> String {
        let digest = Digest::of(format!("{self} {number}").as_bytes()).to_hex();
        format!("{OF_CLOSED}{}", digest.get(..16).unwrap_or_default())
    }
}

/// Whether this is the name of a route that the operator made.
pub fn is_of_closed(name: &str) -> bool {
    name.starts_with(OF_CLOSED)
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One object, as far as a build depends on it.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteObject {
    pub key: RouteKey,
    /// It grows with each change of `spec`.
    pub generation: i64,
    /// When it was made, in seconds: of two objects that want the same, the older one gets it.
    pub created: i64,
    pub spec: SpecText,
}

/// `spec` as it was sent. It stays a text until it is needed: read, it takes ten times as much memory, and a text that cannot be read is
/// the fault of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecText {
    Kept(Arc<str>),
    /// It has so many bytes, and is not kept.
    TooLong(usize),
    /// It is not known: its namespace has too many objects.
    LeftOut,
}

/// The longest `spec` that is kept. No document may be half as long.
pub const LONGEST_SPEC: usize = 512 * 1024;

impl SpecText {
    pub fn of(text: &str) -> SpecText {
        if text.len() > LONGEST_SPEC { SpecText::TooLong(text.len()) } else { SpecText::Kept(text.into()) }
    }

    /// How much of it is kept.
    pub fn kept(&self) -> usize {
        match self {
            SpecText::Kept(text) => text.len(),
            SpecText::TooLong(_) | SpecText::LeftOut => 0,
        }
    }

    /// What it says, or why it cannot be read.
    pub fn read(&self) -> Result<Value, ObjectFault> {
        let (what, instead) = match self {
            SpecText::Kept(text) => match serde_json::from_str(text) {
                Ok(value) => return Ok(value),
                Err(error) => (format!("it cannot be read: {error}"), "write it less deeply nested"),
            },
            SpecText::TooLong(bytes) => (
                format!("it has {bytes} bytes, and no object of more than {LONGEST_SPEC} is read"),
                "split it into several routes",
            ),
            SpecText::LeftOut => (
                "it is not known: it is gone together with most others, or its namespace has more objects than the operator reads"
                    .to_owned(),
                "apply it again, or remove others; it is read within a minute after that",
            ),
        };
        Err(ObjectFault { path: "spec".to_owned(), what, instead: instead.to_owned() })
    }
}

/// All objects of the cluster, sorted by their keys. Nothing is built from less: a route that is missing in a partial list would be
/// taken out of force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompleteList {
    objects: Vec<RouteObject>,
    /// Namespaces with more objects than can be listed.
    overfull: BTreeSet<String>,
}

impl CompleteList {
    /// The caller has read the list to its end.
    pub fn of_finished(mut objects: Vec<RouteObject>) -> CompleteList {
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        objects.dedup_by(|one, other| one.key == other.key);
        CompleteList { objects, overfull: BTreeSet::new() }
    }

    /// Of these namespaces objects may be missing.
    #[must_use]
    pub fn with_overfull(self, overfull: BTreeSet<String>) -> CompleteList {
        CompleteList { overfull, ..self }
    }

    /// The same list, and an object that is not known for each signed route whose object is missing, if `stays` says so. It stays as it
    /// is signed.
    #[must_use]
    pub fn with_signed(&self, signed: &Files, stays: impl Fn(&RouteKey) -> bool) -> CompleteList {
        let missing = signed.keys().filter_map(|file| RouteKey::of_file(file));
        let missing: Vec<RouteKey> = missing.filter(|key| self.get(key).is_none() && stays(key)).collect();
        // The closed route of an object that is in the list is found by the object, whatever its name is.
        let mut of_known = BTreeSet::new();
        if missing.iter().any(|key| is_of_closed(&key.name)) {
            of_known.extend(self.objects.iter().map(|object| object.key.closed_name(0)));
        }
        let missing = missing.into_iter().filter(|key| !of_known.contains(&key.name));
        let missing =
            missing.map(|key| RouteObject { key, generation: 0, created: 0, spec: SpecText::LeftOut });
        let objects = self.objects.iter().cloned().chain(missing).collect();
        CompleteList::of_finished(objects).with_overfull(self.overfull.clone())
    }

    pub fn is_overfull(&self, namespace: &str) -> bool {
        self.overfull.contains(namespace)
    }

    pub fn iter(&self) -> impl Iterator<Item = &RouteObject> {
        self.objects.iter()
    }

    pub fn len(&self) -> usize {
        self.objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    pub fn get(&self, key: &RouteKey) -> Option<&RouteObject> {
        let position = self.objects.binary_search_by(|one| one.key.cmp(key)).ok()?;
        self.objects.get(position)
    }
}
