//! Documents, read alone, become one policy: what depends on more than one of them is settled here.
//!
//! The rules run whether the documents come from files or from a signed bundle: a signature says who wrote a policy, not that it is sound.

mod callers;
mod hosts;
mod names;
mod overlaps;
mod requirements;
mod tenancy;

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use hosts::Hosts;

use super::documents::mesh::Mesh;
use super::fault::Faults;
use super::groups::Groups;
use super::matching::Matcher;
use super::route::Route;
use super::sources::{Documents, MESH_POLICY};

/// Everything that decides, validated.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) mesh: Mesh,
    pub(crate) hosts: Hosts,
    pub(crate) groups: Groups,
    pub(crate) routes: Vec<Route>,
    pub(crate) by_name: BTreeMap<String, usize>,
    /// Leads to a position in `routes`.
    pub(crate) matcher: Matcher<usize>,
}

/// Assembles a policy; `None` when any rule was broken.
pub(crate) fn assemble(documents: Documents, faults: &Faults) -> Option<Policy> {
    let before = faults.count();
    names::are_unique(&documents, faults);
    let hosts = hosts::read(&documents, faults);
    hosts::are_canonical(&documents, &hosts, faults);
    tenancy::holds(&documents, faults);
    callers::are_known(&documents, faults);
    requirements::is_silent(&documents.mesh_policy, faults.page(Path::new(MESH_POLICY)));
    let matcher = overlaps::index(&documents, faults);
    let routes: Vec<_> = documents
        .routes
        .iter()
        .filter_map(|route| requirements::settle(route, faults.page(&route.file)))
        .collect();
    if faults.count() != before {
        return None;
    }
    let by_name =
        routes.iter().enumerate().map(|(position, route)| (route.name().to_owned(), position)).collect();
    let groups = Groups::new(documents.identities);
    Some(Policy { mesh: documents.mesh, hosts, groups, routes, by_name, matcher })
}
