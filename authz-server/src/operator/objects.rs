//! The GovernedRoutes of a cluster as plain values, without anything of Kubernetes: what the rest of the operator decides by.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// Which object: its namespace, which is the team, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    pub namespace: String,
    pub name: String,
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
    pub spec: Arc<Value>,
    /// How long `spec` is as JSON. One that is too long to be read is not kept, and `spec` is null.
    pub bytes: usize,
}

/// The longest `spec` that is kept. No document may be half as long.
pub const LONGEST_SPEC: usize = 512 * 1024;

impl RouteObject {
    pub fn is_kept(&self) -> bool {
        self.bytes <= LONGEST_SPEC
    }
}

/// All objects of the cluster, sorted by their keys. Nothing is built from less: a route that is missing in a partial list would be
/// taken out of force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompleteList(Vec<RouteObject>);

impl CompleteList {
    /// The caller has read the list to its end.
    pub fn of_finished(mut objects: Vec<RouteObject>) -> CompleteList {
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        objects.dedup_by(|one, other| one.key == other.key);
        CompleteList(objects)
    }

    pub fn iter(&self) -> impl Iterator<Item = &RouteObject> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, key: &RouteKey) -> Option<&RouteObject> {
        let position = self.0.binary_search_by(|one| one.key.cmp(key)).ok()?;
        self.0.get(position)
    }
}
