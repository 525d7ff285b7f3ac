//! `kind: Identities`: groups of callers.

use warrant::SubjectPattern;

use super::kind::{Kind, open};
use super::mesh::patterns;
use super::words;
use crate::fault::{Page, Placed};
use crate::strict::{Node, entries, members};

#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub(crate) groups: Vec<(Placed<String>, Vec<SubjectPattern>)>,
}

pub(crate) fn read(node: &Node, page: Page<'_>) -> Option<Identities> {
    let document = open(node, Kind::Identities, page)?;
    let spec = members(document.members.need("spec", page)?, &["groups"], page)?;
    let Some(groups) = spec.get("groups") else { return Some(Identities::default()) };
    let written = entries(groups, page)?;
    let mut read = Vec::new();
    for (name, members) in written {
        let patterns = patterns(members, page);
        if !words::is_label(&name.text) {
            page.fault(
                name.at,
                format!("`{}` is no name for a group", name.text),
                "use at most 63 of a-z, 0-9 and `-`, no `-` at either end",
            );
        } else if let Some(patterns) = patterns {
            read.push((Placed::new(name.at, name.text.clone()), patterns));
        }
    }
    (read.len() == written.len()).then_some(Identities { groups: read })
}
