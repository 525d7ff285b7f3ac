//! What can be shown of a policy: to a person, to an editor, to a proxy's configuration.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::explain::{self, Explained};
use super::question::Question;
use crate::bundles::Bundle;
use crate::documents::arguments::DeclaredArgument;
use crate::documents::files::Files;
use crate::documents::require::{Condition, Holder, Require, UseLimit};
use crate::engine::{Asked, Nearest, Shape};
use crate::routes::{Opening, Policy, Route};
use crate::strict::canonical;
use warrant::Seconds;

/// A policy, to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) packed: &'a Files,
}

/// An argument as the record will hold it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Recorded {
    pub route: String,
    pub argument: String,
    /// A keyed digest only: such a decision cannot be judged again.
    pub is_withheld: bool,
}

impl<'a> View<'a> {
    /// What is in a signed bundle.
    pub fn of(bundle: &'a Bundle) -> Self {
        Self { policy: bundle, packed: bundle.files() }
    }

    fn route(&self, name: &str) -> Option<&'a Route> {
        self.policy.by_name.get(name).and_then(|position| self.policy.routes.get(*position))
    }

    /// The schema that a route's policies are validated against, as Cedar's JSON.
    pub fn schema(&self, route: &str) -> Option<Value> {
        let route = self.route(route)?;
        let actions: BTreeSet<_> = route.declared().actions();
        let shape = Shape::of_route(
            route.name(),
            self.policy.groups.names().collect(),
            actions,
            route.args(),
            route.require(),
        );
        Some(shape.to_json())
    }

    /// A document as it was written, in the form in which a bundle holds it.
    pub fn document(&self, name: &str) -> Option<Value> {
        let route = self.route(name).map(|route| (route.team(), route.name()));
        let opening = || self.policy.openings.iter().find(|opening| opening.name() == name);
        let (team, name) = route.or_else(|| opening().map(|opening| (opening.team(), opening.name())))?;
        serde_json::from_slice(self.packed.get(&format!("routes/{team}/{name}.json"))?).ok()
    }

    /// Every route that governs, and every match that needs no warrant; each sorted by name.
    pub fn routes(&self) -> Vec<&'a Route> {
        let mut routes: Vec<_> = self.policy.routes.iter().collect();
        routes.sort_by_key(|route| route.name());
        routes
    }

    pub fn openings(&self) -> Vec<&'a Opening> {
        let mut openings: Vec<_> = self.policy.openings.iter().collect();
        openings.sort_by_key(|opening| opening.name());
        openings
    }

    /// What a request would meet, and why.
    pub fn explain(&self, question: &Question, now: Seconds) -> Result<Explained, String> {
        explain::explain(self.policy, question, now)
    }

    /// A route's document with everything filled in that its team's defaults say, canonical.
    pub fn expanded(&self, route: &str) -> Option<String> {
        let route = self.route(route)?;
        let file = format!("routes/{}/{}.json", route.team(), route.name());
        let mut document: Value = serde_json::from_slice(self.packed.get(&file)?).ok()?;
        let spec = document.get_mut("spec")?.as_object_mut()?;
        spec.insert("require".to_owned(), require(route.require()));
        Some(canonical::of_json(&document))
    }

    /// Every argument that will be recorded, sorted.
    pub fn recorded(&self) -> Vec<Recorded> {
        let of = |route: &Route| {
            let name = route.name().to_owned();
            let one = move |argument: &DeclaredArgument| Recorded {
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

    /// The routes whose checks must carry the body, sorted.
    pub fn reading_bodies(&self) -> Vec<&'a str> {
        let mut names: Vec<_> =
            self.policy.routes.iter().filter(|route| route.reads_body()).map(Route::name).collect();
        names.sort_unstable();
        names
    }

    /// Where nothing permits: the permit that came nearest, and what of it does not hold.
    pub fn nearest(&self, route: &str, asked: &Asked<'_>) -> Option<Nearest> {
        self.policy.nearest(self.route(route)?, asked)
    }
}

fn require(require: &Require) -> Value {
    let holder = match require.holder {
        Holder::Mtls => "mtls",
        Holder::Proof => "proof",
        Holder::Both => "both",
    };
    let uses = match require.uses {
        UseLimit::Any => "any",
        UseLimit::Limited => "limited",
        UseLimit::Once => "once",
    };
    let seconds = |seconds: u64| format!("{seconds}s");
    let mut all = json!({"holder": holder, "use": uses, "maxLifetime": seconds(require.max_lifetime)});
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
