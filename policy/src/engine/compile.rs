//! Compiles the policies: one slice for each route, on threads with a stack of known size.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use serde_json::{Value, json};

use super::assumed::Assumed;
use super::check::{Findings, OPEN_INSTEAD, TextOf, check_rules};
use super::fit::Fit;
use super::policies::{self, Advice, Parsed, Written};
use super::schema::Shape;
use super::slice::Slice;
use super::uncompiled::{MeshText, Uncompiled, shape_of_mesh};
use super::{est, stack};
use crate::documents::callers::Caller;
use crate::documents::route::RouteDoc;
use crate::fault::{Place, Placed};

#[derive(Debug)]
pub(crate) struct Compiled {
    /// In the order of the routes; `None` for a route with a fault.
    pub(crate) slices: Vec<Option<Slice>>,
    /// In the order of the routes.
    pub(crate) findings: Vec<Findings>,
    pub(crate) mesh: Findings,
}

/// The mesh-wide policies, which are in every slice.
struct MeshWide {
    policies: Vec<Policy>,
    advice: BTreeMap<String, Advice>,
    reads_now: bool,
}

/// Compiles all routes; `None` if a thread could not be started, or panicked.
pub(crate) fn compile(
    mesh: &MeshText<'_>,
    routes: &[Uncompiled<'_>],
    groups: Option<&[&str]>,
) -> Option<Compiled> {
    let (mesh_findings, mesh_wide) = stack::on_a_deep_stack(|| mesh_wide(mesh, routes, groups))?;
    let mesh_wide = Arc::new(mesh_wide);
    let compiled = stack::each(routes, |route| {
        let mut findings = Findings::default();
        let slice = one(route, &mesh_wide, groups, &mut findings);
        (slice.filter(|_| findings.has_no_faults()), findings)
    })?;
    let (slices, findings) = compiled.into_iter().unzip();
    Some(Compiled { slices, findings, mesh: mesh_findings })
}

fn mesh_wide(
    mesh: &MeshText<'_>,
    routes: &[Uncompiled<'_>],
    groups: Option<&[&str]>,
) -> (Findings, MeshWide) {
    let mut findings = Findings::default();
    let mut wide = MeshWide { policies: Vec::new(), advice: BTreeMap::new(), reads_now: false };
    let Some(text) = mesh.policy else { return (findings, wide) };
    let Some(parsed) = policies::parse(text, "mesh", &[], &mut findings) else { return (findings, wide) };
    let knows_actions = mesh.unread_routes.is_empty() && routes.iter().all(Uncompiled::knows_actions);
    let assumed = if knows_actions { Assumed::default() } else { Assumed::of_mesh(&parsed.written) };
    let shape = assumed.added_to(shape_of_mesh(mesh, routes, groups));
    validate(&parsed, &shape, text.at, &mut findings);
    check_rules(&parsed.written, TextOf::Mesh, &mut findings);
    wide.reads_now = parsed.written.iter().any(Written::reads_now);
    for policy in parsed.written {
        wide.policies.extend(named(&policy.id, policy.est, policy.at, &mut findings));
        wide.advice.insert(policy.id, policy.advice);
    }
    (findings, wide)
}

/// Validates a text against a shape; the validator, unless Cedar does not accept the shape.
fn validate(parsed: &Parsed<'_>, shape: &Shape<'_>, at: Place, findings: &mut Findings) -> Option<Validator> {
    let validator = validator_of(shape, at, findings)?;
    parsed.validate(&validator, &shape.names(), findings);
    Some(validator)
}

fn validator_of(shape: &Shape<'_>, at: Place, findings: &mut Findings) -> Option<Validator> {
    let schema = shape.schema();
    schema
        .map(Validator::new)
        .map_err(|why| findings.fault(at, why, "rename what Cedar does not accept"))
        .ok()
}

fn one(
    route: &Uncompiled<'_>,
    mesh: &MeshWide,
    groups: Option<&[&str]>,
    findings: &mut Findings,
) -> Option<Slice> {
    let document = route.document;
    let name = document.name.value.as_str();
    let parsed = match &document.policy {
        Some(text) => policies::parse(text, name, &[], findings),
        None => None,
    };
    let assumed = Assumed::of_route(route, parsed.as_ref().map_or(&[], |parsed| &parsed.written));
    let groups_of_shape = groups.map(<[_]>::to_vec);
    let shape = Shape::of_route(name, groups_of_shape, route.actions.clone(), route.has_keys(), route.own());
    let shape = assumed.added_to(shape);
    // An argument that cannot be read has no type, and what reads it cannot be validated.
    let knows_arguments = !document.broken.has("args");
    let validator = match &parsed {
        Some(parsed) if knows_arguments => validate(parsed, &shape, document.spec, findings),
        _ => validator_of(&shape, document.spec, findings),
    }?;
    let written = parsed.map(|parsed| parsed.written).unwrap_or_default();
    let text = TextOf::Route { name, has_keys: route.has_keys(), is_open: route.is_open() };
    check_rules(&written, text, findings);
    check_permits(&written, route, findings);
    if !route.is_whole() || !findings.has_no_faults() {
        return None;
    }
    // The permits made from `callers` have no condition, so they read nothing.
    let reads_now = mesh.reads_now || written.iter().any(Written::reads_now);
    let (all, advice) = policies_of(document, written, mesh, groups.unwrap_or_default(), findings);
    if !findings.has_no_faults() {
        return None;
    }
    let set = PolicySet::from_policies(all)
        .map_err(|error| findings.fault(document.spec, error.to_string(), "give each policy its own `@id`"))
        .ok()?;
    check_scoped(&set, &validator, document.spec, findings);
    Some(Slice { policies: set, fit: Fit::of(&shape)?, advice, reads_now })
}

/// The mesh-wide policies, the route's own, each about this route alone, and a permit for each caller.
fn policies_of(
    document: &RouteDoc,
    written: Vec<Written>,
    mesh: &MeshWide,
    groups: &[&str],
    findings: &mut Findings,
) -> (Vec<Policy>, BTreeMap<String, Advice>) {
    let name = document.name.value.as_str();
    let (mut all, mut advice) = (mesh.policies.clone(), mesh.advice.clone());
    for policy in written {
        advice.insert(policy.id.clone(), policy.advice);
        all.extend(named(&policy.id, est::about(policy.est, name), policy.at, findings));
    }
    // A caller that is written twice is a warning, and one permit.
    let callers: BTreeMap<_, _> =
        document.callers.iter().map(|caller| (caller_id(name, &caller.value), caller)).collect();
    for (id, caller) in callers.into_iter().filter(|(_, caller)| is_described(&caller.value, groups)) {
        all.extend(named(&id, permit_of(&caller.value, name), caller.at, findings));
    }
    (all, advice)
}

/// Validates the route's own policies again, each now about this route alone. Mesh-wide policies are left
/// out: they were validated against a smaller schema, and may name actions of other routes.
fn check_scoped(set: &PolicySet, validator: &Validator, at: Place, findings: &mut Findings) {
    let own =
        set.policies().filter(|policy| !AsRef::<str>::as_ref(policy.id()).starts_with("mesh/")).cloned();
    let Ok(own) = PolicySet::from_policies(own) else {
        return findings.fault(at, "two policies with the same name", "give each policy its own `@id`");
    };
    let result = validator.validate(&own, ValidationMode::Strict);
    // Cedar reports them in an order that changes from run to run.
    let errors: BTreeSet<_> = result.validation_errors().map(ToString::to_string).collect();
    if let Some(error) = errors.first() {
        findings.fault(at, error, "write the policy so that it is valid for this route alone");
    }
}

pub(super) fn named(id: &str, est: Value, at: Place, findings: &mut Findings) -> Option<Policy> {
    Policy::from_json(Some(PolicyId::new(id)), est)
        .map_err(|error| findings.fault(at, error.to_string(), "write the policy in a simpler form"))
        .ok()
}

/// The name of the permit for a caller.
pub(crate) fn caller_id(route: &str, caller: &Caller) -> String {
    format!("{route}/caller:{}", caller.entry())
}

/// `assembly` reports a group that is not described, with a message of its own.
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

fn check_permits(written: &[Written], route: &Uncompiled<'_>, findings: &mut Findings) {
    let document = route.document;
    let is_empty = written.is_empty() && findings.has_no_faults();
    if let Some(policy) = document.policy.as_ref().filter(|_| is_empty) {
        findings.fault(policy.at, "the policy text contains no policy", "write a permit, or remove `policy`");
    }
    if document.callers.is_empty()
        && !written.is_empty()
        && written.iter().all(|policy| policy.effect == Effect::Forbid)
    {
        findings.warn(
            document.spec,
            "no-permit",
            "nothing permits: every request of this route is denied",
            "write `callers`, or a permit in `policy`",
        );
    }
    let any_holder = |caller: &&Placed<Caller>| caller.value == Caller::AnyHolder;
    if let Some(caller) = document.callers.iter().find(any_holder).filter(|_| route.is_open()) {
        findings.fault(
            caller.at,
            "with `holder: proof` and `use: any`, this permit allows every holder of a valid warrant",
            OPEN_INSTEAD,
        );
    }
}
