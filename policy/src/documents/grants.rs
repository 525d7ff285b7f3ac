//! Reads `grants` of the mesh: what the authority may put into a warrant, by name.
//!
//! Who gets which grant, and with which limits, is the business of `issuance.cedar`.

use warrant::mint::read_details;
use warrant::{Detail, Digest};

use super::mesh::read_all;
use super::require::environment;
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Form, Node, canonical, entries, formed, list, members};

/// What one grant allows, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTerms {
    /// What may be done. An asked detail must be within one of these.
    pub details: Vec<Detail>,
    /// Where alone its warrants may be used: for each dimension, the values.
    pub environment: Vec<(String, Vec<String>)>,
    /// The measurements to which its warrants are bound; `None` if they are bound to no attestation.
    pub attestation: Option<Vec<String>>,
}

/// Reads the grants; `None` if not all of them can be read.
pub(super) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Vec<(Placed<String>, GrantTerms)>> {
    let written = entries(node, faults)?;
    let mut read = Vec::with_capacity(written.len());
    for (name, terms) in written {
        let terms = grant(terms, faults);
        if !scalars::is_label(&name.text) {
            let what = format!("`{}` is not a valid name for a grant", name.text);
            faults.fault(name.at, what, scalars::LABEL);
        } else if let Some(terms) = terms {
            read.push((Placed::new(name.at, name.text.clone()), terms));
        }
    }
    (read.len() == written.len()).then_some(read)
}

fn grant(node: &Node, faults: FileFaults<'_>) -> Option<GrantTerms> {
    let spec = members(node, &["details", "environment", "attestation"], faults)?;
    let details = spec.need("details", faults).and_then(|node| details(node, faults));
    let environment = spec.get("environment").map_or(Some(Vec::new()), |node| environment(node, faults));
    let attestation = spec.get("attestation").map_or(Some(None), |node| measurements(node, faults).map(Some));
    Some(GrantTerms { details: details?, environment: environment?, attestation: attestation? })
}

/// `warrant` decides whether they are details: they have the form that a warrant has.
pub(crate) fn details(node: &Node, faults: FileFaults<'_>) -> Option<Vec<Detail>> {
    match read_details(canonical::of(node).as_bytes()) {
        Ok(details) => Some(details),
        Err(fault) => {
            faults.fault(
                node.at,
                format!("these are not valid details of a warrant: {fault}"),
                "write a list like `[{type: execution, hosts: [payments.shop], methods: [POST], paths: [\"/v1/payments/**\"]}]`",
            );
            None
        }
    }
}

fn measurements(node: &Node, faults: FileFaults<'_>) -> Option<Vec<String>> {
    let form = Form { what: "a valid measurement", instead: "write `sha256:` and 64 lower-case hex digits" };
    read_all(list(node, faults)?, |node| {
        formed(node, form, faults, |text| Digest::parse(text).map(|digest| digest.to_string()))
    })
}
