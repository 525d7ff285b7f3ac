//! Checks grounds: each team writes routes only for the hosts and paths that it owns.

use std::path::Path;

use crate::documents::files::Documents;
use crate::documents::route::RouteDoc;
use crate::documents::teams::{Ground, Team};
use crate::fault::{Faults, Placed};
use crate::matching::Pattern;

pub(super) fn check_grounds(documents: &Documents, faults: &Faults) {
    check_owners(documents, faults);
    // For a route that a team leaves ungoverned its allowance decides, not its ground.
    for route in documents
        .routes
        .iter()
        .filter(|route| route.ungoverned.as_ref().is_none_or(|ungoverned| ungoverned.observe))
    {
        let owner = documents.teams.0.iter().find(|team| team.name.value == route.team);
        for team in owner.into_iter().filter(|team| !team.is_platform) {
            check_route(route, team, documents, faults);
        }
    }
}

fn check_owners(documents: &Documents, faults: &Faults) {
    let file = documents.top("teams");
    let grounds: Vec<_> = all_grounds(documents).collect();
    for (position, (team, ground)) in grounds.iter().enumerate() {
        let same = |other: &Ground| {
            other.host.value == ground.host.value && other.prefix.value.steps() == ground.prefix.value.steps()
        };
        if let Some((other, _)) = grounds.iter().take(position).find(|(_, earlier)| same(earlier)) {
            let what = format!(
                "{}{} also belongs to the ground of team `{}`",
                ground.host.value,
                ground.prefix.value.text(),
                other.name.value
            );
            faults.in_file(Path::new(&file)).fault(
                ground.prefix.at,
                what,
                format!("give it to either `{}` or `{}`", other.name.value, team.name.value),
            );
        }
    }
}

fn all_grounds(documents: &Documents) -> impl Iterator<Item = (&Team, &Ground)> {
    documents.teams.0.iter().flat_map(|team| team.ground.iter().map(move |ground| (team, ground)))
}

fn check_route(route: &RouteDoc, team: &Team, documents: &Documents, faults: &Faults) {
    for item in &route.matches {
        for host in &item.hosts {
            for path in &item.paths {
                check_path(route, team, host, path, documents, faults);
            }
        }
    }
}

fn check_path(
    route: &RouteDoc,
    team: &Team,
    host: &Placed<String>,
    path: &Placed<Pattern>,
    documents: &Documents,
    faults: &Faults,
) {
    let file_faults = faults.in_file(&route.file);
    let here = |ground: &&Ground| ground.host.value == host.value;
    let Some(own) = team
        .ground
        .iter()
        .filter(here)
        .filter(|ground| path.value.is_below(&ground.prefix.value))
        .max_by_key(|ground| ground.prefix.value.steps().len())
    else {
        let what = format!(
            "{}{} is outside the ground of team `{}`",
            host.value,
            path.value.text(),
            team.name.value
        );
        file_faults.fault(
            path.at,
            what,
            format!(
                "use a path on its ground in {}, or ask the platform team to extend it",
                documents.top("teams")
            ),
        );
        return;
    };
    // An inner ground belongs only to its owner. A ground around the route's own ground is not an inner one.
    let inner = |ground: &Ground| {
        ground.prefix.value.steps().len() > own.prefix.value.steps().len()
            && path.value.reaches(&ground.prefix.value)
    };
    for (other, ground) in all_grounds(documents).filter(|(other, ground)| {
        other.name.value != team.name.value && ground.host.value == host.value && inner(ground)
    }) {
        let what = format!(
            "{}{} could match inside {}, the ground of team `{}`",
            host.value,
            path.value.text(),
            ground.prefix.value.text(),
            other.name.value
        );
        file_faults.fault(path.at, what, "narrow the pattern so that it cannot match there");
    }
}
