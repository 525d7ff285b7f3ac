//! Reads `kind: GovernedRoute`: one route, as its team wrote it.

use std::path::PathBuf;

use super::arguments::{self, DeclaredAction, DeclaredArgument};
use super::body_limit;
use super::callers::{self, Caller};
use super::kind::{DocumentKind, open};
use super::matches::{self, MatchDoc};
use super::mesh::read_all;
use super::require::{self, RequireDoc};
use super::scalars;
use super::ungoverned::{self, UngovernedDoc};
use crate::fault::{FileFaults, Place, Placed};
use crate::strict::{Members, Node, NodeValue, Style, flag, list, members, string};

#[derive(Debug)]
pub(crate) struct RouteDoc {
    pub(crate) file: PathBuf,
    pub(crate) name: Placed<String>,
    pub(crate) team: String,
    pub(crate) matches: Vec<MatchDoc>,
    pub(crate) require: Option<RequireDoc>,
    pub(crate) args: Vec<DeclaredArgument>,
    pub(crate) action: Option<DeclaredAction>,
    pub(crate) any_query: bool,
    pub(crate) receipt: bool,
    /// The longest body in bytes, if the route names one.
    pub(crate) body_limit: Option<Placed<usize>>,
    pub(crate) callers: Vec<Placed<Caller>>,
    pub(crate) policy: Option<PolicyText>,
    pub(crate) ungoverned: Option<UngovernedDoc>,
    /// The place to report when a key is missing.
    pub(crate) spec: Place,
}

/// Cedar text, and what is needed to find the place of a byte in the file.
#[derive(Clone, Debug)]
pub(crate) struct PolicyText {
    pub(crate) at: Place,
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// Reads a route of this team; `stem` is the name of its file without the extension.
pub(crate) fn read(node: &Node, team: &str, stem: &str, faults: FileFaults<'_>) -> Option<RouteDoc> {
    let document = open(node, DocumentKind::GovernedRoute, faults)?;
    let name = document.name(faults);
    if let Some(name) = name.as_ref().filter(|name| name.value != stem) {
        faults.fault(
            name.at,
            format!("the route is called `{}`, but its file is called `{stem}`", name.value),
            "give both the same name",
        );
    }
    if let Some(space) = document.namespace(faults).filter(|space| space.value != team) {
        faults.fault(
            space.at,
            format!("the namespace is `{}`, but the directory is of team `{team}`", space.value),
            "leave it out, or move the file",
        );
    }
    let known = [
        "match",
        "require",
        "args",
        "action",
        "query",
        "body",
        "evidence",
        "callers",
        "policy",
        "ungoverned",
    ];
    let spec = members(document.members.need("spec", faults)?, &known, faults)?;
    let matches = match spec.need("match", faults) {
        Some(node) => read_all(list(node, faults).unwrap_or_default(), |node| matches::read(node, faults)),
        None => None,
    };
    let require = optional(spec, "require", |node| require::read(node, faults));
    let args = optional(spec, "args", |node| arguments::read(node, faults));
    let action = optional(spec, "action", |node| arguments::action(node, faults));
    let any_query =
        optional(spec, "query", |node| scalars::one_of(node, &[("declared", false), ("any", true)], faults));
    let body_limit = optional(spec, "body", |node| body_limit::read(node, faults));
    let receipt = optional(spec, "evidence", |node| receipt(node, faults));
    let callers = optional(spec, "callers", |node| callers::read(node, faults));
    let policy = optional(spec, "policy", |node| policy(node, faults));
    let ungoverned = optional(spec, "ungoverned", |node| ungoverned::read(node, faults));
    Some(RouteDoc {
        file: faults.file.to_path_buf(),
        name: name?,
        team: team.to_owned(),
        matches: matches?,
        require: require?,
        args: args?.unwrap_or_default(),
        action: action?,
        any_query: any_query?.unwrap_or(false),
        receipt: receipt?.unwrap_or(false),
        body_limit: body_limit?,
        callers: callers?.unwrap_or_default(),
        policy: policy?,
        ungoverned: ungoverned?,
        spec: spec.at,
    })
}

/// `Some(None)` if the key is absent, `None` if its value is wrong.
fn optional<T>(spec: Members<'_>, name: &str, read: impl FnOnce(&Node) -> Option<T>) -> Option<Option<T>> {
    match spec.get(name) {
        Some(node) => read(node).map(Some),
        None => Some(None),
    }
}

fn receipt(node: &Node, faults: FileFaults<'_>) -> Option<bool> {
    flag(members(node, &["receipt"], faults)?.need("receipt", faults)?, faults)
}

/// In YAML it must be a literal block, so that a fault inside has a line and a column.
fn policy(node: &Node, faults: FileFaults<'_>) -> Option<PolicyText> {
    let text = string(node, faults)?;
    let NodeValue::Text(_, style) = node.value else { return None };
    if style == Style::Flowing {
        faults.fault(
            node.at,
            "the policy is not a literal block",
            "write `policy: |` and the text on the lines below, so that faults have a line and a column",
        );
        return None;
    }
    Some(PolicyText { at: node.at, text: text.to_owned(), style })
}
