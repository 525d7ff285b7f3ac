//! Checks that every route says who may call it, and that the groups it names are defined.

use crate::documents::callers::Caller;
use crate::documents::files::Documents;
use crate::documents::identities::Identities;
use crate::documents::route::RouteDoc;
use crate::fault::{Faults, FileFaults};

pub(super) fn check_callers(documents: &Documents, faults: &Faults) {
    for route in &documents.routes {
        let file_faults = faults.in_file(&route.file);
        if let Some(identities) = &documents.identities {
            check_groups(route, identities, &documents.top("identities"), file_faults);
        }
        let is_unknown = ["callers", "policy", "ungoverned"].iter().any(|key| route.broken.has(key));
        let names_nobody = route.callers.is_empty() && route.policy.is_none() && route.ungoverned.is_none();
        if names_nobody && !is_unknown {
            file_faults.fault(
                route.spec,
                "neither `callers` nor `policy`",
                "name who may call it: write `callers: [\"group:<name>\"]`, or a permit in `policy`",
            );
        }
    }
}

fn check_groups(route: &RouteDoc, identities: &Identities, file: &str, faults: FileFaults<'_>) {
    for caller in &route.callers {
        let Caller::Group(name) = &caller.value else { continue };
        if !identities.groups.iter().any(|(group, _)| group.value == *name) {
            let instead = format!("define it in {file}, or write the holder's own name");
            faults.fault(caller.at, format!("the group `{name}` is not defined"), instead);
        }
    }
}
