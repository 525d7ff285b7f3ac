//! Every group that a route calls on is described.

use crate::documents::callers::Caller;
use crate::documents::files::Documents;
use crate::fault::Faults;

pub(super) fn are_known(documents: &Documents, faults: &Faults) {
    for route in &documents.routes {
        for caller in &route.callers {
            let Caller::Group(name) = &caller.value else { continue };
            if !documents.identities.groups.iter().any(|(group, _)| group.value == *name) {
                let instead =
                    format!("describe it in {}, or write the holder's own name", documents.top("identities"));
                faults.page(&route.file).fault(
                    caller.at,
                    format!("nobody describes the group `{name}`"),
                    instead,
                );
            }
        }
        if route.callers.is_empty() && route.policy.is_none() && route.ungoverned.is_none() {
            faults.page(&route.file).fault(
                route.spec,
                "neither `callers` nor `policy`",
                "say who may: `callers: [\"group:<name>\"]`, or a permit in `policy`",
            );
        }
    }
}
