//! Views of a policy for people, editors and proxy configurations: documents, schemas and lists.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::explain::{self, Explained};
use super::question::Question;
use super::run::{ISSUANCE, OPERATORS};
use crate::bundles::Bundle;
use crate::documents::arguments::DeclaredArgument;
use crate::documents::files::Files;
use crate::documents::require::{Condition, Holder, Require};
use crate::engine::{Nearest, Own, PolicyQuery, Shape};
use crate::routes::{Policy, Route, UngovernedMatch};
use crate::strict::canonical;
use warrant::Seconds;

/// A policy and its files, for display.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) packed: &'a Files,
}

/// How an argument will be recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct RecordedArgument {
    pub route: String,
    pub argument: String,
    /// Whether only a keyed digest is recorded: then the decision cannot be judged again.
    pub is_withheld: bool,
}

impl<'a> View<'a> {
    /// The view of a signed bundle.
    pub fn of(bundle: &'a Bundle) -> Self {
        Self { policy: bundle, packed: bundle.files() }
    }

    /// The schema that a route's policies are validated against, or those of `operators` or `issuance`, as Cedar's JSON.
    pub fn schema(&self, route: &str) -> Option<Value> {
        if route == OPERATORS {
            return Some(self.policy.operators().schema());
        }
        if route == ISSUANCE {
            return Some(self.policy.issuance().schema());
        }
        let route = self.policy.route_named(route)?;
        let actions: BTreeSet<_> = route.declared().actions();
        let shape = Shape::of_route(
            route.name(),
            Some(self.policy.groups.names().collect()),
            actions,
            route.require().holder == Holder::Proof,
            Own::of(route.args(), route.require()),
        );
        Some(shape.to_json())
    }

    /// A document as it was written, in the form that a bundle contains.
    pub fn document(&self, name: &str) -> Option<Value> {
        let governed = self.policy.route_named(name).map(|route| (route.team(), route.name()));
        let ungoverned = || self.policy.ungoverned.iter().find(|found| found.name() == name);
        let (team, name) = governed.or_else(|| ungoverned().map(|found| (found.team(), found.name())))?;
        serde_json::from_slice(self.packed.get(&format!("routes/{team}/{name}.json"))?).ok()
    }

    /// Every governed route, sorted by name.
    pub fn routes(&self) -> Vec<&'a Route> {
        let mut routes: Vec<_> = self.policy.routes.iter().collect();
        routes.sort_by_key(|route| route.name());
        routes
    }

    /// Every match that needs no warrant, sorted by name.
    pub fn ungoverned(&self) -> Vec<&'a UngovernedMatch> {
        let mut ungoverned: Vec<_> = self.policy.ungoverned.iter().collect();
        ungoverned.sort_by_key(|found| found.name());
        ungoverned
    }

    /// Explains what would happen to a request, and why.
    pub fn explain(&self, question: &Question, now: Seconds) -> Result<Explained, String> {
        explain::explain(self.policy, question, now)
    }

    /// A route's document in canonical form, with its team's defaults filled in.
    pub fn expanded(&self, route: &str) -> Option<String> {
        let route = self.policy.route_named(route)?;
        let file = format!("routes/{}/{}.json", route.team(), route.name());
        let mut document: Value = serde_json::from_slice(self.packed.get(&file)?).ok()?;
        let spec = document.get_mut("spec")?.as_object_mut()?;
        spec.insert("require".to_owned(), require(route.require()));
        Some(canonical::of_json(&document))
    }

    /// How each argument will be recorded, sorted.
    pub fn recorded(&self) -> Vec<RecordedArgument> {
        let of = |route: &Route| {
            let name = route.name().to_owned();
            let one = move |argument: &DeclaredArgument| RecordedArgument {
                route: name.clone(),
                argument: argument.name.clone(),
                is_withheld: argument.is_withheld,
            };
            route.args().iter().map(one).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.policy.routes.iter().flat_map(of).collect();
        all.sort();
        all
    }

    /// The routes whose authorization checks must contain the body, sorted.
    pub fn reading_bodies(&self) -> Vec<&'a str> {
        let mut names: Vec<_> =
            self.policy.routes.iter().filter(|route| route.reads_body()).map(Route::name).collect();
        names.sort_unstable();
        names
    }

    /// If no policy permits: the permit that came nearest, and the part of it that does not hold.
    pub fn nearest(&self, route: &str, query: &PolicyQuery<'_>) -> Option<Nearest> {
        self.policy.nearest(self.policy.route_named(route)?, query)
    }
}

fn require(require: &Require) -> Value {
    let seconds = |seconds: u64| format!("{seconds}s");
    let mut all = json!({"holder": require.holder.name(), "use": require.uses.name(), "maxLifetime": seconds(require.max_lifetime)});
    let Value::Object(members) = &mut all else { return all };
    if let Some(depth) = require.max_depth {
        members.insert("maxDepth".to_owned(), depth.into());
    }
    if require.issued {
        members.insert("issued".to_owned(), true.into());
    }
    if !require.environment.is_empty() {
        members.insert(
            "environment".to_owned(),
            require.environment.iter().cloned().map(|(key, values)| (key, Value::from(values))).collect(),
        );
    }
    if !require.conditions.is_empty() {
        let condition = |condition: &Condition| json!({"name": condition.name, "equals": condition.equals, "maxAge": seconds(condition.max_age)});
        members.insert("conditions".to_owned(), require.conditions.iter().map(condition).collect());
    }
    if let Some(age) = require.attestation {
        members.insert("attestation".to_owned(), json!({"maxAge": seconds(age)}));
    }
    all
}
