//! What a route requires, once everything absent is filled in.

use crate::policy::documents::require::RequireDoc;
use crate::policy::documents::route::{PolicyText, RouteDoc};
use crate::policy::fault::{Page, Place};
use crate::policy::route::{Require, Route};

/// The route in force, or the faults that forbid it.
pub(super) fn settle(document: &RouteDoc, page: Page<'_>) -> Option<Route> {
    is_supported(document, page);
    let require = complete(document.require.clone().unwrap_or_default(), document, page)?;
    Some(Route::new(document, require))
}

fn complete(written: RequireDoc, document: &RouteDoc, page: Page<'_>) -> Option<Require> {
    let missing = |name: &str, example: &str| {
        page.fault(
            document.spec,
            format!("`require.{name}` is missing and the team has no default"),
            format!("write `{name}: {example}` under `require`"),
        );
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

/// Mesh-wide policies are not asked yet either: the file may hold comments only.
pub(super) fn is_silent(mesh_policy: &PolicyText, page: Page<'_>) {
    for (line, number) in mesh_policy.text.lines().map(str::trim).zip(1_u32..) {
        if !line.is_empty() && !line.starts_with("//") {
            page.fault(
                Place { line: number, column: 1 },
                "mesh-wide policies are not supported by this version",
                "leave it out: nothing would enforce it",
            );
        }
    }
}

/// What a route may ask for and nobody enforces yet must not pass for enforced.
fn is_supported(document: &RouteDoc, page: Page<'_>) {
    let require = document.require.clone().unwrap_or_default();
    let asked = [
        ("args", !document.args.is_empty()),
        ("action", document.action.is_some()),
        ("policy", document.policy.is_some()),
        ("ungoverned", document.ungoverned.is_some()),
        ("require.issued", require.issued.is_some()),
        ("require.environment", require.environment.is_some()),
        ("require.conditions", require.conditions.is_some()),
        ("require.attestation", require.attestation.is_some()),
    ];
    for (key, _) in asked.iter().filter(|(_, is_asked)| *is_asked) {
        page.fault(
            document.spec,
            format!("`{key}` is not supported by this version"),
            "leave it out: nothing would enforce it",
        );
    }
}
