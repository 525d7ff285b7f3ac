//! `kind: GovernedRoute`: one route, as its team wrote it.

use std::path::PathBuf;

use super::arguments::{self, Action, Argument};
use super::callers::{self, Caller};
use super::kind::{Kind, open};
use super::matches::{self, Match};
use super::mesh::all;
use super::require::{self, RequireDoc};
use super::ungoverned::{self, Ungoverned};
use super::words;
use crate::fault::{Page, Place, Placed};
use crate::strict::{Members, Node, Style, Value, flag, list, members, string};

#[derive(Debug)]
pub(crate) struct RouteDoc {
    pub(crate) file: PathBuf,
    pub(crate) name: Placed<String>,
    pub(crate) team: String,
    pub(crate) matches: Vec<Match>,
    pub(crate) require: Option<RequireDoc>,
    pub(crate) args: Vec<Argument>,
    pub(crate) action: Option<Action>,
    pub(crate) any_query: bool,
    pub(crate) receipt: bool,
    pub(crate) callers: Vec<Placed<Caller>>,
    pub(crate) policy: Option<PolicyText>,
    pub(crate) ungoverned: Option<Ungoverned>,
    /// The place to name when something is missing from the whole.
    pub(crate) spec: Place,
}

/// Cedar text, and how to find a byte of it in the file.
#[derive(Clone, Debug)]
pub(crate) struct PolicyText {
    pub(crate) at: Place,
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// Reads a route of this team; `stem` is what its file is called.
pub(crate) fn read(node: &Node, team: &str, stem: &str, page: Page<'_>) -> Option<RouteDoc> {
    let document = open(node, Kind::GovernedRoute, page)?;
    let name = document.name(page);
    if let Some(name) = name.as_ref().filter(|name| name.value != stem) {
        page.fault(
            name.at,
            format!("the route `{}` stands in a file called `{stem}`", name.value),
            "give both the same name",
        );
    }
    if let Some(space) = document.namespace(page).filter(|space| space.value != team) {
        page.fault(
            space.at,
            format!("the namespace `{}` in the folder of team `{team}`", space.value),
            "leave it out, or move the file",
        );
    }
    let known =
        ["match", "require", "args", "action", "query", "evidence", "callers", "policy", "ungoverned"];
    let spec = members(document.members.need("spec", page)?, &known, page)?;
    let matches = match spec.need("match", page) {
        Some(node) => all(list(node, page).unwrap_or_default(), |node| matches::read(node, page)),
        None => None,
    };
    let require = optional(spec, "require", |node| require::read(node, page));
    let args = optional(spec, "args", |node| arguments::read(node, page));
    let action = optional(spec, "action", |node| arguments::action(node, page));
    let any_query =
        optional(spec, "query", |node| words::one_of(node, &[("declared", false), ("any", true)], page));
    let receipt = optional(spec, "evidence", |node| receipt(node, page));
    let callers = optional(spec, "callers", |node| callers::read(node, page));
    let policy = optional(spec, "policy", |node| policy(node, page));
    let ungoverned = optional(spec, "ungoverned", |node| ungoverned::read(node, page));
    Some(RouteDoc {
        file: page.file.to_path_buf(),
        name: name?,
        team: team.to_owned(),
        matches: matches?,
        require: require?,
        args: args?.unwrap_or_default(),
        action: action?,
        any_query: any_query?.unwrap_or(false),
        receipt: receipt?.unwrap_or(false),
        callers: callers?.unwrap_or_default(),
        policy: policy?,
        ungoverned: ungoverned?,
        spec: spec.at,
    })
}

/// `Some(None)` where the key is not there, `None` where it is and is wrong.
fn optional<T>(spec: Members<'_>, name: &str, read: impl FnOnce(&Node) -> Option<T>) -> Option<Option<T>> {
    match spec.get(name) {
        Some(node) => read(node).map(Some),
        None => Some(None),
    }
}

fn receipt(node: &Node, page: Page<'_>) -> Option<bool> {
    flag(members(node, &["receipt"], page)?.need("receipt", page)?, page)
}

/// In YAML a literal block, so that a fault inside has a line and a column.
fn policy(node: &Node, page: Page<'_>) -> Option<PolicyText> {
    let text = string(node, page)?;
    let Value::Text(_, style) = node.value else { return None };
    if style == Style::Flowing {
        page.fault(
            node.at,
            "a policy that is no literal block",
            "write `policy: |` and the text below it, so that faults have places",
        );
        return None;
    }
    Some(PolicyText { at: node.at, text: text.to_owned(), style })
}
