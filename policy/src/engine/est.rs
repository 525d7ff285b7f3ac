//! Reads and changes a policy in Cedar's JSON form, to find out what Cedar's interface does not tell.

use cedar_policy::Policy;
use serde_json::{Value, json};

use super::names::Type;
use crate::strict::canonical;
use warrant::Digest;

/// A policy as JSON. A policy that cannot be written as JSON is not used.
pub(super) fn of(policy: &Policy) -> Result<Value, String> {
    policy.to_json().map_err(|error| error.to_string())
}

/// The first 8 hexadecimal digits of the SHA-256 of its canonical form: the name of a policy without `@id`.
pub(super) fn short_digest(est: &Value) -> String {
    let digest = Digest::of(canonical::of_json(est).as_bytes());
    digest.to_string().chars().skip("sha256:".len()).take(8).collect()
}

/// The resources in the scope of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResourceScope {
    Open,
    /// This route alone.
    Own,
    Other,
}

pub(super) fn resource(est: &Value, route: &str) -> ResourceScope {
    let scope = member(est, "resource");
    if *scope == json!({"op": "All"}) {
        ResourceScope::Open
    } else if *scope == is_route(route) {
        ResourceScope::Own
    } else {
        ResourceScope::Other
    }
}

/// The same policy, limited to this route.
pub(super) fn about(est: Value, route: &str) -> Value {
    let mut est = est;
    if let Value::Object(members) = &mut est {
        members.insert("resource".to_owned(), is_route(route));
    }
    est
}

fn is_route(route: &str) -> Value {
    json!({"op": "==", "entity": {"type": "Route", "id": route}})
}

/// Whether its scope accepts every principal.
pub(super) fn is_open_to_all(est: &Value) -> bool {
    *member(member(est, "principal"), "op") == "All"
}

/// Whether it has a condition: a `when` or an `unless` that reads `principal` or `context`.
///
/// Only these two differ between requests of one route and action. Without them an expression is a constant (`1 == 1`,
/// `resource == resource`), whatever it looks like, and counts as no condition. A condition counts even if its value
/// never changes (`context == context`): it is not computed here.
pub(super) fn is_conditional(est: &Value) -> bool {
    let conditions = member(est, "conditions");
    ["principal", "context"].into_iter().any(|read| contains(conditions, &json!({"Var": read})))
}

/// Whether its scope or a condition names the principal.
pub(super) fn names_the_principal(est: &Value) -> bool {
    !is_open_to_all(est) || contains(member(est, "conditions"), &json!({"Var": "principal"}))
}

/// Whether a condition reads `context.warrant.root`.
pub(super) fn names_the_root(est: &Value) -> bool {
    reads_path(est, &["warrant", "root"])
}

/// Whether a policy may read this member of the context. It may if it uses the context in any other way than to read or look for
/// another member.
pub(super) fn may_read(est: &Value, attr: &str) -> bool {
    let context = json!({"Var": "context"});
    let (mut uses, mut of_others) = (0_usize, 0_usize);
    each(est, &mut |value| {
        let reads_other = [".", "has"].map(|operator| member(value, operator)).iter().any(|access| {
            *member(access, "left") == context
                && member(access, "attr").as_str().is_some_and(|read| read != attr)
        });
        uses = uses.saturating_add(usize::from(*value == context));
        of_others = of_others.saturating_add(usize::from(reads_other));
    });
    uses != of_others
}

/// Whether a policy names the reserved member of an enumeration.
pub(super) fn names_the_reserved(est: &Value) -> bool {
    ["Group", "Route", "Posture", "Team"]
        .into_iter()
        .any(|kind| contains(est, &json!({"type": kind, "id": super::names::RESERVED})))
}

/// The entities of this type that it names.
pub(super) fn named(est: &Value, kind: Type) -> Vec<String> {
    let mut names = Vec::new();
    each(est, &mut |value| {
        if *member(value, "type") == kind.name() {
            names.extend(member(value, "id").as_str().map(str::to_owned));
        }
    });
    names
}

/// The names that it reads from a record of the context, such as `region` of `context.environment`.
pub(super) fn read_from_context(est: &Value, record: &str) -> Vec<String> {
    let left = json!({".": {"left": {"Var": "context"}, "attr": record}});
    let mut names = Vec::new();
    each(est, &mut |value| {
        for access in [".", "has"].map(|operator| member(value, operator)) {
            if *member(access, "left") == left {
                names.extend(member(access, "attr").as_str().map(str::to_owned));
            }
        }
    });
    names
}

/// Whether a condition reads this member of the context, at the end of a path of names.
pub(super) fn reads_path(est: &Value, path: &[&str]) -> bool {
    contains(member(est, "conditions"), &context_path(path))
}

/// Whether a condition compares this member of the context with this value.
pub(super) fn compares_path(est: &Value, path: &[&str], value: &Value) -> bool {
    let (access, value) = (context_path(path), json!({"Value": value}));
    let is_there = |left: &Value, right: &Value| {
        contains(member(est, "conditions"), &json!({"==": {"left": left, "right": right}}))
    };
    is_there(&access, &value) || is_there(&value, &access)
}

/// Whether a condition asks whether this member of the context is false.
pub(super) fn denies_path(est: &Value, path: &[&str]) -> bool {
    contains(member(est, "conditions"), &json!({"!": {"arg": context_path(path)}}))
        || compares_path(est, path, &Value::Bool(false))
}

fn context_path(path: &[&str]) -> Value {
    path.iter().fold(json!({"Var": "context"}), |left, attr| json!({".": {"left": left, "attr": attr}}))
}

/// Visits every value inside a value, and the value itself.
fn each(value: &Value, visit: &mut impl FnMut(&Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each(item, visit)),
        Value::Object(members) => members.values().for_each(|member| each(member, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A member of an object; null if there is none.
fn member<'a>(of: &'a Value, name: &str) -> &'a Value {
    of.get(name).unwrap_or(&Value::Null)
}

fn contains(within: &Value, wanted: &Value) -> bool {
    within == wanted
        || match within {
            Value::Array(items) => items.iter().any(|item| contains(item, wanted)),
            Value::Object(members) => members.values().any(|member| contains(member, wanted)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_read_now(condition: &str) -> bool {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        may_read(&of(&Policy::parse(None, text).unwrap()).unwrap(), "now")
    }

    #[test]
    fn a_policy_that_only_reads_other_members_does_not_read_now() {
        for condition in [
            "true",
            "context.method == \"now\"",
            "context has method && context.args.now > 1",
            "context.warrant.depth == 1 || principal in Group::\"now\"",
        ] {
            assert!(!may_read_now(condition), "{condition}");
        }
        for condition in [
            "context.now < datetime(\"2027-01-01\")",
            "context has now",
            "context[\"now\"] == context.other",
            "context == {}",
            "(if true then context else context).method == \"GET\"",
            "[context].contains(context)",
            "{a: context}.a.now == datetime(\"2027-01-01\")",
        ] {
            assert!(may_read_now(condition), "{condition}");
        }
    }
}
