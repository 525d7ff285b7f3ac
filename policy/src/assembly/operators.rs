//! Compiles `operators.cedar` with the names that the other documents define.

use std::path::Path;

use super::could_not_compile;
use crate::documents::files::{Documents, OPERATORS};
use crate::documents::route::RouteDoc;
use crate::engine::{self, Findings, OperatorNames, OperatorSlice};
use crate::fault::{Faults, Placed};

/// The compiled policies, unless there is a fault; `None` if they could not be compiled at all.
pub(super) fn compile(documents: &Documents, faults: &Faults) -> Option<(Option<OperatorSlice>, Findings)> {
    let Some(compiled) = engine::compile_operators(documents.operators.as_ref(), &names(documents)) else {
        return could_not_compile(faults);
    };
    compiled.1.report_faults(faults.in_file(Path::new(OPERATORS)));
    Some(compiled)
}

fn names(documents: &Documents) -> OperatorNames<'_> {
    fn text(name: &Placed<String>) -> &str {
        &name.value
    }
    let mesh = documents.mesh.as_ref();
    fn route(route: &RouteDoc) -> (&str, &str) {
        (&route.name.value, &route.team)
    }
    OperatorNames {
        mesh: mesh.map(|mesh| mesh.terms.audience.as_str()),
        issuers: mesh.map(|mesh| mesh.trust.issuers().iter().map(|issuer| issuer.iss.as_str()).collect()),
        groups: documents
            .identities
            .as_ref()
            .map(|identities| identities.groups.iter().map(|(name, _)| text(name)).collect()),
        teams: documents
            .teams
            .as_ref()
            .filter(|teams| teams.is_complete)
            .map(|teams| teams.list.iter().map(|team| text(&team.name)).collect()),
        routes: documents.routes.iter().map(route).collect(),
        unread_routes: documents.unread_routes.iter().map(String::as_str).collect(),
    }
}
