//! Reads `attestors` of the mesh: who may make statements about workloads and conditions.

use warrant::{PublicKey, SubjectPattern};

use super::mesh::{named_keys, pattern, read_all};
use super::scalars;
use crate::fault::FileFaults;
use crate::strict::{Node, NodeValue, flag, list, members, texts};

/// Who may make statements about workloads, environments and the mesh.
#[derive(Clone, Debug)]
pub struct Attestor {
    pub iss: String,
    pub keys: Vec<(String, PublicKey)>,
    /// Root certificates (base64 of their DER) of `x5c` chains.
    pub anchors: Vec<String>,
    /// The subjects of its statements. A condition is written `condition:<name>@mesh` or
    /// `condition:<name>@<dimension>=<value>`.
    pub about: Vec<SubjectPattern>,
    /// Whether a positive statement that names no key counts for every key of its workload.
    pub keyless: bool,
}

impl Attestor {
    /// Whether it may make statements about this subject.
    pub fn is_about(&self, subject: &str) -> bool {
        self.about.iter().any(|pattern| pattern.matches(subject))
    }
}

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Attestor> {
    let spec = members(node, &["iss", "keys", "anchors", "about", "keyless"], faults)?;
    if spec.get("keys").is_none() && spec.get("anchors").is_none() {
        if !spec.misspells("keys") && !spec.misspells("anchors") {
            faults.fault(
                spec.at,
                "the attestor has neither `keys` nor `anchors`",
                "write the keys that sign its statements, or the root certificates of their chains",
            );
        }
        return None;
    }
    let iss = spec.need("iss", faults).and_then(|node| scalars::plain(node, faults));
    let keys = spec.get("keys").map_or(Some(Vec::new()), |node| named_keys(node, faults));
    let anchors = spec.get("anchors").map_or(Some(Vec::new()), |node| texts(node, faults));
    let about = spec
        .need("about", faults)
        .and_then(|node| read_all(list(node, faults)?, |node| subject(node, faults)));
    let keyless = spec.get("keyless").map_or(Some(false), |node| flag(node, faults));
    Some(Attestor {
        iss: iss?,
        keys: keys?,
        anchors: anchors?.into_iter().map(|text| text.value).collect(),
        about: about?,
        keyless: keyless?,
    })
}

/// A pattern of workloads, or one condition. Conditions have no wildcard: an attestor of one condition must not speak about
/// another.
fn subject(node: &Node, faults: FileFaults<'_>) -> Option<SubjectPattern> {
    let pattern = pattern(node, faults)?;
    if let NodeValue::Text(text, _) = &node.value
        && let Some(condition) = text.strip_prefix(CONDITION)
        && !is_condition(condition)
    {
        faults.fault(
            node.at,
            format!("`{text}` is not one condition"),
            "write `condition:<name>@mesh` or `condition:<name>@<dimension>=<value>`, without `*`",
        );
        return None;
    }
    Some(pattern)
}

/// What the subject of a statement about a condition begins with.
const CONDITION: &str = "condition:";

fn is_condition(text: &str) -> bool {
    let Some((name, place)) = text.split_once('@') else { return false };
    let is_place = place == "mesh"
        || place.split_once('=').is_some_and(|(dimension, value)| !dimension.is_empty() && !value.is_empty());
    !name.is_empty() && is_place && !text.contains('*')
}
