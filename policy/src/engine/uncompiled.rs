//! What is compiled: the routes and the mesh-wide text, as far as the documents are known, and the names that their
//! policies may use.

use std::collections::BTreeSet;

use super::names::RESERVED;
use super::schema::{Own, Shape};
use crate::arguments::Declared;
use crate::documents::require::{Holder, RequireDoc, UseLimit};
use crate::documents::route::{PolicyText, RouteDoc};

/// A route to compile, as far as its documents are known.
#[derive(Debug)]
pub(crate) struct Uncompiled<'a> {
    pub(crate) document: &'a RouteDoc,
    /// With the defaults of the team.
    pub(crate) require: &'a RequireDoc,
    pub(crate) actions: BTreeSet<&'a str>,
}

impl<'a> Uncompiled<'a> {
    pub(super) fn knows_actions(&self) -> bool {
        !self.document.broken.has("match") && !self.document.broken.has("action")
    }

    /// Whether a delegated key may ask; false if that is not known.
    pub(super) fn has_keys(&self) -> bool {
        self.require.holder.as_ref().is_some_and(|holder| holder.value == Holder::Proof)
    }

    /// Whether a warrant for any number of uses and a proof are enough; false if that is not known.
    pub(super) fn is_open(&self) -> bool {
        self.has_keys() && self.require.uses.as_ref().is_some_and(|uses| uses.value == UseLimit::Any)
    }

    /// Whether no fault hides a part of it.
    pub(super) fn is_whole(&self) -> bool {
        self.document.broken.is_empty() && self.require.broken.is_empty()
    }

    pub(super) fn own(&self) -> Own<'a> {
        let environment = self.require.environment.as_ref().map(|sets| sets.value.as_slice());
        let conditions = self.require.conditions.as_ref().map(|list| list.value.as_slice());
        Own {
            args: &self.document.args,
            environment: environment.unwrap_or_default().iter().map(|(key, _)| key.as_str()).collect(),
            conditions: conditions.unwrap_or_default().iter().map(|one| one.name.as_str()).collect(),
        }
    }
}

/// The mesh-wide policies, and what they may name besides the governed routes.
#[derive(Debug)]
pub(crate) struct MeshText<'a> {
    pub(crate) policy: Option<&'a PolicyText>,
    /// The names of routes whose documents could not be read.
    pub(crate) unread_routes: &'a [String],
    /// The routes that no policy governs.
    pub(crate) open: &'a [Declared],
}

/// The shape of mesh-wide policies.
pub(super) fn shape_of_mesh<'a>(
    mesh: &MeshText<'a>,
    routes: &[Uncompiled<'a>],
    groups: Option<&[&'a str]>,
) -> Shape<'a> {
    let names = routes.iter().map(|route| route.document.name.value.as_str());
    let mut actions: BTreeSet<_> = routes.iter().flat_map(|route| route.actions.iter().copied()).collect();
    if routes.is_empty() {
        // Nothing is governed yet. Without any action Cedar would call every policy impossible.
        actions.extend(mesh.open.iter().flat_map(Declared::actions));
        actions.insert(RESERVED);
    }
    Shape {
        routes: names.chain(mesh.unread_routes.iter().map(String::as_str)).collect(),
        groups: groups.map(<[_]>::to_vec),
        actions,
        has_keys: true,
        own: None,
    }
}
