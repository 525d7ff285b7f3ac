//! Fills in the defaults of the team in the requirements of a route, and checks them.
//!
//! They must be complete, make sense together, and not be below the floors of the team.

use super::floors::check_floors;
use crate::documents::require::{Holder, Require, RequireDoc, UseLimit};
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::documents::times::duration_text;
use crate::fault::FileFaults;

/// The requirements of a route.
pub(super) struct Settled {
    /// What is written, with the defaults of the team, as far as both are known.
    pub(super) known: RequireDoc,
    /// The requirements in force; `None` if one is missing or has a fault.
    pub(super) in_force: Option<Require>,
}

impl Settled {
    /// Nothing is known.
    pub(super) fn unknown() -> Self {
        Self { known: RequireDoc::unknown(), in_force: None }
    }
}

/// If the team is not known, its defaults and floors are not known either.
pub(super) fn settle(document: &RouteDoc, team: Option<&Team>, faults: FileFaults<'_>) -> Settled {
    let written = document.require.clone().unwrap_or_else(|| match document.broken.has("require") {
        true => RequireDoc::unknown(),
        false => RequireDoc::default(),
    });
    let nothing = RequireDoc::default();
    let (known, floors) = match team {
        Some(team) => (written.clone().or(&team.defaults), &team.floors),
        None => (written.clone().or(&RequireDoc::unknown()), &nothing),
    };
    check_attestation(&known, &written, document, faults);
    check_complete(&known, floors, document, faults);
    if let Some(team) = team {
        check_floors(&known, &written, document, team, faults);
    }
    Settled { in_force: in_force(&known), known }
}

/// The message about a missing requirement offers a value that is not below the floor.
fn check_complete(known: &RequireDoc, floors: &RequireDoc, document: &RouteDoc, faults: FileFaults<'_>) {
    let missing = |name: &str, example: String| {
        let what = format!("`require.{name}` is missing, and the team has no default");
        faults.fault(document.spec, what, format!("write `{name}: {example}` under `require`"));
    };
    if known.holder.is_none() && !known.broken.has("holder") {
        let floor = floors.holder.as_ref().map_or(Holder::Mtls, |floor| floor.value);
        missing("holder", floor.name().to_owned());
    }
    if known.uses.is_none() && !known.broken.has("use") {
        missing("use", UseLimit::Once.name().to_owned());
    }
    if known.max_lifetime.is_none() && !known.broken.has("maxLifetime") {
        let floor = floors.max_lifetime.as_ref().map_or(60, |floor| floor.value.min(60));
        missing("maxLifetime", duration_text(floor));
    }
}

fn in_force(known: &RequireDoc) -> Option<Require> {
    if !known.broken.is_empty() {
        return None;
    }
    let known = known.clone();
    Some(Require {
        holder: known.holder?.value,
        uses: known.uses?.value,
        max_lifetime: known.max_lifetime?.value,
        max_depth: known.max_depth.map(|depth| depth.value),
        issued: known.issued.is_some_and(|issued| issued.value),
        environment: known.environment.map(|sets| sets.value).unwrap_or_default(),
        conditions: known.conditions.map(|list| list.value).unwrap_or_default(),
        attestation: known.attestation.map(|age| age.value),
    })
}

/// An attestation is about a workload with a certificate. Without a certificate there is nothing to look up.
fn check_attestation(whole: &RequireDoc, written: &RequireDoc, document: &RouteDoc, faults: FileFaults<'_>) {
    let by_proof = whole.holder.as_ref().is_some_and(|holder| holder.value == Holder::Proof);
    if by_proof && whole.attestation.is_some() {
        // A default is written in another file.
        let at = written.attestation.as_ref().map_or(document.spec, |own| own.at);
        let what = "an attestation is required, but with `holder: proof` there is no client certificate to look it up";
        faults.fault(at, what, "require `holder: both` or, where its floor allows it, `holder: mtls`");
    }
}
