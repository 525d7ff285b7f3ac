//! Reads `ungoverned` of a route: it is let through without a warrant, or only watched, for a stated reason.

use super::parts::Parts;
use super::times;
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
    let mut parts = Parts::new(spec, faults);
    let reason = parts.needed("reason", |node| reason(node, faults));
    let until = parts
        .optional("until", |node| times::instant(node, faults).map(|seconds| Placed::new(node.at, seconds)));
    let observe = parts.optional("observe", |node| flag(node, faults)).unwrap_or_default();
    if observe && until.is_none() && !parts.broken.has("until") {
        faults.fault(
            spec.place("observe"),
            "`observe` without `until`",
            "write when the route becomes governed: `until: \"2027-01-31T00:00:00Z\"`",
        );
    }
    parts.broken.is_empty().then_some(UngovernedDoc { reason: reason?, until, observe, at: spec.at })
}

fn reason(node: &Node, faults: FileFaults<'_>) -> Option<String> {
    let reason = string(node, faults)?;
    if reason.trim().is_empty() {
        let instead = "write why the route is not governed: an auditor will ask";
        faults.fault(node.at, "the reason is empty", instead);
        return None;
    }
    Some(reason.to_owned())
}
