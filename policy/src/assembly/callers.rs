//! Checks that every route says who may call it, and that the groups it names are defined.

use crate::documents::callers::Caller;
use crate::documents::files::Documents;
use crate::fault::Faults;

pub(super) fn check_callers(documents: &Documents, faults: &Faults) {
    for route in &documents.routes {
        for caller in &route.callers {
            let Caller::Group(name) = &caller.value else { continue };
            if !documents.identities.groups.iter().any(|(group, _)| group.value == *name) {
                let instead =
                    format!("define it in {}, or write the holder's own name", documents.top("identities"));
                faults.in_file(&route.file).fault(
                    caller.at,
                    format!("the group `{name}` is not defined"),
                    instead,
                );
            }
        }
        if route.callers.is_empty() && route.policy.is_none() && route.ungoverned.is_none() {
            faults.in_file(&route.file).fault(
                route.spec,
                "neither `callers` nor `policy`",
                "name who may call it: write `callers: [\"group:<name>\"]`, or a permit in `policy`",
            );
        }
    }
}
