//! A name means one thing in a bundle: routes, teams, groups.

use std::collections::BTreeMap;
use std::path::Path;

use crate::documents::files::Documents;
use crate::fault::Faults;

pub(super) fn are_unique(documents: &Documents, faults: &Faults) {
    let mut first: BTreeMap<&str, &Path> = BTreeMap::new();
    for route in &documents.routes {
        if let Some(earlier) = first.insert(&route.name.value, &route.file) {
            let what = format!("the route `{}` is also in {}", route.name.value, earlier.display());
            faults.page(&route.file).fault(route.name.at, what, "names are unique in a bundle: rename one");
        }
    }
    for route in &documents.routes {
        if !documents.teams.0.iter().any(|team| team.name.value == route.team) {
            let what = format!("the folder `{}` names no team", route.team);
            faults.page(&route.file).fault(
                route.name.at,
                what,
                format!("add the team to {}, or move the file", documents.top("teams")),
            );
        }
    }
}
