//! Reads `kind: Teams`: which team may write routes for which hosts and paths.

use super::kind::{DocumentKind, open};
use super::matches;
use super::parts::{Broken, Parts, readable};
use super::require::{self, RequireDoc};
use super::scalars;
use crate::fault::{FileFaults, Placed};
use crate::matching::Pattern;
use crate::strict::{Node, entries, flag, list, members};

#[derive(Debug)]
pub(crate) struct Teams {
    pub(crate) list: Vec<Team>,
    /// Whether every name could be read: otherwise a team may exist that is not in the list.
    pub(crate) is_complete: bool,
}

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
    /// The keys whose values are not known, or not completely, because they have a fault.
    pub(crate) broken: Broken,
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

/// Reads what can be read of the teams. A team whose members have a fault is still a team.
pub(crate) fn read(node: &Node, faults: FileFaults<'_>) -> Option<Teams> {
    let document = open(node, DocumentKind::Teams, faults)?;
    let written = entries(document.members.need("spec", faults)?, faults)?;
    let mut read = Vec::new();
    for (name, spec) in written {
        let team = team(Placed::new(name.at, name.text.clone()), spec, faults);
        if scalars::is_label(&name.text) {
            read.push(team);
        } else {
            let what = format!("`{}` is not a valid name for a team", name.text);
            faults.fault(name.at, what, scalars::LABEL);
        }
    }
    let is_complete = read.len() == written.len();
    Some(Teams { list: read, is_complete })
}

const KNOWN: &[&str] = &["platform", "ground", "floors", "defaults", "ungoverned"];

fn team(name: Placed<String>, node: &Node, faults: FileFaults<'_>) -> Team {
    let Some(spec) = members(node, KNOWN, faults) else {
        return Team {
            name,
            is_platform: false,
            ground: Vec::new(),
            defaults: RequireDoc::unknown(),
            floors: RequireDoc::unknown(),
            allowances: Vec::new(),
            broken: Broken::all(KNOWN),
        };
    };
    let mut parts = Parts::new(spec, faults);
    let mut require = |key| {
        let read = parts.optional(key, |node| require::read(node, faults));
        let is_broken = parts.broken.has(key);
        read.unwrap_or_else(|| if is_broken { RequireDoc::unknown() } else { RequireDoc::default() })
    };
    let (floors, defaults) = (require("floors"), require("defaults"));
    let is_platform = parts.optional("platform", |node| flag(node, faults)).unwrap_or_default();
    let ground = parts
        .optional("ground", |node| Some(readable(list(node, faults)?, |node| ground(node, faults))))
        .unwrap_or_default();
    let allowances = parts
        .optional("ungoverned", |node| Some(readable(list(node, faults)?, |node| allowance(node, faults))))
        .unwrap_or_default();
    Team { name, is_platform, ground, defaults, floors, allowances, broken: parts.broken }
}

fn allowance(node: &Node, faults: FileFaults<'_>) -> Option<Allowance> {
    let spec = members(node, &["host", "methods", "path"], faults)?;
    let host = spec.need("host", faults).and_then(|node| scalars::host(node, faults));
    let methods = spec.need("methods", faults).and_then(|node| matches::http_methods(node, faults));
    let path = spec
        .need("path", faults)
        .and_then(|node| scalars::path(node, "an exact path", faults, Pattern::exact));
    let methods = methods?.into_iter().map(|method| method.value).collect();
    Some(Allowance { host: host?, methods, path: path?.value })
}

fn ground(node: &Node, faults: FileFaults<'_>) -> Option<Ground> {
    let spec = members(node, &["host", "prefix"], faults)?;
    let host = spec.need("host", faults).and_then(|node| scalars::host(node, faults));
    let prefix = spec
        .need("prefix", faults)
        .and_then(|node| scalars::path(node, "a valid prefix of a ground", faults, Pattern::ground));
    Some(Ground { host: host?, prefix: prefix? })
}
