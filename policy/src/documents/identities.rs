//! Reads `kind: Identities`: groups of callers.

use warrant::SubjectPattern;

use super::kind::{DocumentKind, open};
use super::mesh::patterns;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Node, entries, members};

#[derive(Debug, Default)]
pub(crate) struct Identities {
    /// Each group with its members; empty if no group is written.
    pub(crate) groups: Vec<(Placed<String>, Vec<SubjectPattern>)>,
}

/// Reads the groups; `None` if not all their names can be read. A group whose members have a fault is still a group.
pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Identities> {
    let document = open(node, DocumentKind::Identities, faults)?;
    let spec = members(document.members.need("spec", faults)?, &["groups"], faults)?;
    let Some(groups) = spec.get("groups") else {
        return (!spec.misspells("groups")).then(Identities::default);
    };
    let written = entries(groups, faults)?;
    let mut read = Vec::new();
    for (name, members) in written {
        let patterns = patterns(members, faults).unwrap_or_default();
        if scalars::is_label(&name.text) {
            read.push((Placed::new(name.at, name.text.clone()), patterns));
        } else {
            let what = format!("`{}` is not a valid name for a group", name.text);
            faults.fault(name.at, what, scalars::LABEL);
        }
    }
    (read.len() == written.len()).then_some(Identities { groups: read })
}
