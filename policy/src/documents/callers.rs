//! Reads `callers` of a route: a plain allow-list. Each entry becomes one permit.

use super::parts::readable;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Form, Node, formed, list};

/// For more callers than this, a route should name a group.
const MOST: usize = 64;

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// Any holder of a valid warrant.
    AnyHolder,
    Group(String),
    /// A holder by name: a SPIFFE ID, or another name where SPIFFE is not used.
    Agent(String),
}

impl Caller {
    /// As it is written, and the name of its permit.
    pub(crate) fn entry(&self) -> String {
        match self {
            Self::AnyHolder => "any-holder".to_owned(),
            Self::Group(name) => format!("group:{name}"),
            Self::Agent(name) => name.clone(),
        }
    }
}

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Placed<Caller>>> {
    let written = list(node, faults)?;
    if written.len() > MOST {
        faults.fault(
            node.at,
            format!("{} callers", written.len()),
            "the maximum is 64: define a group in identities.yaml, and name the group here",
        );
        return None;
    }
    let form = Form {
        what: "a valid caller",
        instead: "write `group:<name>`, `any-holder`, or the full name of a holder without `*`, like `agent:payer` or a SPIFFE ID",
    };
    let caller = |node: &Node| {
        formed(node, form, faults, |text| caller(text).map(|caller| Placed::new(node.at, caller)))
    };
    Some(readable(written, caller))
}

fn caller(text: &str) -> Option<Caller> {
    match text.strip_prefix("group:") {
        Some(group) => scalars::is_label(group).then(|| Caller::Group(group.to_owned())),
        None if text == "any-holder" => Some(Caller::AnyHolder),
        None => is_holder(text).then(|| Caller::Agent(text.to_owned())),
    }
}

/// A full name that `sub` of a warrant can be: no wildcard, and a valid SPIFFE ID if it begins like one.
fn is_holder(name: &str) -> bool {
    scalars::is_plain(name)
        && !name.contains('*')
        && name.contains(':')
        && (!name.starts_with("spiffe:") || scalars::is_spiffe_id(name))
}
