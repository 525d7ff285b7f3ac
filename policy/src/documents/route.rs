//! Reads `kind: GovernedRoute`: one route, as its team wrote it, as far as it can be read.

use std::path::PathBuf;

use super::arguments::{self, DeclaredAction, DeclaredArgument};
use super::body_limit;
use super::callers::{self, Caller};
use super::kind::{DocumentKind, open};
use super::matches::{self, MatchDoc};
use super::parts::{Broken, Parts, readable};
use super::require::{self, RequireDoc};
use super::scalars;
use super::stream_limit;
use super::ungoverned::{self, UngovernedDoc};
use crate::fault::{FileFaults, Place, Placed};
use crate::strict::{Node, NodeValue, Style, flag, list, members};

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
    /// How long an allowed stream may run, in seconds, if the route says it.
    pub(crate) max_stream: Option<Placed<u64>>,
    pub(crate) callers: Vec<Placed<Caller>>,
    pub(crate) policy: Option<PolicyText>,
    pub(crate) ungoverned: Option<UngovernedDoc>,
    /// The place to report when a key is missing.
    pub(crate) spec: Place,
    /// The keys of `spec` whose values are not known, or not completely, because they have a fault.
    pub(crate) broken: Broken,
}

impl RouteDoc {
    /// Whether it lets requests through without a warrant and without a look at its policies.
    pub(crate) fn is_open(&self) -> bool {
        self.ungoverned.as_ref().is_some_and(|ungoverned| !ungoverned.observe)
    }
}

/// Cedar text, and what is needed to find the place of a byte in the file.
#[derive(Clone, Debug)]
pub(crate) struct PolicyText {
    pub(crate) at: Place,
    pub(crate) text: String,
    pub(crate) style: Style,
}

const KNOWN: &[&str] = &[
    "match",
    "require",
    "args",
    "action",
    "query",
    "body",
    "evidence",
    "maxStream",
    "callers",
    "policy",
    "ungoverned",
];

/// Reads what can be read of a route of this team; `stem` is the name of its file without the extension. `None` if
/// nothing can be.
pub(crate) fn read(node: &Node, team: &str, stem: &str, faults: FileFaults<'_>) -> Option<RouteDoc> {
    let document = open(node, DocumentKind::GovernedRoute, faults)?;
    let name = document.name(stem, "the route is called", faults);
    document.check_namespace(team, faults);
    let spec = members(document.members.need("spec", faults)?, KNOWN, faults)?;
    let mut parts = Parts::new(spec, faults);
    let queries = [("declared", false), ("any", true)];
    let matches =
        parts.needed("match", |node| Some(readable(list(node, faults)?, |node| matches::read(node, faults))));
    let require = parts.optional("require", |node| require::read(node, faults));
    let require = require.or_else(|| parts.broken.has("require").then(RequireDoc::unknown));
    Some(RouteDoc {
        file: faults.file.to_path_buf(),
        name,
        team: team.to_owned(),
        matches: matches.unwrap_or_default(),
        require,
        args: parts.optional("args", |node| arguments::read(node, faults)).unwrap_or_default(),
        action: parts.optional("action", |node| arguments::action(node, faults)),
        any_query: parts
            .optional("query", |node| scalars::one_of(node, &queries, faults))
            .unwrap_or_default(),
        body_limit: parts.optional("body", |node| body_limit::read(node, faults)),
        receipt: parts.optional("evidence", |node| receipt(node, faults)).unwrap_or_default(),
        max_stream: parts.optional("maxStream", |node| stream_limit::read(node, faults)),
        callers: parts.optional("callers", |node| callers::read(node, faults)).unwrap_or_default(),
        policy: parts.optional("policy", |node| policy(node, faults)),
        ungoverned: parts.optional("ungoverned", |node| ungoverned::read(node, faults)),
        spec: spec.at,
        broken: parts.broken,
    })
}

fn receipt(node: &Node, faults: FileFaults<'_>) -> Option<bool> {
    flag(members(node, &["receipt"], faults)?.need("receipt", faults)?, faults)
}

/// In YAML it must be a literal block, so that a fault inside has a line and a column.
fn policy(node: &Node, faults: FileFaults<'_>) -> Option<PolicyText> {
    if let NodeValue::Text(text, style) = &node.value
        && *style != Style::Flowing
    {
        return Some(PolicyText { at: node.at, text: text.clone(), style: *style });
    }
    faults.fault(
        node.at,
        "the policy is not a literal block",
        "write `policy: |` and the text on the lines below, so that faults have a line and a column",
    );
    None
}
