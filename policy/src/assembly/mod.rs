//! Documents, read alone, become one policy: what depends on more than one of them is settled here.
//!
//! The rules run whether the documents come from files or from a signed bundle: a signature says who wrote a policy, not that it is sound.

mod arguments;
mod callers;
mod hosts;
mod names;
mod overlaps;
mod requirements;
mod tenancy;
mod ungoverned;
mod warnings;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::arguments::{Endpoint, endpoints};
use crate::documents::files::{Documents, MESH_POLICY};
use crate::documents::groups::Groups;
use crate::documents::require::Require;
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::engine::{self, Compiled, Findings, Uncompiled};
use crate::fault::{Faults, Place, Placed};
use crate::routes::{Policy, Route, UngovernedMatch};
use crate::warning::Notice;

/// Assembles a policy; `None` when any rule was broken.
pub(crate) fn assemble(documents: Documents, faults: &Faults) -> Option<Policy> {
    let before = faults.count();
    names::are_unique(&documents, faults);
    let hosts = hosts::read(&documents, faults);
    hosts::are_canonical(&documents, &hosts, faults);
    tenancy::holds(&documents, faults);
    callers::are_known(&documents, faults);
    let (governed, open) = settle(&documents, faults);
    let matcher = overlaps::index(&documents, &governed, faults);
    let groups: Vec<_> = documents.identities.groups.iter().map(|(name, _)| name.value.as_str()).collect();
    let compiled = compile(&documents, &governed, &groups, faults);
    if faults.count() != before {
        return None;
    }
    let compiled = compiled?;
    let mut notices = notices(&compiled, &governed);
    notices.extend(warnings::of(&documents, &hosts));
    notices.extend(documents.doubles.iter().cloned());
    let untils = untils(&documents);
    let written = written(&compiled, &governed);
    let mut routes = Vec::new();
    for ((document, require), slice) in governed.into_iter().zip(compiled.slices) {
        routes.push(Route::new(document, require, slice?));
    }
    let ungoverned = open
        .iter()
        .filter_map(|document| Some(UngovernedMatch::new(document, document.ungoverned.as_ref()?)))
        .collect();
    let by_name =
        routes.iter().enumerate().map(|(position, route)| (route.name().to_owned(), position)).collect();
    let groups = Groups::new(documents.identities);
    Some(Policy {
        mesh: documents.mesh,
        hosts,
        groups,
        routes,
        ungoverned,
        by_name,
        matcher,
        notices,
        untils,
        written,
    })
}

/// The routes with what they require, and the documents that require nothing.
fn settle<'a>(
    documents: &'a Documents,
    faults: &Faults,
) -> (Vec<(&'a RouteDoc, Require)>, Vec<&'a RouteDoc>) {
    let (mut governed, mut open) = (Vec::new(), Vec::new());
    for document in &documents.routes {
        let page = faults.page(&document.file);
        let team = team_of(document, documents);
        arguments::can_be_read(document, page);
        if let Some(ungoverned) = &document.ungoverned {
            ungoverned::is_allowed(document, ungoverned, team, page);
        }
        match &document.ungoverned {
            Some(ungoverned) if !ungoverned.observe => open.push(document),
            _ => {
                governed.extend(requirements::settle(document, team, page).map(|require| (document, require)))
            }
        }
    }
    (governed, open)
}

fn written(compiled: &Compiled, governed: &[(&RouteDoc, Require)]) -> Vec<(PathBuf, Placed<String>)> {
    let files = governed.iter().map(|(document, _)| document.file.clone());
    let own = compiled.findings.iter().zip(files);
    let all = std::iter::once((&compiled.mesh, PathBuf::from(MESH_POLICY))).chain(own);
    let of = |(findings, file): (&Findings, PathBuf)| {
        findings
            .written
            .iter()
            .map(move |(at, id)| (file.clone(), Placed::new(*at, id.clone())))
            .collect::<Vec<_>>()
    };
    all.flat_map(of).collect()
}

fn untils(documents: &Documents) -> Vec<(PathBuf, Placed<u64>)> {
    let until = |document: &RouteDoc| {
        let until = document.ungoverned.as_ref()?.until.clone()?;
        Some((document.file.clone(), until))
    };
    documents.routes.iter().filter_map(until).collect()
}

fn team_of<'a>(document: &RouteDoc, documents: &'a Documents) -> Option<&'a Team> {
    documents.teams.0.iter().find(|team| team.name.value == document.team)
}

fn compile(
    documents: &Documents,
    governed: &[(&RouteDoc, Require)],
    groups: &[&str],
    faults: &Faults,
) -> Option<Compiled> {
    let endpoints: Vec<_> = governed.iter().map(|(document, _)| endpoints(document)).collect();
    let uncompiled: Vec<_> = governed
        .iter()
        .zip(&endpoints)
        .map(|((document, require), endpoints)| {
            let derived = document.action.iter().flat_map(|action| action.one_of.iter().map(String::as_str));
            let own = endpoints.iter().map(Endpoint::action);
            let actions: BTreeSet<_> =
                if document.action.is_some() { derived.collect() } else { own.collect() };
            Uncompiled { document, require, actions }
        })
        .collect();
    let compiled = engine::compile(&documents.mesh_policy, &uncompiled, groups);
    let Some(compiled) = compiled else {
        faults.page(Path::new(".")).fault(
            Place::NONE,
            "the policies could not be compiled: no thread could be had",
            "free memory, and try again",
        );
        return None;
    };
    compiled.mesh.report_faults(faults.page(Path::new(MESH_POLICY)));
    for (findings, (document, _)) in compiled.findings.iter().zip(governed) {
        findings.report_faults(faults.page(&document.file));
    }
    Some(compiled)
}

fn notices(compiled: &Compiled, governed: &[(&RouteDoc, Require)]) -> Vec<(PathBuf, Notice)> {
    let mesh = compiled.mesh.notices.iter().map(|notice| (PathBuf::from(MESH_POLICY), notice.clone()));
    let own = compiled.findings.iter().zip(governed).flat_map(|(findings, (document, _))| {
        findings.notices.iter().map(|notice| (document.file.clone(), notice.clone()))
    });
    mesh.chain(own).collect()
}
