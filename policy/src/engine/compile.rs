//! Policies, compiled: one slice a route, each on a thread whose stack we made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use serde_json::{Value, json};

use super::check::{OPEN_INSTEAD, Report, Whose, rules};
use super::est;
use super::fit::Fit;
use super::policies::{self, Advice, Written};
use super::schema::Shape;
use super::slice::Slice;
use super::stack;
use crate::documents::callers::Caller;
use crate::documents::require::Require;
use crate::documents::require::{Holder, UseLimit};
use crate::documents::route::{PolicyText, RouteDoc};
use crate::fault::{Place, Placed};

/// A route that is to be compiled.
#[derive(Debug)]
pub(crate) struct Uncompiled<'a> {
    pub(crate) document: &'a RouteDoc,
    pub(crate) require: &'a Require,
    pub(crate) actions: BTreeSet<&'a str>,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    /// In the order of the routes; `None` where a rule was broken.
    pub(crate) slices: Vec<Option<Slice>>,
    /// In the order of the routes.
    pub(crate) reports: Vec<Report>,
    pub(crate) mesh: Report,
}

/// The policies that are in every slice.
struct MeshWide {
    policies: Vec<Policy>,
    advice: BTreeMap<String, Advice>,
}

/// Compiles all routes; `None` when no thread could be had.
pub(crate) fn compile(mesh: &PolicyText, routes: &[Uncompiled<'_>], groups: &[&str]) -> Option<Compiled> {
    let (mesh_report, mesh_wide) = stack::on_a_deep_stack(|| mesh_wide(mesh, routes, groups))?;
    let mesh_wide = Arc::new(mesh_wide);
    let compiled = stack::each(routes, |route| {
        let mut report = Report::default();
        let slice = one(route, &mesh_wide, groups, &mut report);
        (slice.filter(|_| report.is_sound()), report)
    })?;
    let (slices, reports) = compiled.into_iter().unzip();
    Some(Compiled { slices, reports, mesh: mesh_report })
}

fn mesh_wide(text: &PolicyText, routes: &[Uncompiled<'_>], groups: &[&str]) -> (Report, MeshWide) {
    let mut report = Report::default();
    let shape = Shape {
        routes: routes.iter().map(|route| route.document.name.value.as_str()).collect(),
        groups: groups.to_vec(),
        actions: routes.iter().flat_map(|route| route.actions.iter().copied()).collect(),
        has_keys: true,
        own: None,
    };
    let mut mesh = MeshWide { policies: Vec::new(), advice: BTreeMap::new() };
    match shape.schema() {
        Err(why) => report.fault(text.at, why, "name fewer things"),
        Ok(schema) => {
            let written = policies::read(text, "mesh", &Validator::new(schema), &mut report);
            rules(&written, Whose::Mesh, &mut report);
            for policy in written {
                mesh.policies.extend(named(&policy.id, policy.est, policy.at, &mut report));
                mesh.advice.insert(policy.id, policy.advice);
            }
        }
    }
    (report, mesh)
}

fn one(route: &Uncompiled<'_>, mesh: &MeshWide, groups: &[&str], report: &mut Report) -> Option<Slice> {
    let document = route.document;
    let name = document.name.value.as_str();
    let shape = Shape::of_route(name, groups.to_vec(), route.actions.clone(), &document.args, route.require);
    let schema = shape
        .schema()
        .map_err(|why| report.fault(document.spec, why, "rename what Cedar cannot take"))
        .ok()?;
    let validator = Validator::new(schema);
    let written = match &document.policy {
        Some(text) => policies::read(text, name, &validator, report),
        None => Vec::new(),
    };
    let is_open = route.require.holder == Holder::Proof && route.require.uses == UseLimit::Any;
    rules(&written, Whose::Route { name, has_keys: shape.has_keys, is_open }, report);
    someone_may(&written, route, is_open, report);
    let mut advice = mesh.advice.clone();
    let mut all = mesh.policies.clone();
    for policy in written {
        advice.insert(policy.id.clone(), policy.advice);
        all.extend(named(&policy.id, est::about(policy.est, name), policy.at, report));
    }
    for caller in document.callers.iter().filter(|caller| is_described(&caller.value, groups)) {
        all.extend(named(&caller_id(name, &caller.value), permit_of(&caller.value, name), caller.at, report));
    }
    if !report.is_sound() {
        return None;
    }
    let set = PolicySet::from_policies(all)
        .map_err(|error| report.fault(document.spec, error.to_string(), "give each policy its own `@id`"))
        .ok()?;
    holds_as_scoped(&set, &validator, document.spec, report);
    Some(Slice { policies: set, fit: Fit::of(&shape)?, advice })
}

/// A mesh-wide policy is not validated against a route's schema again: it sees less than there is, and some of its actions are others'.
fn holds_as_scoped(set: &PolicySet, validator: &Validator, at: Place, report: &mut Report) {
    let own =
        set.policies().filter(|policy| !AsRef::<str>::as_ref(policy.id()).starts_with("mesh/")).cloned();
    let Ok(own) = PolicySet::from_policies(own) else {
        return report.fault(at, "two policies of one name", "give each policy its own `@id`");
    };
    for error in validator.validate(&own, ValidationMode::Strict).validation_errors() {
        report.fault(at, error.to_string(), "write the policy so that it holds for this route alone");
    }
}

fn named(id: &str, est: Value, at: Place, report: &mut Report) -> Option<Policy> {
    Policy::from_json(Some(PolicyId::new(id)), est)
        .map_err(|error| report.fault(at, error.to_string(), "write the policy more plainly"))
        .ok()
}

/// What the permit of a caller is called.
pub(crate) fn caller_id(route: &str, caller: &Caller) -> String {
    format!("{route}/caller:{}", caller.entry())
}

/// A group that nobody describes is told by the assembly, in words of its own.
fn is_described(caller: &Caller, groups: &[&str]) -> bool {
    match caller {
        Caller::Group(name) => groups.contains(&name.as_str()),
        Caller::AnyHolder | Caller::Agent(_) => true,
    }
}

fn permit_of(caller: &Caller, route: &str) -> Value {
    let principal = match caller {
        Caller::AnyHolder => json!({"op": "All"}),
        Caller::Group(name) => json!({"op": "in", "entity": {"type": "Group", "id": name}}),
        Caller::Agent(name) => json!({"op": "==", "entity": {"type": "Agent", "id": name}}),
    };
    let open = json!({"effect": "permit", "principal": principal, "action": {"op": "All"}, "resource": {"op": "All"}, "conditions": []});
    est::about(open, route)
}

fn someone_may(written: &[Written], route: &Uncompiled<'_>, is_open: bool, report: &mut Report) {
    let document = route.document;
    let is_silent = written.is_empty() && report.is_sound();
    if let Some(policy) = document.policy.as_ref().filter(|_| is_silent) {
        report.fault(policy.at, "a policy text without a policy", "write a permit, or leave `policy` out");
    }
    if document.callers.is_empty()
        && !written.is_empty()
        && written.iter().all(|policy| policy.effect == Effect::Forbid)
    {
        report.warn(
            document.spec,
            "no-permit",
            "nothing permits: every request of this route is denied",
            "write `callers`, or a permit in `policy`",
        );
    }
    let any_holder = |caller: &&Placed<Caller>| caller.value == Caller::AnyHolder;
    if let Some(caller) = document.callers.iter().find(any_holder).filter(|_| is_open) {
        report.fault(
            caller.at,
            "with `holder: proof` and `use: any` this permit leaves the warrant alone to decide",
            OPEN_INSTEAD,
        );
    }
}
