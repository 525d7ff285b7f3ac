//! Grounds: who may write routes where.

use std::path::Path;

use crate::documents::files::Documents;
use crate::documents::route::RouteDoc;
use crate::documents::teams::{Ground, Team};
use crate::fault::{Faults, Placed};
use crate::matching::Pattern;

pub(super) fn holds(documents: &Documents, faults: &Faults) {
    each_ground_has_one_owner(documents, faults);
    // What a team leaves ungoverned is bounded by its allowance, which needs no ground.
    for route in documents
        .routes
        .iter()
        .filter(|route| route.ungoverned.as_ref().is_none_or(|ungoverned| ungoverned.observe))
    {
        let owner = documents.teams.0.iter().find(|team| team.name.value == route.team);
        for team in owner.into_iter().filter(|team| !team.is_platform) {
            stays_on_its_ground(route, team, documents, faults);
        }
    }
}

fn each_ground_has_one_owner(documents: &Documents, faults: &Faults) {
    let file = documents.top("teams");
    let grounds: Vec<_> = all_grounds(documents).collect();
    for (position, (team, ground)) in grounds.iter().enumerate() {
        let same = |other: &Ground| {
            other.host.value == ground.host.value && other.prefix.value.steps() == ground.prefix.value.steps()
        };
        if let Some((other, _)) = grounds.iter().take(position).find(|(_, earlier)| same(earlier)) {
            let what = format!(
                "{}{} is also the ground of team `{}`",
                ground.host.value,
                ground.prefix.value.text(),
                other.name.value
            );
            faults.page(Path::new(&file)).fault(
                ground.prefix.at,
                what,
                format!("let `{}` or `{}` own it", other.name.value, team.name.value),
            );
        }
    }
}

fn all_grounds(documents: &Documents) -> impl Iterator<Item = (&Team, &Ground)> {
    documents.teams.0.iter().flat_map(|team| team.ground.iter().map(move |ground| (team, ground)))
}

fn stays_on_its_ground(route: &RouteDoc, team: &Team, documents: &Documents, faults: &Faults) {
    for item in &route.matches {
        for host in &item.hosts {
            for path in &item.paths {
                is_on_ground(route, team, host, path, documents, faults);
            }
        }
    }
}

fn is_on_ground(
    route: &RouteDoc,
    team: &Team,
    host: &Placed<String>,
    path: &Placed<Pattern>,
    documents: &Documents,
    faults: &Faults,
) {
    let page = faults.page(&route.file);
    let here = |ground: &&Ground| ground.host.value == host.value;
    let Some(own) = team
        .ground
        .iter()
        .filter(here)
        .filter(|ground| path.value.is_below(&ground.prefix.value))
        .max_by_key(|ground| ground.prefix.value.steps().len())
    else {
        let what =
            format!("{}{} is not on the ground of team `{}`", host.value, path.value.text(), team.name.value);
        page.fault(
            path.at,
            what,
            format!(
                "stay within its ground in {}, or have the platform team widen it",
                documents.top("teams")
            ),
        );
        return;
    };
    // Where grounds nest, the inner one is its owner's alone; the ones around the route's own are not inner.
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
        page.fault(path.at, what, "narrow the pattern so that it cannot");
    }
}
