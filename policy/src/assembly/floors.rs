//! Checks the requirements of a route against the floors of its team: what all its routes must require.

use crate::documents::require::{Condition, Dimensions, Holder, RequireDoc};
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::documents::times::duration_text;
use crate::fault::{FileFaults, Place, Placed};

/// Adds a fault for each requirement that is below its floor. `known` is what is written, with the defaults.
pub(super) fn check_floors(
    known: &RequireDoc,
    written: &RequireDoc,
    document: &RouteDoc,
    team: &Team,
    faults: FileFaults<'_>,
) {
    // A key with a fault is not compared: its value is not known.
    for Below { key, at, floor } in below(known, written, &team.floors) {
        if known.broken.has(key) || team.floors.broken.has(key) {
            continue;
        }
        // A default of the team is written in another file.
        let at = at.unwrap_or(document.spec);
        let what =
            format!("`require.{key}` is below the floor of team `{}`: `{key}: {floor}`", team.name.value);
        faults.fault(at, what, format!("write `{key}: {floor}` under `require`, or a stricter value"));
    }
}

/// One requirement that is below its floor.
struct Below {
    key: &'static str,
    /// Where the route writes it, if it does.
    at: Option<Place>,
    /// As an author would write it.
    floor: String,
}

fn below(known: &RequireDoc, written: &RequireDoc, floors: &RequireDoc) -> Vec<Below> {
    let mut all = Vec::new();
    let mut check = |key, holds: bool, at: Option<Place>, floor: String| {
        if !holds {
            all.push(Below { key, at, floor });
        }
    };
    // These three are required. A missing one is reported as a fault of its own.
    if let (Some(floor), Some(own)) = (&floors.holder, &known.holder) {
        let holds = own.value == floor.value || own.value == Holder::Both;
        check("holder", holds, place(&written.holder), floor.value.name().to_owned());
    }
    if let (Some(floor), Some(own)) = (&floors.uses, &known.uses) {
        let holds = own.value >= floor.value;
        check("use", holds, place(&written.uses), floor.value.name().to_owned());
    }
    if let (Some(floor), Some(own)) = (&floors.max_lifetime, &known.max_lifetime) {
        let holds = own.value <= floor.value;
        check("maxLifetime", holds, place(&written.max_lifetime), duration_text(floor.value));
    }
    // These may be absent, and an absent requirement is the weakest.
    if let Some(floor) = &floors.max_depth {
        let holds = known.max_depth.as_ref().is_some_and(|own| own.value <= floor.value);
        check("maxDepth", holds, place(&written.max_depth), floor.value.to_string());
    }
    if let Some(floor) = &floors.issued {
        let holds = !floor.value || known.issued.as_ref().is_some_and(|own| own.value);
        check("issued", holds, place(&written.issued), floor.value.to_string());
    }
    if let Some(floor) = &floors.environment {
        let holds = known.environment.as_ref().is_some_and(|own| is_inside(&own.value, &floor.value));
        check("environment", holds, place(&written.environment), environment_text(&floor.value));
    }
    if let Some(floor) = &floors.conditions {
        let own: &[Condition] = known.conditions.as_ref().map_or(&[], |own| &own.value);
        let holds = floor.value.iter().all(|wanted| has_condition(own, wanted));
        check("conditions", holds, place(&written.conditions), conditions_text(&floor.value));
    }
    if let Some(floor) = &floors.attestation {
        let holds = known.attestation.as_ref().is_some_and(|own| own.value <= floor.value);
        let text = format!("{{maxAge: {}}}", duration_text(floor.value));
        check("attestation", holds, place(&written.attestation), text);
    }
    all
}

fn place<T>(written: &Option<Placed<T>>) -> Option<Place> {
    written.as_ref().map(|written| written.at)
}

/// Whether each dimension of the floor is required, with values of the floor only.
fn is_inside(own: &Dimensions, floor: &Dimensions) -> bool {
    floor.iter().all(|(key, values)| {
        let own = own.iter().find(|(own, _)| own == key);
        own.is_some_and(|(_, own)| own.iter().all(|value| values.contains(value)))
    })
}

fn has_condition(own: &[Condition], wanted: &Condition) -> bool {
    own.iter()
        .any(|own| own.name == wanted.name && own.equals == wanted.equals && own.max_age <= wanted.max_age)
}

fn environment_text(floor: &Dimensions) -> String {
    let dimension = |(key, values): &(String, Vec<String>)| {
        let values: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
        format!("\"{key}\": [{}]", values.join(", "))
    };
    format!("{{{}}}", floor.iter().map(dimension).collect::<Vec<_>>().join(", "))
}

fn conditions_text(floor: &[Condition]) -> String {
    let condition = |one: &Condition| {
        let age = duration_text(one.max_age);
        format!("{{name: \"{}\", equals: \"{}\", maxAge: {age}}}", one.name, one.equals)
    };
    format!("[{}]", floor.iter().map(condition).collect::<Vec<_>>().join(", "))
}
