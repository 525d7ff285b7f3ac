//! Explains why no policy permitted: finds the nearest permit, and the first part of it that does not hold.
//!
//! Each part of a permit is evaluated as a policy of its own. A conjunct is evaluated together with those
//! before it, because it may depend on them.

use cedar_policy::{Authorizer, Decision, Entities, Policy, PolicySet, Request};
use serde_json::{Value, json};

use super::ask::PolicyQuery;
use super::slice::Slice;
use super::{context, est, stack};
use crate::documents::groups::Groups;

/// The permit that came nearest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Nearest {
    pub policy: String,
    /// The part of it that does not hold, as Cedar writes it.
    pub part: String,
    /// How many of its parts hold.
    pub holds: usize,
    /// How many parts it has.
    pub parts: usize,
}

/// The nearest permit of a route's policies; `None` if there is no permit, or if one permits.
pub(crate) fn nearest(
    slice: &Slice,
    route: &str,
    groups: &Groups,
    query: &PolicyQuery<'_>,
) -> Option<Nearest> {
    stack::on_a_deep_stack(|| {
        let (request, entities) = context::request(slice, route, groups, query)?;
        let permits =
            slice.policies.policies().filter(|policy| policy.effect() == cedar_policy::Effect::Permit);
        let found = permits.filter_map(|policy| distance(policy, &request, &entities));
        // The permit with the fewest missing parts. Among equals it is the first by name, so that the answer
        // is always the same.
        found.min_by(|one, other| {
            missing(one).cmp(&missing(other)).then_with(|| one.policy.cmp(&other.policy))
        })
    })?
}

fn missing(nearest: &Nearest) -> usize {
    nearest.parts.saturating_sub(nearest.holds)
}

fn distance(policy: &Policy, request: &Request, entities: &Entities) -> Option<Nearest> {
    let est = est::of(policy).ok()?;
    let parts = parts(&est);
    let verdicts: Vec<_> = parts.iter().map(|part| holds(&part.evaluated, request, entities)).collect();
    let first_false = parts.iter().zip(&verdicts).find(|(_, holds)| !**holds).map(|(part, _)| part)?;
    let holds = verdicts.iter().filter(|holds| **holds).count();
    Some(Nearest {
        policy: policy.id().to_string(),
        part: shown_text(&first_false.shown)?,
        holds,
        parts: parts.len(),
    })
}

/// One part of a permit: the policy that is evaluated, and the policy that is shown to the reader.
struct PermitPart {
    evaluated: Value,
    shown: Value,
}

fn parts(est: &Value) -> Vec<PermitPart> {
    let open = json!({"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"}, "conditions": []});
    let with = |member: &str, value: &Value| {
        let mut policy = open.clone();
        if let Value::Object(members) = &mut policy {
            members.insert(member.to_owned(), value.clone());
        }
        policy
    };
    let mut all = Vec::new();
    for scope in ["principal", "action"] {
        let policy = with(scope, est.get(scope).unwrap_or(&Value::Null));
        all.push(PermitPart { evaluated: policy.clone(), shown: policy });
    }
    for condition in est.get("conditions").and_then(Value::as_array).into_iter().flatten() {
        let mut before = Vec::new();
        for conjunct in conjuncts(condition) {
            before.push(conjunct.clone());
            all.push(PermitPart {
                evaluated: with("conditions", &Value::Array(before.clone())),
                shown: with("conditions", &json!([conjunct])),
            });
        }
    }
    all
}

/// `when { a && b }` is `a`, then `b`; an `unless` is one part.
fn conjuncts(condition: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    let mut waiting = vec![condition.clone()];
    while let Some(condition) = waiting.pop() {
        let is_when = condition.get("kind").is_some_and(|kind| kind == "when");
        match condition.get("body").and_then(|body| body.get("&&")).filter(|_| is_when) {
            Some(both) => {
                for side in ["right", "left"] {
                    waiting.push(json!({"kind": "when", "body": both.get(side)}));
                }
            }
            None => found.push(condition),
        }
    }
    found
}

fn holds(est: &Value, request: &Request, entities: &Entities) -> bool {
    let set =
        Policy::from_json(None, est.clone()).ok().and_then(|policy| PolicySet::from_policies([policy]).ok());
    set.is_some_and(|set| {
        Authorizer::new().is_authorized(request, &set, entities).decision() == Decision::Allow
    })
}

/// The text of the part alone, without the empty rest of its policy.
fn shown_text(est: &Value) -> Option<String> {
    let text = Policy::from_json(None, est.clone()).ok()?.to_cedar()?;
    let plain: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let inside = plain.trim_end_matches(';').trim_end();
    let condition = ["when {", "unless {"]
        .into_iter()
        .find_map(|word| inside.split_once(word).map(|(_, rest)| (word, rest)));
    Some(match condition {
        Some((word, rest)) => format!("{word}{rest}"),
        None => {
            let scope = inside.trim_start_matches("permit").trim_matches([' ', '(', ')']);
            let without_resource = scope.strip_suffix(", resource").unwrap_or(scope);
            let principal = without_resource.strip_suffix(", action").unwrap_or(without_resource);
            principal.strip_prefix("principal, ").unwrap_or(principal).to_owned()
        }
    })
}
