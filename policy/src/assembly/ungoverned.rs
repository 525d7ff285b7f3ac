//! Checks routes that let requests through without a warrant: who may write them, and what they may not contain.

use crate::arguments::endpoints;
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::documents::ungoverned::UngovernedDoc;
use crate::fault::FileFaults;

pub(super) fn check_ungoverned(
    document: &RouteDoc,
    ungoverned: &UngovernedDoc,
    team: Option<&Team>,
    faults: FileFaults<'_>,
) {
    if !ungoverned.observe {
        check_nothing_else(document, ungoverned, faults);
    }
    let is_known = |team: &&Team| !team.broken.has("ungoverned") && !team.broken.has("platform");
    if let Some(team) = team.filter(is_known).filter(|team| !team.is_platform) {
        check_allowance(document, ungoverned, team, faults);
    }
}

/// A rule that is not enforced must not look as if it were.
fn check_nothing_else(document: &RouteDoc, ungoverned: &UngovernedDoc, faults: FileFaults<'_>) {
    let written = [
        ("require", document.require.is_some()),
        ("args", !document.args.is_empty()),
        ("action", document.action.is_some()),
        ("callers", !document.callers.is_empty()),
        ("policy", document.policy.is_some()),
        ("evidence", document.receipt),
    ];
    for (key, _) in written.iter().filter(|(_, is_written)| *is_written) {
        faults.fault(
            ungoverned.at,
            format!("`{key}` together with `ungoverned`"),
            "it would not be enforced: remove it, or only observe the route with `observe: true`",
        );
    }
}

fn check_allowance(document: &RouteDoc, ungoverned: &UngovernedDoc, team: &Team, faults: FileFaults<'_>) {
    let is_allowed = endpoints(document).iter().all(|endpoint| {
        team.allowances.iter().any(|allowance| {
            allowance.host.value == endpoint.host
                && allowance.methods.contains(&endpoint.method)
                && endpoint.pattern.is_exact()
                && allowance.path.steps() == endpoint.pattern.steps()
        })
    });
    if ungoverned.observe || !is_allowed {
        let what = format!("team `{}` may not make this route ungoverned", team.name.value);
        faults.fault(
            ungoverned.at,
            what,
            "ask the platform team to write it, or to allow it in `ungoverned` of the team",
        );
    }
}
