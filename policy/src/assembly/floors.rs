//! Checks the requirements of a route against the floors of its team: what all its routes must require.

use crate::documents::require::{Condition, Dimensions, Holder, Require, RequireDoc};
use crate::documents::route::RouteDoc;
use crate::documents::scalars::duration_text;
use crate::documents::teams::Team;
use crate::fault::{FileFaults, Place};

/// Adds a fault for each requirement that is below its floor.
pub(super) fn check_floors(
    require: &Require,
    written: &RequireDoc,
    document: &RouteDoc,
    team: &Team,
    faults: FileFaults<'_>,
) {
    for Below { key, at, floor } in below(require, written, &team.floors) {
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

fn below(require: &Require, written: &RequireDoc, floors: &RequireDoc) -> Vec<Below> {
    let mut all = Vec::new();
    let mut check = |key, holds: bool, at: Option<Place>, floor: String| {
        if !holds {
            all.push(Below { key, at, floor });
        }
    };
    let at_most = |floor: u64, here: Option<u64>| here.is_some_and(|here| here <= floor);
    if let Some(floor) = &floors.holder {
        let holds = require.holder == floor.value || require.holder == Holder::Both;
        check("holder", holds, place(&written.holder), floor.value.name().to_owned());
    }
    if let Some(floor) = &floors.uses {
        let holds = require.uses >= floor.value;
        check("use", holds, place(&written.uses), floor.value.name().to_owned());
    }
    if let Some(floor) = &floors.max_lifetime {
        let holds = require.max_lifetime <= floor.value;
        check("maxLifetime", holds, place(&written.max_lifetime), duration_text(floor.value));
    }
    if let Some(floor) = &floors.max_depth {
        let holds = at_most(u64::from(floor.value), require.max_depth.map(u64::from));
        check("maxDepth", holds, place(&written.max_depth), floor.value.to_string());
    }
    if let Some(floor) = &floors.issued {
        let holds = require.issued || !floor.value;
        check("issued", holds, place(&written.issued), floor.value.to_string());
    }
    if let Some(floor) = &floors.environment {
        let holds = is_inside(&require.environment, &floor.value);
        check("environment", holds, place(&written.environment), environment_text(&floor.value));
    }
    if let Some(floor) = &floors.conditions {
        let holds = floor.value.iter().all(|wanted| has_condition(&require.conditions, wanted));
        check("conditions", holds, place(&written.conditions), conditions_text(&floor.value));
    }
    if let Some(floor) = &floors.attestation {
        let holds = at_most(floor.value, require.attestation);
        let text = format!("{{maxAge: {}}}", duration_text(floor.value));
        check("attestation", holds, place(&written.attestation), text);
    }
    all
}

fn place<T>(written: &Option<crate::fault::Placed<T>>) -> Option<Place> {
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
