//! `kind: Teams`: who may write where.

use super::kind::{Kind, open};
use super::mesh::all;
use super::proxies::host;
use super::words;
use crate::policy::fault::{Page, Placed};
use crate::policy::matching::Pattern;
use crate::policy::text::{Node, entries, flag, list, members, string};

#[derive(Debug)]
pub(crate) struct Teams(pub(crate) Vec<Team>);

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) name: Placed<String>,
    /// May write anywhere.
    pub(crate) is_platform: bool,
    pub(crate) ground: Vec<Ground>,
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
    let spec = members(node, &["platform", "ground"], page)?;
    let is_platform = spec.get("platform").map_or(Some(false), |node| flag(node, page));
    let ground =
        spec.get("ground").map_or(Some(Vec::new()), |node| all(list(node, page)?, |node| ground(node, page)));
    Some(Team { name, is_platform: is_platform?, ground: ground? })
}

fn ground(node: &Node, page: Page<'_>) -> Option<Ground> {
    let spec = members(node, &["host", "prefix"], page)?;
    let host = spec
        .need("host", page)
        .and_then(|node| host(Placed::new(node.at, string(node, page)?.to_owned()), page));
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
