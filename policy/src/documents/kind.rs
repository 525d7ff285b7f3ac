//! What every document begins with: `apiVersion`, `kind`, and for two kinds `metadata`.

use super::words;
use crate::fault::{Page, Placed};
use crate::strict::{Node, members, string};

const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// The closed set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mesh,
    Proxies,
    Identities,
    Teams,
    GovernedRoute,
    RouteTests,
}

impl Kind {
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

    /// The members beside `apiVersion` and `kind`.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Mesh | Self::Proxies | Self::Identities | Self::Teams => &["apiVersion", "kind", "spec"],
            Self::GovernedRoute => &["apiVersion", "kind", "metadata", "spec"],
            Self::RouteTests => &["apiVersion", "kind", "metadata", "given", "cases"],
        }
    }
}

/// A document whose outside holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened<'a> {
    /// All members, `spec` among them.
    pub(crate) members: crate::strict::Members<'a>,
    /// `metadata`'s, where the kind has it.
    metadata: Option<crate::strict::Members<'a>>,
}

/// Opens a document that must be of this kind.
pub(crate) fn open<'a>(node: &'a Node, kind: Kind, page: Page<'_>) -> Option<Opened<'a>> {
    let members = members(node, kind.members(), page)?;
    let version = members.need("apiVersion", page).and_then(|node| is(node, API_VERSION, page));
    let named = members.need("kind", page).and_then(|node| is(node, kind.name(), page));
    let has_metadata = kind.members().contains(&"metadata");
    let metadata = if has_metadata {
        members.need("metadata", page).and_then(|node| open_metadata(node, page))
    } else {
        None
    };
    (version.is_some() && named.is_some() && (!has_metadata || metadata.is_some()))
        .then_some(Opened { members, metadata })
}

impl Opened<'_> {
    /// `metadata.name`, where it is a name.
    pub(crate) fn name(&self, page: Page<'_>) -> Option<Placed<String>> {
        let node = self.metadata?.need("name", page)?;
        let name = string(node, page)?;
        if !words::is_label(name) || name == "mesh" {
            page.fault(
                node.at,
                format!("`{name}` is no name for a route"),
                "use at most 63 of a-z, 0-9 and `-`, no `-` at either end, and not `mesh`",
            );
            return None;
        }
        Some(Placed::new(node.at, name.to_owned()))
    }

    pub(crate) fn namespace(&self, page: Page<'_>) -> Option<Placed<String>> {
        let node = self.metadata?.get("namespace")?;
        string(node, page).map(|name| Placed::new(node.at, name.to_owned()))
    }
}

/// `labels` and `annotations` are read by nobody: other tools keep theirs there.
fn open_metadata<'a>(node: &'a Node, page: Page<'_>) -> Option<crate::strict::Members<'a>> {
    members(node, &["name", "namespace", "labels", "annotations"], page)
}

fn is(node: &Node, expected: &str, page: Page<'_>) -> Option<()> {
    let found = string(node, page)?;
    if found != expected {
        page.fault(node.at, format!("`{found}` where `{expected}` is wanted"), format!("write `{expected}`"));
        return None;
    }
    Some(())
}
