//! Reads `kind: Identities`: groups of callers.

use warrant::SubjectPattern;

use super::kind::{DocumentKind, open};
use super::mesh::patterns;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Node, entries, members};

#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub(crate) groups: Vec<(Placed<String>, Vec<SubjectPattern>)>,
}

pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Identities> {
    let document = open(node, DocumentKind::Identities, faults)?;
    let spec = members(document.members.need("spec", faults)?, &["groups"], faults)?;
    let Some(groups) = spec.get("groups") else { return Some(Identities::default()) };
    let written = entries(groups, faults)?;
    let mut read = Vec::new();
    for (name, members) in written {
        let patterns = patterns(members, faults);
        if !scalars::is_label(&name.text) {
            faults.fault(
                name.at,
                format!("`{}` is not a valid name for a group", name.text),
                "use at most 63 of a-z, 0-9 and `-`, no `-` at either end",
            );
        } else if let Some(patterns) = patterns {
            read.push((Placed::new(name.at, name.text.clone()), patterns));
        }
    }
    (read.len() == written.len()).then_some(Identities { groups: read })
}
