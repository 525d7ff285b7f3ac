//! Reads `kind: Teams`: which team may write routes for which hosts and paths.

use super::kind::{DocumentKind, open};
use super::matches;
use super::mesh::read_all;
use super::proxies::host;
use super::require::{self, RequireDoc};
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::matching::Pattern;
use crate::strict::{Node, entries, flag, list, members, string};

#[derive(Debug)]
pub(crate) struct Teams(pub(crate) Vec<Team>);

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) name: Placed<String>,
    /// It may write anywhere.
    pub(crate) is_platform: bool,
    pub(crate) ground: Vec<Ground>,
    /// Requirements for routes that do not name their own.
    pub(crate) defaults: RequireDoc,
    /// The least that its routes must require.
    pub(crate) floors: RequireDoc,
    /// What it may leave ungoverned, for example so that a pod can start.
    pub(crate) allowances: Vec<Allowance>,
}

/// One exact path on one host, for some methods.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) host: Placed<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) path: Pattern,
}

/// A host and a literal prefix of whole segments. `/` (no segments) is the whole host.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) host: Placed<String>,
    pub(crate) prefix: Placed<Pattern>,
}

pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Teams> {
    let document = open(node, DocumentKind::Teams, faults)?;
    let written = entries(document.members.need("spec", faults)?, faults)?;
    let mut read = Vec::new();
    for (name, spec) in written {
        let team = team(Placed::new(name.at, name.text.clone()), spec, faults);
        if scalars::is_label(&name.text) {
            read.extend(team);
        } else {
            faults.fault(
                name.at,
                format!("`{}` is not a valid name for a team", name.text),
                "use at most 63 of a-z, 0-9 and `-`, no `-` at either end",
            );
        }
    }
    (read.len() == written.len()).then_some(Teams(read))
}

fn team(name: Placed<String>, node: &Node, faults: FileFaults<'_>) -> Option<Team> {
    let spec = members(node, &["platform", "ground", "floors", "defaults", "ungoverned"], faults)?;
    let is_platform = spec.get("platform").map_or(Some(false), |node| flag(node, faults));
    let ground = spec
        .get("ground")
        .map_or(Some(Vec::new()), |node| read_all(list(node, faults)?, |node| ground(node, faults)));
    let require = |key| spec.get(key).map_or(Some(RequireDoc::default()), |node| require::read(node, faults));
    let (floors, defaults) = (require("floors"), require("defaults"));
    let allowances = spec
        .get("ungoverned")
        .map_or(Some(Vec::new()), |node| read_all(list(node, faults)?, |node| allowance(node, faults)));
    Some(Team {
        name,
        is_platform: is_platform?,
        ground: ground?,
        defaults: defaults?,
        floors: floors?,
        allowances: allowances?,
    })
}

fn allowance(node: &Node, faults: FileFaults<'_>) -> Option<Allowance> {
    let spec = members(node, &["host", "methods", "path"], faults)?;
    let host = spec.need("host", faults).and_then(|node| host_of(node, faults));
    let methods = spec.need("methods", faults).and_then(|node| matches::http_methods(node, faults));
    let path = spec.need("path", faults).and_then(|node| exact_path(node, faults));
    let methods = methods?.into_iter().map(|method| method.value).collect();
    Some(Allowance { host: host?, methods, path: path? })
}

fn exact_path(node: &Node, faults: FileFaults<'_>) -> Option<Pattern> {
    let text = string(node, faults)?;
    match Pattern::exact(text) {
        Ok(pattern) => Some(pattern),
        Err(broken) => {
            faults.fault(node.at, format!("`{text}` is not an exact path: {}", broken.why), broken.instead);
            None
        }
    }
}

fn host_of(node: &Node, faults: FileFaults<'_>) -> Option<Placed<String>> {
    host(Placed::new(node.at, string(node, faults)?.to_owned()), faults)
}

fn ground(node: &Node, faults: FileFaults<'_>) -> Option<Ground> {
    let spec = members(node, &["host", "prefix"], faults)?;
    let host = spec.need("host", faults).and_then(|node| host_of(node, faults));
    let prefix = spec.need("prefix", faults).and_then(|node| prefix(node, faults));
    Some(Ground { host: host?, prefix: prefix? })
}

fn prefix(node: &Node, faults: FileFaults<'_>) -> Option<Placed<Pattern>> {
    let text = string(node, faults)?;
    match Pattern::ground(text) {
        Ok(pattern) => Some(Placed::new(node.at, pattern)),
        Err(broken) => {
            let what = format!("`{text}` is not a valid prefix of a ground: {}", broken.why);
            faults.fault(node.at, what, broken.instead);
            None
        }
    }
}
