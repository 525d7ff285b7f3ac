//! Checks that the names of routes are unique, and that the directory of each route names a team.

use std::collections::BTreeMap;
use std::path::Path;

use crate::documents::files::Documents;
use crate::fault::Faults;

pub(super) fn check_names(documents: &Documents, faults: &Faults) {
    let mut first: BTreeMap<&str, &Path> = BTreeMap::new();
    for route in &documents.routes {
        if let Some(earlier) = first.insert(&route.name.value, &route.file) {
            let what = format!("the route `{}` is also in {}", route.name.value, earlier.display());
            faults.in_file(&route.file).fault(
                route.name.at,
                what,
                "names must be unique in a bundle: rename one",
            );
        }
    }
    let Some(teams) = documents.teams.as_ref().filter(|teams| teams.is_complete) else { return };
    for route in &documents.routes {
        if !teams.list.iter().any(|team| team.name.value == route.team) {
            let what = format!("the directory `{}` is not the name of a team", route.team);
            faults.in_file(&route.file).fault(
                route.name.at,
                what,
                format!("add the team to {}, or move the file", documents.top("teams")),
            );
        }
    }
}
