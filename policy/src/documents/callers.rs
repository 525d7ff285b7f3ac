//! Reads `callers` of a route: a plain allow-list. Each entry becomes one permit.

use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Node, texts};

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
    let written = texts(node, faults)?;
    if written.len() > MOST {
        faults.fault(
            node.at,
            format!("{} callers", written.len()),
            "the maximum is 64: define a group in identities.yaml, and name the group here",
        );
        return None;
    }
    let read: Vec<_> = written.iter().filter_map(|text| caller(text, faults)).collect();
    (read.len() == written.len()).then_some(read)
}

fn caller(text: &Placed<String>, faults: FileFaults<'_>) -> Option<Placed<Caller>> {
    let caller = match text.value.as_str() {
        "any-holder" => Caller::AnyHolder,
        group if group.starts_with("group:") => Caller::Group(group.trim_start_matches("group:").to_owned()),
        name if is_holder(name) => Caller::Agent(name.to_owned()),
        other => {
            faults.fault(
                text.at,
                format!("`{other}` is not a valid caller"),
                "write `group:<name>`, the full name of a holder without `*`, or `any-holder`",
            );
            return None;
        }
    };
    Some(Placed::new(text.at, caller))
}

/// A full name that `sub` of a warrant can be: no wildcard, and a valid SPIFFE ID if it begins like one.
fn is_holder(name: &str) -> bool {
    scalars::is_plain(name)
        && !name.contains('*')
        && name.contains(':')
        && (!name.starts_with("spiffe:") || scalars::is_spiffe_id(name))
}
