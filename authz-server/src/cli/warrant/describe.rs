//! A link in words, and in JSON: what `inspect` shows.

use serde_json::{Value as Json, json};
use warrant::{Claims, Constraint, Detail, Seconds, Value};

/// What may be done, a line a detail.
pub(super) fn may(claims: &Claims) -> impl Iterator<Item = String> + '_ {
    claims.details().iter().map(detail)
}

fn detail(detail: &Detail) -> String {
    let paths: Vec<&str> = detail.paths().iter().map(|path| path.as_str()).collect();
    let mut said =
        format!("{} {} on {}", detail.methods().join("|"), paths.join(" or "), detail.hosts().join(" or "));
    if let Some(actions) = detail.actions() {
        said.push_str(&format!(", as {}", actions.join(" or ")));
    }
    for (name, bound) in detail.args() {
        said.push_str(&format!(", {name} {}", constraint(bound)));
    }
    said
}

fn constraint(constraint: &Constraint) -> String {
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
    let mut said = vec![match claims.use_max() {
        None => "any number of uses".to_owned(),
        Some(1) => "one use".to_owned(),
        Some(most) => format!("{most} uses"),
    }];
    said.push(time_left(claims, now));
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

/// On which dimensions a child is narrower than its parent.
pub(super) fn narrowed(child: &Claims, parent: &Claims) -> Vec<&'static str> {
    let shorter = child.times().nbf > parent.times().nbf || child.exp() < parent.exp();
    let changes = [
        ("what", child.details() != parent.details()),
        ("uses", child.use_max() != parent.use_max()),
        ("time", shorter),
        ("meshes", child.aud() != parent.aud()),
        ("environment", child.env() != parent.env()),
        ("attestation", child.att() != parent.att()),
        ("depth", child.max_depth() != parent.max_depth()),
    ];
    changes.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

pub(super) fn to_json(claims: &Claims, digest: &str) -> Json {
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
    json!({
        "iss": claims.iss(), "sub": claims.sub(), "aud": claims.aud(), "jti": claims.jti(),
        "nbf": claims.times().nbf.get(), "exp": claims.exp().get(),
        "cnf": claims.cnf().thumbprint().to_string(), "depth": claims.depth(), "max_depth": claims.max_depth(),
        "use": claims.use_max(), "details": details, "digest": digest,
    })
}
