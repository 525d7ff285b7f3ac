//! Reads `attestors` of the mesh: who may make statements about workloads and conditions.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use warrant::{Digest, PublicKey, SubjectPattern};

use super::mesh::{named_keys, pattern, read_all};
use super::scalars;
use crate::fault::FileFaults;
use crate::strict::{Node, NodeValue, flag, list, members, string};

/// Who may make statements about workloads, environments and the mesh.
#[derive(Clone, Debug)]
pub struct Attestor {
    pub iss: String,
    pub keys: Vec<(String, PublicKey)>,
    /// Root certificates of `x5c` chains.
    pub anchors: Vec<Anchor>,
    /// The subjects of its statements. A condition is written `condition:<name>@mesh` or
    /// `condition:<name>@<dimension>=<value>`.
    pub about: Vec<SubjectPattern>,
    /// Whether a positive statement that names no key counts for every key of its workload.
    pub keyless: bool,
}

/// A root certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub der: Vec<u8>,
    /// The SHA-256 of its DER, by which the record names it.
    pub digest: Digest,
}

impl Anchor {
    pub fn new(der: Vec<u8>) -> Anchor {
        Anchor { digest: Digest::of(&der), der }
    }
}

impl Attestor {
    /// Whether it may make statements about this subject.
    pub fn is_about(&self, subject: &str) -> bool {
        self.about.iter().any(|pattern| pattern.matches(subject))
    }
}

/// The entry that records the activation of a bundle names all of them, and every decision may ask each.
const ATTESTORS_AT_MOST: usize = 64;

pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Attestor>> {
    let items = list(node, faults)?;
    let fault = |detail: String, cure: &str| {
        faults.fault(node.at, detail, cure);
        None
    };
    if items.len() > ATTESTORS_AT_MOST {
        let cure =
            "name at most 64; services that speak about different things can share an issuer and its keys";
        return fault(format!("there are {} attestors", items.len()), cure);
    }
    let attestors = read_all(items, |node| attestor(node, faults))?;
    let mut names = BTreeSet::new();
    match attestors.iter().find(|attestor| !names.insert(&attestor.iss)) {
        Some(twice) => {
            fault(format!("the attestor `{}` occurs twice", twice.iss), "give each attestor one entry")
        }
        None => Some(attestors),
    }
}

fn attestor(node: &Node, faults: FileFaults<'_>) -> Option<Attestor> {
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
    let anchors = spec
        .get("anchors")
        .map_or(Some(Vec::new()), |node| read_all(list(node, faults)?, |node| anchor(node, faults)));
    let about = spec
        .need("about", faults)
        .and_then(|node| read_all(list(node, faults)?, |node| subject(node, faults)));
    let keyless = spec.get("keyless").map_or(Some(false), |node| flag(node, faults));
    Some(Attestor { iss: iss?, keys: keys?, anchors: anchors?, about: about?, keyless: keyless? })
}

fn anchor(node: &Node, faults: FileFaults<'_>) -> Option<Anchor> {
    let text = string(node, faults)?;
    let Ok(der) = STANDARD.decode(text) else {
        faults.fault(
            node.at,
            "this anchor is not base64",
            "write the base64 of the certificate's DER on one line: the text between the BEGIN and END lines of its PEM file",
        );
        return None;
    };
    Some(Anchor::new(der))
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
