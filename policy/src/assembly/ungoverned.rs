//! What is let through without a warrant: who may say so, and what such a document may not hold.

use crate::arguments::endpoints;
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::documents::ungoverned::Ungoverned;
use crate::fault::Page;

pub(super) fn is_allowed(document: &RouteDoc, ungoverned: &Ungoverned, team: Option<&Team>, page: Page<'_>) {
    if !ungoverned.observe {
        says_nothing_else(document, ungoverned, page);
    }
    if let Some(team) = team.filter(|team| !team.is_platform) {
        is_within_its_allowance(document, ungoverned, team, page);
    }
}

/// What is not enforced must not look as if it were.
fn says_nothing_else(document: &RouteDoc, ungoverned: &Ungoverned, page: Page<'_>) {
    let written = [
        ("require", document.require.is_some()),
        ("args", !document.args.is_empty()),
        ("action", document.action.is_some()),
        ("callers", !document.callers.is_empty()),
        ("policy", document.policy.is_some()),
        ("evidence", document.receipt),
    ];
    for (key, _) in written.iter().filter(|(_, is_written)| *is_written) {
        page.fault(
            ungoverned.at,
            format!("`{key}` beside `ungoverned`"),
            "nothing would enforce it: leave it out, or watch the route with `observe: true`",
        );
    }
}

fn is_within_its_allowance(document: &RouteDoc, ungoverned: &Ungoverned, team: &Team, page: Page<'_>) {
    let is_allowed = endpoints(document).iter().all(|endpoint| {
        team.allowances.iter().any(|allowance| {
            allowance.host.value == endpoint.host
                && allowance.methods.contains(&endpoint.method)
                && endpoint.pattern.is_exact()
                && allowance.path.steps() == endpoint.pattern.steps()
        })
    });
    if ungoverned.observe || !is_allowed {
        let what = format!("team `{}` may not leave this ungoverned", team.name.value);
        page.fault(
            ungoverned.at,
            what,
            "have the platform team write it, or allow it in `ungoverned` of the team",
        );
    }
}
