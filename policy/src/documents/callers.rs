//! `callers` of a route: the plain allow-list, each entry of which becomes one permit.

use super::words;
use crate::fault::{Page, Placed};
use crate::strict::{Node, texts};

/// More callers than this are a group that nobody has named.
const MOST: usize = 64;

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// Whoever holds the warrant.
    AnyHolder,
    Group(String),
    /// A holder by name: a SPIFFE ID, or a name where no SPIFFE exists.
    Agent(String),
}

impl Caller {
    /// As it is written, and as its permit is called.
    pub(crate) fn entry(&self) -> String {
        match self {
            Self::AnyHolder => "any-holder".to_owned(),
            Self::Group(name) => format!("group:{name}"),
            Self::Agent(name) => name.clone(),
        }
    }
}

pub(super) fn read(node: &Node, page: Page<'_>) -> Option<Vec<Placed<Caller>>> {
    let written = texts(node, page)?;
    if written.len() > MOST {
        page.fault(
            node.at,
            format!("{} callers", written.len()),
            "name a group in identities.yaml: at most 64 here",
        );
        return None;
    }
    let read: Vec<_> = written.iter().filter_map(|text| caller(text, page)).collect();
    (read.len() == written.len()).then_some(read)
}

fn caller(text: &Placed<String>, page: Page<'_>) -> Option<Placed<Caller>> {
    let caller = match text.value.as_str() {
        "any-holder" => Caller::AnyHolder,
        group if group.starts_with("group:") => Caller::Group(group.trim_start_matches("group:").to_owned()),
        name if is_holder(name) => Caller::Agent(name.to_owned()),
        other => {
            page.fault(
                text.at,
                format!("`{other}` is no caller"),
                "write `group:<name>`, a holder's whole name without `*`, or `any-holder`",
            );
            return None;
        }
    };
    Some(Placed::new(text.at, caller))
}

/// A whole name that a warrant's `sub` could be: no wildcard, and a SPIFFE ID where it looks like one.
fn is_holder(name: &str) -> bool {
    words::is_plain(name)
        && !name.contains('*')
        && name.contains(':')
        && (!name.starts_with("spiffe:") || words::is_spiffe_id(name))
}
