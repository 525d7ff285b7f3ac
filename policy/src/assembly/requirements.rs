//! Fills in the defaults of the team in the requirements of a route, and checks them.
//!
//! They must be complete, make sense together, and not be below the floors of the team.

use crate::documents::require::Require;
use crate::documents::require::{Holder, RequireDoc};
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::fault::{FileFaults, Place};

/// The requirements in force; `None` if one is missing. Other faults are only added.
pub(super) fn settle(document: &RouteDoc, team: Option<&Team>, faults: FileFaults<'_>) -> Option<Require> {
    let written = document.require.clone().unwrap_or_default();
    let whole = team.map_or(written.clone(), |team| written.clone().or(&team.defaults));
    check_attestation(&whole, &written, document, faults);
    let require = complete(whole, document, faults)?;
    if let Some(team) = team {
        Floors { require: &require, written: &written, document, team, faults }.check();
    }
    Some(require)
}

fn complete(whole: RequireDoc, document: &RouteDoc, faults: FileFaults<'_>) -> Option<Require> {
    let missing = |name: &str, example: &str| {
        let what = format!("`require.{name}` is missing, and the team has no default");
        faults.fault(document.spec, what, format!("write `{name}: {example}` under `require`"));
    };
    if whole.holder.is_none() {
        missing("holder", "mtls");
    }
    if whole.uses.is_none() {
        missing("use", "once");
    }
    if whole.max_lifetime.is_none() {
        missing("maxLifetime", "60s");
    }
    Some(Require {
        holder: whole.holder?.value,
        uses: whole.uses?.value,
        max_lifetime: whole.max_lifetime?.value,
        max_depth: whole.max_depth.map(|depth| depth.value),
        issued: whole.issued.is_some_and(|issued| issued.value),
        environment: whole.environment.map(|sets| sets.value).unwrap_or_default(),
        conditions: whole.conditions.map(|list| list.value).unwrap_or_default(),
        attestation: whole.attestation.map(|age| age.value),
    })
}

/// An attestation is about a workload with a certificate. Without a certificate there is nothing to look up.
fn check_attestation(whole: &RequireDoc, written: &RequireDoc, document: &RouteDoc, faults: FileFaults<'_>) {
    let by_proof = whole.holder.as_ref().is_some_and(|holder| holder.value == Holder::Proof);
    if by_proof && whole.attestation.is_some() {
        // A default is written in another file.
        let at = written.attestation.as_ref().map_or(document.spec, |own| own.at);
        let what = "an attestation is required, but with `holder: proof` there is no client certificate to look it up";
        faults.fault(at, what, "require `holder: mtls` or `holder: both`");
    }
}

/// Checks the requirements in force against the floors of a team.
struct Floors<'a> {
    require: &'a Require,
    written: &'a RequireDoc,
    document: &'a RouteDoc,
    team: &'a Team,
    faults: FileFaults<'a>,
}

impl Floors<'_> {
    fn check(&self) {
        let (floors, require) = (&self.team.floors, self.require);
        let at_most = |floor: u64, here: Option<u64>| here.is_some_and(|here| here <= floor);
        if let Some(floor) = &floors.holder {
            self.check_one(
                "holder",
                self.written.holder.as_ref().map(|own| own.at),
                require.holder == floor.value || require.holder == Holder::Both,
            );
        }
        if let Some(floor) = &floors.uses {
            self.check_one("use", self.written.uses.as_ref().map(|own| own.at), require.uses >= floor.value);
        }
        if let Some(floor) = &floors.max_lifetime {
            self.check_one(
                "maxLifetime",
                self.written.max_lifetime.as_ref().map(|own| own.at),
                require.max_lifetime <= floor.value,
            );
        }
        if let Some(floor) = &floors.max_depth {
            let holds = at_most(u64::from(floor.value), require.max_depth.map(u64::from));
            self.check_one("maxDepth", self.written.max_depth.as_ref().map(|own| own.at), holds);
        }
        if let Some(floor) = &floors.issued {
            self.check_one(
                "issued",
                self.written.issued.as_ref().map(|own| own.at),
                require.issued || !floor.value,
            );
        }
        if let Some(floor) = &floors.attestation {
            let holds = at_most(floor.value, require.attestation);
            self.check_one("attestation", self.written.attestation.as_ref().map(|own| own.at), holds);
        }
        if let Some(floor) = &floors.environment {
            let is_inside = |(key, values): &(String, Vec<String>)| {
                let own = require.environment.iter().find(|(own, _)| own == key);
                own.is_some_and(|(_, own)| own.iter().all(|value| values.contains(value)))
            };
            self.check_one(
                "environment",
                self.written.environment.as_ref().map(|own| own.at),
                floor.value.iter().all(is_inside),
            );
        }
        if let Some(floor) = &floors.conditions {
            let holds = floor.value.iter().all(|wanted| {
                require.conditions.iter().any(|own| {
                    own.name == wanted.name && own.equals == wanted.equals && own.max_age <= wanted.max_age
                })
            });
            self.check_one("conditions", self.written.conditions.as_ref().map(|own| own.at), holds);
        }
    }

    fn check_one(&self, key: &str, at: Option<Place>, holds: bool) {
        if !holds {
            let what = format!("`require.{key}` is below the floor of team `{}`", self.team.name.value);
            self.faults.fault(
                at.unwrap_or(self.document.spec),
                what,
                format!("require at least `floors.{key}`"),
            );
        }
    }
}
