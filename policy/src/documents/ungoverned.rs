//! Reads `ungoverned` of a route: it is let through without a warrant, or only watched, for a stated reason.

use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Node, flag, members, string};

/// Why a route is not governed, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct UngovernedDoc {
    pub(crate) reason: String,
    /// Seconds since 1970, exclusive.
    pub(crate) until: Option<Placed<u64>>,
    /// Only watched: judged as if governed, and forwarded even if denied.
    pub(crate) observe: bool,
    pub(crate) at: crate::fault::Place,
}

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<UngovernedDoc> {
    let spec = members(node, &["reason", "until", "observe"], faults)?;
    let reason = spec.need("reason", faults).and_then(|node| {
        let reason = string(node, faults)?;
        if reason.trim().is_empty() {
            faults.fault(
                node.at,
                "the reason is empty",
                "write why the route is not governed: an auditor will ask",
            );
            return None;
        }
        Some(reason.to_owned())
    });
    let until = match spec.get("until") {
        Some(node) => scalars::instant(node, faults).map(|seconds| Some(Placed::new(node.at, seconds))),
        None => Some(None),
    };
    let observe = spec.get("observe").map_or(Some(false), |node| flag(node, faults));
    let read = UngovernedDoc { reason: reason?, until: until?, observe: observe?, at: spec.at };
    if read.observe && read.until.is_none() {
        faults.fault(
            spec.place("observe"),
            "`observe` without `until`",
            "write when the route becomes governed: `until: \"2027-01-31T00:00:00Z\"`",
        );
        return None;
    }
    Some(read)
}
