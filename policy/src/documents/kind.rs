//! Reads the head of every document: `apiVersion`, `kind`, and for two kinds `metadata`.

use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::strict::{Form, Members, Node, NodeValue, formed, members};

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
    OperatorTests,
    IssuanceTests,
}

impl DocumentKind {
    const ALL: [Self; 8] = [
        Self::Mesh,
        Self::Proxies,
        Self::Identities,
        Self::Teams,
        Self::GovernedRoute,
        Self::RouteTests,
        Self::OperatorTests,
        Self::IssuanceTests,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Mesh => "Mesh",
            Self::Proxies => "Proxies",
            Self::Identities => "Identities",
            Self::Teams => "Teams",
            Self::GovernedRoute => "GovernedRoute",
            Self::RouteTests => "RouteTests",
            Self::OperatorTests => "OperatorTests",
            Self::IssuanceTests => "IssuanceTests",
        }
    }

    /// All members, `apiVersion` and `kind` included.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Mesh | Self::Proxies | Self::Identities | Self::Teams => &["apiVersion", "kind", "spec"],
            Self::GovernedRoute => &["apiVersion", "kind", "metadata", "spec"],
            Self::RouteTests => &["apiVersion", "kind", "metadata", "given", "cases"],
            Self::OperatorTests | Self::IssuanceTests => &["apiVersion", "kind", "given", "cases"],
        }
    }
}

/// A document of this kind, whose head has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenedDocument<'a> {
    /// All members, `spec` among them.
    pub(crate) members: Members<'a>,
    /// The members of `metadata`, for a kind that has it.
    metadata: Option<Members<'a>>,
}

/// Reads the head of a document that must be of this kind. `None` if it is of another kind: then its contents
/// would only give more faults.
pub(crate) fn open<'a>(
    node: &'a Node,
    kind: DocumentKind,
    faults: FileFaults<'_>,
) -> Option<OpenedDocument<'a>> {
    let members = members(node, kind.members(), faults)?;
    if let Some(node) = members.need("apiVersion", faults) {
        scalars::one_of(node, &[(API_VERSION, ())], faults);
    }
    if let Some(node) = members.need("kind", faults) {
        scalars::one_of(node, &[(kind.name(), ())], faults);
        let is_another = |other: &DocumentKind| {
            *other != kind && matches!(&node.value, NodeValue::Text(text, _) if text == other.name())
        };
        if DocumentKind::ALL.iter().any(is_another) {
            return None;
        }
    }
    let has_metadata = kind.members().contains(&"metadata");
    let metadata = members.get("metadata").filter(|_| has_metadata);
    if has_metadata {
        members.need("metadata", faults);
    }
    Some(OpenedDocument { members, metadata: metadata.and_then(|node| open_metadata(node, faults)) })
}

impl OpenedDocument<'_> {
    /// The name that a document has by its file, which `metadata.name` must repeat. `is_called` begins the fault.
    pub(crate) fn name(&self, stem: &str, is_called: &str, faults: FileFaults<'_>) -> Placed<String> {
        let written = self.metadata.and_then(|metadata| metadata.need("name", faults));
        if let Some(node) = written {
            let form = Form { what: "a valid name for a route", instead: NAME };
            let name = formed(node, form, faults, |text| is_route_name(text).then(|| text.to_owned()));
            if let Some(name) = name.filter(|name| name != stem) {
                faults.fault(
                    node.at,
                    format!("{is_called} `{name}`, but the name of the file is `{stem}`"),
                    "give both the same name",
                );
            }
        }
        Placed::new(written.map_or(self.members.at, |node| node.at), stem.to_owned())
    }

    /// Checks that `metadata.namespace` is the team whose directory the document is in, if it is written.
    pub(crate) fn check_namespace(&self, team: &str, faults: FileFaults<'_>) {
        let written = self.metadata.and_then(|metadata| metadata.get("namespace"));
        let Some(node) = written else { return };
        if !matches!(&node.value, NodeValue::Text(text, _) if text == team) {
            faults.fault(
                node.at,
                format!("the namespace is not `{team}`, the team whose directory this is"),
                "leave it out, or move the file",
            );
        }
    }
}

const NAME: &str =
    "use 1 to 63 of a-z, 0-9 and `-`, no `-` at either end, and none of `mesh`, `operators` and `issuance`";

fn is_route_name(text: &str) -> bool {
    scalars::is_label(text) && !matches!(text, "mesh" | "operators" | "issuance")
}

/// `labels` and `annotations` are allowed for other tools. They are not read.
fn open_metadata<'a>(node: &'a Node, faults: FileFaults<'_>) -> Option<Members<'a>> {
    members(node, &["name", "namespace", "labels", "annotations"], faults)
}
