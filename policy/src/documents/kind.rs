//! Reads the head of every document: `apiVersion`, `kind`, and for two kinds `metadata`.

use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Node, members, string};

const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// The kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    Mesh,
    Proxies,
    Identities,
    Teams,
    GovernedRoute,
    RouteTests,
}

impl DocumentKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Mesh => "Mesh",
            Self::Proxies => "Proxies",
            Self::Identities => "Identities",
            Self::Teams => "Teams",
            Self::GovernedRoute => "GovernedRoute",
            Self::RouteTests => "RouteTests",
        }
    }

    /// All members, `apiVersion` and `kind` included.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Mesh | Self::Proxies | Self::Identities | Self::Teams => &["apiVersion", "kind", "spec"],
            Self::GovernedRoute => &["apiVersion", "kind", "metadata", "spec"],
            Self::RouteTests => &["apiVersion", "kind", "metadata", "given", "cases"],
        }
    }
}

/// A document whose head is valid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenedDocument<'a> {
    /// All members, `spec` among them.
    pub(crate) members: crate::strict::Members<'a>,
    /// The members of `metadata`, for a kind that has it.
    metadata: Option<crate::strict::Members<'a>>,
}

/// Reads the head of a document that must be of this kind.
pub(crate) fn open<'a>(
    node: &'a Node,
    kind: DocumentKind,
    faults: FileFaults<'_>,
) -> Option<OpenedDocument<'a>> {
    let members = members(node, kind.members(), faults)?;
    let version = members.need("apiVersion", faults).and_then(|node| check_value(node, API_VERSION, faults));
    let named = members.need("kind", faults).and_then(|node| check_value(node, kind.name(), faults));
    let has_metadata = kind.members().contains(&"metadata");
    let metadata = if has_metadata {
        members.need("metadata", faults).and_then(|node| open_metadata(node, faults))
    } else {
        None
    };
    (version.is_some() && named.is_some() && (!has_metadata || metadata.is_some()))
        .then_some(OpenedDocument { members, metadata })
}

impl OpenedDocument<'_> {
    /// `metadata.name`, if it is a valid name.
    pub(crate) fn name(&self, faults: FileFaults<'_>) -> Option<Placed<String>> {
        let node = self.metadata?.need("name", faults)?;
        let name = string(node, faults)?;
        if !scalars::is_label(name) || name == "mesh" {
            faults.fault(
                node.at,
                format!("`{name}` is not a valid name for a route"),
                "use at most 63 of a-z, 0-9 and `-`, no `-` at either end, and not `mesh`",
            );
            return None;
        }
        Some(Placed::new(node.at, name.to_owned()))
    }

    pub(crate) fn namespace(&self, faults: FileFaults<'_>) -> Option<Placed<String>> {
        let node = self.metadata?.get("namespace")?;
        string(node, faults).map(|name| Placed::new(node.at, name.to_owned()))
    }
}

/// `labels` and `annotations` are allowed for other tools. They are not read.
fn open_metadata<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<crate::strict::Members<'a>> {
    members(node, &["name", "namespace", "labels", "annotations"], faults)
}

fn check_value(node: &Node, expected: &str, faults: FileFaults<'_>) -> Option<()> {
    let found = string(node, faults)?;
    if found != expected {
        faults.fault(
            node.at,
            format!("expected `{expected}`, found `{found}`"),
            format!("write `{expected}`"),
        );
        return None;
    }
    Some(())
}
