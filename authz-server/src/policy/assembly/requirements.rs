//! What a route requires, once everything absent is filled in.

use crate::policy::documents::require::RequireDoc;
use crate::policy::documents::route::RouteDoc;
use crate::policy::fault::Page;
use crate::policy::route::{Require, Route};

/// The route in force, or the faults that forbid it.
pub(super) fn settle(document: &RouteDoc, page: Page<'_>) -> Option<Route> {
    let require = complete(document.require.clone().unwrap_or_default(), document, page)?;
    Some(Route::new(document, require))
}

fn complete(written: RequireDoc, document: &RouteDoc, page: Page<'_>) -> Option<Require> {
    let missing = |name: &str, example: &str| {
        page.fault(document.spec, format!("`require.{name}` is missing and the team has no default"), format!("write `{name}: {example}` under `require`"));
    };
    if written.holder.is_none() {
        missing("holder", "mtls");
    }
    if written.uses.is_none() {
        missing("use", "once");
    }
    if written.max_lifetime.is_none() {
        missing("maxLifetime", "60s");
    }
    Some(Require {
        holder: written.holder?.value,
        uses: written.uses?.value,
        max_lifetime: written.max_lifetime?.value,
        max_depth: written.max_depth.map(|depth| depth.value),
        issued: written.issued.is_some_and(|issued| issued.value),
        environment: written.environment.map(|sets| sets.value).unwrap_or_default(),
        conditions: written.conditions.map(|list| list.value).unwrap_or_default(),
        attestation: written.attestation.map(|age| age.value),
    })
}
