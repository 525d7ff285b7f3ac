//! A link in words, and in JSON: what `inspect` shows.

use serde_json::{Value as Json, json};
use warrant::{Claims, Constraint, Detail, Digest, LinkKind, Seconds, Value};

/// What may be done, a line a detail.
pub(super) fn may(claims: &Claims) -> impl Iterator<Item = String> + '_ {
    claims.details().iter().map(detail)
}

fn detail(detail: &Detail) -> String {
    let mut said =
        format!("{} {} on {}", detail.methods().join("|"), paths(detail), detail.hosts().join(" or "));
    if let Some(actions) = detail.actions() {
        said.push_str(&format!(", as {}", actions.join(" or ")));
    }
    for (name, bound) in detail.args() {
        said.push_str(&format!(", {name} {}", constraint(bound)));
    }
    said
}

fn paths(detail: &Detail) -> String {
    detail.paths().iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" or ")
}

pub(super) fn constraint(constraint: &Constraint) -> String {
    match constraint {
        Constraint::Exact(one) => format!("= {}", value(one)),
        Constraint::OneOf(values) => {
            format!("in {}", values.iter().map(value).collect::<Vec<_>>().join(", "))
        }
        Constraint::Range(low, high) => format!("from {low} to {high}"),
        Constraint::Any => "whatever it is".to_owned(),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
    }
}

/// How often, where, and for how long still.
pub(super) fn bounds(claims: &Claims, now: Seconds) -> String {
    let mut said = vec![uses(claims.use_max()), time_left(claims, now)];
    let deeper = claims.max_depth().saturating_sub(claims.depth());
    said.push(match deeper {
        0 => "not to be delegated".to_owned(),
        1 => "may be delegated once more".to_owned(),
        deeper => format!("may be delegated {deeper} times more"),
    });
    said.extend(
        claims.env().dimensions().map(|(dimension, values)| format!("{dimension} {}", values.join(" or "))),
    );
    said.extend(claims.att().map(|measurements| format!("attested as {}", measurements.join(" or "))));
    said.join(", ")
}

fn uses(max: Option<u32>) -> String {
    match max {
        None => "any number of uses".to_owned(),
        Some(1) => "one use".to_owned(),
        Some(most) => format!("{most} uses"),
    }
}

fn time_left(claims: &Claims, now: Seconds) -> String {
    let (times, now) = (claims.times(), now.get());
    if now < times.nbf.get() {
        format!("begins in {} s", times.nbf.get().saturating_sub(now))
    } else if now < times.exp.get() {
        format!("{} s left", times.exp.get().saturating_sub(now))
    } else {
        format!("expired {} s ago", now.saturating_sub(times.exp.get()))
    }
}

/// What changed from a parent to its child, and from what to what.
pub(super) fn narrowed(child: &Claims, parent: &Claims) -> Vec<String> {
    let mut said = Vec::new();
    let mut changed = |was: String, is: String| {
        if was != is {
            said.push(format!("{was} → {is}"));
        }
    };
    if let ([was], [is]) = (parent.details(), child.details()) {
        changed(was.methods().join("|"), is.methods().join("|"));
        changed(paths(was), paths(is));
        changed(was.hosts().join(" or "), is.hosts().join(" or "));
        let actions = |detail: &Detail| {
            detail.actions().map_or_else(|| "any action".to_owned(), |actions| actions.join(" or "))
        };
        changed(actions(was), actions(is));
        changed(arguments(was), arguments(is));
    } else if parent.details() != child.details() {
        changed(numbered(parent.details().len()), format!("{} of them or narrower", child.details().len()));
    }
    changed(uses(parent.use_max()), uses(child.use_max()));
    changed(parent.aud().join(" or "), child.aud().join(" or "));
    changed(environment(parent), environment(child));
    changed(attested(parent), attested(child));
    let (was, is) = (parent.times(), child.times());
    if is.nbf > was.nbf {
        said.push(format!("begins {} s later", is.nbf.get().saturating_sub(was.nbf.get())));
    }
    if is.exp < was.exp {
        said.push(format!("ends {} s earlier", was.exp.get().saturating_sub(is.exp.get())));
    }
    if child.max_depth() < parent.max_depth() {
        said.push(format!("depth {} → {}", parent.max_depth(), child.max_depth()));
    }
    said
}

fn numbered(details: usize) -> String {
    format!("{details} details")
}

fn arguments(detail: &Detail) -> String {
    let bounds: Vec<String> =
        detail.args().map(|(name, bound)| format!("{name} {}", constraint(bound))).collect();
    if bounds.is_empty() { "any argument".to_owned() } else { bounds.join(" and ") }
}

fn environment(claims: &Claims) -> String {
    let sets: Vec<String> = claims
        .env()
        .dimensions()
        .map(|(dimension, values)| format!("{dimension} {}", values.join(" or ")))
        .collect();
    if sets.is_empty() { "anywhere".to_owned() } else { sets.join(" and ") }
}

fn attested(claims: &Claims) -> String {
    claims.att().map_or_else(|| "unattested".to_owned(), |measured| measured.join(" or "))
}

/// What can be seen to be wrong between a parent and its child without any key.
pub(super) fn wrong(child: &Claims, parent: &Claims, digest_of_parent: Digest, depth: usize) -> Vec<String> {
    let mut said = Vec::new();
    if let LinkKind::Delegation { signer, parent: named } = child.kind() {
        if *signer != parent.cnf().thumbprint() {
            said.push("lineage-broken: its `iss` is not the key of the link above".to_owned());
        }
        if *named != digest_of_parent {
            said.push("lineage-broken: its `parent` is another link than the one above".to_owned());
        }
    }
    if u64::try_from(depth) != Ok(child.depth()) {
        said.push(format!("lineage-broken: its `depth` is {}, and its place is {depth}", child.depth()));
    }
    if let Err(dimension) = child.check_within(parent) {
        said.push(format!("lineage-widened: `{}` is wider than that of the link above", dimension.name));
    }
    if child.depth() > child.max_depth() {
        said.push("lineage-too-deep: it stands deeper than its `max_depth`".to_owned());
    }
    said
}

pub(super) fn to_json(claims: &Claims, digest: Digest) -> Json {
    let details: Vec<Json> = claims
        .details()
        .iter()
        .map(|detail| {
            let paths: Vec<&str> = detail.paths().iter().map(|path| path.as_str()).collect();
            let args: Vec<Json> = detail
                .args()
                .map(|(name, bound)| json!({"name": name, "bound": constraint(bound)}))
                .collect();
            json!({"hosts": detail.hosts(), "methods": detail.methods(), "paths": paths,
                   "actions": detail.actions(), "args": args})
        })
        .collect();
    let env: serde_json::Map<String, Json> =
        claims.env().dimensions().map(|(dimension, values)| (dimension.to_owned(), json!(values))).collect();
    json!({
        "iss": claims.iss(), "sub": claims.sub(), "aud": claims.aud(), "jti": claims.jti(),
        "iat": claims.times().iat.get(), "nbf": claims.times().nbf.get(), "exp": claims.exp().get(),
        "cnf": claims.cnf().thumbprint().to_string(), "depth": claims.depth(), "max_depth": claims.max_depth(),
        "use": claims.use_max(), "env": env, "att": claims.att(), "details": details,
        "digest": digest.to_base64url(),
    })
}
