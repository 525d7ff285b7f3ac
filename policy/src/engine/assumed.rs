//! Assumptions about names. If a fault in a document hides which names a policy may use, the names that it uses are
//! taken to exist.
//!
//! So the fault is reported once, where it is, and the rest of the policy is still validated. What is compiled with
//! assumptions is never used: a policy with any fault does not come into force.

use std::collections::BTreeSet;

use super::est;
use super::names::{RESERVED, Type};
use super::policies::Written;
use super::schema::{Own, Shape};
use super::uncompiled::Uncompiled;

/// The names that are assumed for one text.
#[derive(Debug, Default)]
pub(super) struct Assumed {
    actions: BTreeSet<String>,
    environment: BTreeSet<String>,
    conditions: BTreeSet<String>,
}

impl Assumed {
    /// For the policies of a route.
    pub(super) fn of_route(route: &Uncompiled<'_>, written: &[Written]) -> Self {
        let is_hidden = |key: &str| route.require.broken.has(key);
        let read = |record: &str| named(written, |policy| est::read_from_context(policy, record));
        Self {
            actions: if route.knows_actions() { BTreeSet::new() } else { actions(written) },
            environment: if is_hidden("environment") { read("environment") } else { BTreeSet::new() },
            conditions: if is_hidden("conditions") { read("conditions") } else { BTreeSet::new() },
        }
    }

    /// For mesh-wide policies, if the actions of some route are not known.
    pub(super) fn of_mesh(written: &[Written]) -> Self {
        Self { actions: actions(written), ..Self::default() }
    }

    /// The shape with the names that are assumed.
    pub(super) fn added_to<'a>(&'a self, mut shape: Shape<'a>) -> Shape<'a> {
        shape.actions.extend(self.actions.iter().map(String::as_str));
        if let Some(Own { environment, conditions, .. }) = &mut shape.own {
            environment.extend(self.environment.iter().map(String::as_str));
            conditions.extend(self.conditions.iter().map(String::as_str));
        }
        shape
    }
}

/// Without any action Cedar would find every policy impossible.
fn actions(written: &[Written]) -> BTreeSet<String> {
    let mut all = named(written, |policy| est::named(policy, Type::Action));
    all.insert(RESERVED.to_owned());
    all
}

fn named(written: &[Written], of: impl Fn(&serde_json::Value) -> Vec<String>) -> BTreeSet<String> {
    written.iter().flat_map(|policy| of(&policy.est)).collect()
}
