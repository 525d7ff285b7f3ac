//! `kind: Teams`: who may write where.

use super::kind::{Kind, open};
use super::matches;
use super::mesh::all;
use super::proxies::host;
use super::require::{self, RequireDoc};
use super::words;
use crate::fault::{Page, Placed};
use crate::matching::Pattern;
use crate::strict::{Node, entries, flag, list, members, string};

#[derive(Debug)]
pub(crate) struct Teams(pub(crate) Vec<Team>);

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) name: Placed<String>,
    /// May write anywhere.
    pub(crate) is_platform: bool,
    pub(crate) ground: Vec<Ground>,
    /// What its routes require where they say nothing.
    pub(crate) defaults: RequireDoc,
    /// What its routes may not fall below.
    pub(crate) floors: RequireDoc,
    /// What it may leave ungoverned, so that a pod can start.
    pub(crate) allowances: Vec<Allowance>,
}

/// One exact path on one host, for some methods.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) host: Placed<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) path: Pattern,
}

/// A host and a literal prefix of whole segments. `/` is the whole host: no segments.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) host: Placed<String>,
    pub(crate) prefix: Placed<Pattern>,
}

pub(crate) fn read(node: &Node, page: Page<'_>) -> Option<Teams> {
    let document = open(node, Kind::Teams, page)?;
    let written = entries(document.members.need("spec", page)?, page)?;
    let mut read = Vec::new();
    for (name, spec) in written {
        let team = team(Placed::new(name.at, name.text.clone()), spec, page);
        if words::is_label(&name.text) {
            read.extend(team);
        } else {
            page.fault(
                name.at,
                format!("`{}` is no name for a team", name.text),
                "use at most 63 of a-z, 0-9 and `-`, no `-` at either end",
            );
        }
    }
    (read.len() == written.len()).then_some(Teams(read))
}

fn team(name: Placed<String>, node: &Node, page: Page<'_>) -> Option<Team> {
    let spec = members(node, &["platform", "ground", "floors", "defaults", "ungoverned"], page)?;
    let is_platform = spec.get("platform").map_or(Some(false), |node| flag(node, page));
    let ground =
        spec.get("ground").map_or(Some(Vec::new()), |node| all(list(node, page)?, |node| ground(node, page)));
    let require = |key| spec.get(key).map_or(Some(RequireDoc::default()), |node| require::read(node, page));
    let (floors, defaults) = (require("floors"), require("defaults"));
    let allowances = spec
        .get("ungoverned")
        .map_or(Some(Vec::new()), |node| all(list(node, page)?, |node| allowance(node, page)));
    Some(Team {
        name,
        is_platform: is_platform?,
        ground: ground?,
        defaults: defaults?,
        floors: floors?,
        allowances: allowances?,
    })
}

fn allowance(node: &Node, page: Page<'_>) -> Option<Allowance> {
    let spec = members(node, &["host", "methods", "path"], page)?;
    let host = spec.need("host", page).and_then(|node| host_of(node, page));
    let methods = spec.need("methods", page).and_then(|node| matches::http_methods(node, page));
    let path = spec.need("path", page).and_then(|node| exact_path(node, page));
    let methods = methods?.into_iter().map(|method| method.value).collect();
    Some(Allowance { host: host?, methods, path: path? })
}

fn exact_path(node: &Node, page: Page<'_>) -> Option<Pattern> {
    let text = string(node, page)?;
    let read = Pattern::parse(text).ok().filter(Pattern::is_exact);
    if read.is_none() {
        page.fault(
            node.at,
            format!("`{text}` is no exact path"),
            "write literal segments only, like `/healthz`",
        );
    }
    read
}

fn host_of(node: &Node, page: Page<'_>) -> Option<Placed<String>> {
    host(Placed::new(node.at, string(node, page)?.to_owned()), page)
}

fn ground(node: &Node, page: Page<'_>) -> Option<Ground> {
    let spec = members(node, &["host", "prefix"], page)?;
    let host = spec.need("host", page).and_then(|node| host_of(node, page));
    let prefix = spec.need("prefix", page).and_then(|node| prefix(node, page));
    Some(Ground { host: host?, prefix: prefix? })
}

fn prefix(node: &Node, page: Page<'_>) -> Option<Placed<Pattern>> {
    let text = string(node, page)?;
    let read = Pattern::ground(text);
    if read.is_none() {
        page.fault(node.at, format!("`{text}` is no ground"), "write whole literal segments, like `/v1/payments`: no `*`, no trailing slash; `/` is the whole host");
    }
    read.map(|pattern| Placed::new(node.at, pattern))
}
