//! `ungoverned` of a route: let through without a warrant, or only watched, each with its reason.

use super::words;
use crate::fault::{Page, Placed};
use crate::strict::{Node, flag, members, string};

/// Why a match is not governed, and how long.
#[derive(Clone, Debug)]
pub(crate) struct Ungoverned {
    pub(crate) reason: String,
    /// Seconds since 1970, exclusive.
    pub(crate) until: Option<Placed<u64>>,
    /// Judged as if governed, and forwarded whatever comes out.
    pub(crate) observe: bool,
    pub(crate) at: crate::fault::Place,
}

pub(super) fn read(node: &Node, page: Page<'_>) -> Option<Ungoverned> {
    let spec = members(node, &["reason", "until", "observe"], page)?;
    let reason = spec.need("reason", page).and_then(|node| {
        let reason = string(node, page)?;
        if reason.trim().is_empty() {
            page.fault(node.at, "no reason", "say why: the next reader of the audit will ask");
            return None;
        }
        Some(reason.to_owned())
    });
    let until = match spec.get("until") {
        Some(node) => words::instant(node, page).map(|seconds| Some(Placed::new(node.at, seconds))),
        None => Some(None),
    };
    let observe = spec.get("observe").map_or(Some(false), |node| flag(node, page));
    let read = Ungoverned { reason: reason?, until: until?, observe: observe?, at: spec.at };
    if read.observe && read.until.is_none() {
        page.fault(
            spec.place("observe"),
            "`observe` without `until`",
            "write the day on which the route becomes governed: `until: \"2027-01-31T00:00:00Z\"`",
        );
        return None;
    }
    Some(read)
}
