//! Fills in the defaults of the team in the requirements of a route, and checks them.
//!
//! They must be complete, make sense together, and not be below the floors of the team.

use super::floors::check_floors;
use crate::documents::require::{Holder, Require, RequireDoc};
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::fault::FileFaults;

/// The requirements in force; `None` if one is missing. Other faults are only added.
pub(super) fn settle(document: &RouteDoc, team: Option<&Team>, faults: FileFaults<'_>) -> Option<Require> {
    let written = document.require.clone().unwrap_or_default();
    let whole = team.map_or(written.clone(), |team| written.clone().or(&team.defaults));
    check_attestation(&whole, &written, document, faults);
    let require = complete(whole, document, faults)?;
    if let Some(team) = team {
        check_floors(&require, &written, document, team, faults);
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
