//! Assembles the documents of a bundle into one policy, and checks what depends on more than one document.
//!
//! The checks run both for files and for a signed bundle: a signature says who wrote a policy, not that it is sound.

mod arguments;
mod callers;
mod floors;
mod hosts;
mod names;
mod overlaps;
mod requirements;
mod tenancy;
mod ungoverned;
mod warnings;

use std::path::{Path, PathBuf};

use crate::arguments::Declared;
use crate::documents::files::{Documents, MESH_POLICY};
use crate::documents::groups::Groups;
use crate::documents::require::Require;
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::engine::{self, Compiled, Findings, Uncompiled};
use crate::fault::{Faults, Place, Placed};
use crate::routes::{Policy, Route, UngovernedMatch};
use crate::warning::Notice;

/// Assembles a policy; `None` if a fault was found.
pub(crate) fn assemble(documents: Documents, faults: &Faults) -> Option<Policy> {
    let before = faults.count();
    names::check_names(&documents, faults);
    let hosts = hosts::read(&documents, faults);
    hosts::check_all_canonical(&documents, &hosts, faults);
    tenancy::check_grounds(&documents, faults);
    callers::check_callers(&documents, faults);
    let (governed, open) = settle(&documents, faults);
    let matcher = overlaps::index(&documents, &governed, faults);
    let groups: Vec<_> = documents.identities.groups.iter().map(|(name, _)| name.value.as_str()).collect();
    let declared: Vec<_> = governed.iter().map(|(document, _)| Declared::by(document)).collect();
    let compiled = compile(&documents, &governed, &declared, &groups, faults);
    if faults.count() != before {
        return None;
    }
    let compiled = compiled?;
    let mut notices = notices(&compiled, &governed);
    notices.extend(warnings::of(&documents, &hosts));
    notices.extend(documents.duplicates.iter().cloned());
    let untils = untils(&documents);
    let written = written(&compiled, &governed);
    let mut routes = Vec::new();
    for (((document, require), declared), slice) in governed.into_iter().zip(declared).zip(compiled.slices) {
        routes.push(Route::new(document, require, declared, slice?));
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

/// The governed routes with their requirements, and the documents that let requests through without a warrant.
fn settle<'a>(
    documents: &'a Documents,
    faults: &Faults,
) -> (Vec<(&'a RouteDoc, Require)>, Vec<&'a RouteDoc>) {
    let (mut governed, mut open) = (Vec::new(), Vec::new());
    for document in &documents.routes {
        let file_faults = faults.in_file(&document.file);
        let team = team_of(document, documents);
        arguments::check_arguments(document, file_faults);
        if let Some(ungoverned) = &document.ungoverned {
            ungoverned::check_ungoverned(document, ungoverned, team, file_faults);
        }
        match &document.ungoverned {
            Some(ungoverned) if !ungoverned.observe => open.push(document),
            _ => governed
                .extend(requirements::settle(document, team, file_faults).map(|require| (document, require))),
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
    declared: &[Declared],
    groups: &[&str],
    faults: &Faults,
) -> Option<Compiled> {
    let uncompiled: Vec<_> = governed
        .iter()
        .zip(declared)
        .map(|((document, require), declared)| Uncompiled { document, require, actions: declared.actions() })
        .collect();
    let compiled = engine::compile(&documents.mesh_policy, &uncompiled, groups);
    let Some(compiled) = compiled else {
        faults.in_file(Path::new(".")).fault(
            Place::NONE,
            "the policies could not be compiled: could not start a thread",
            "free memory, and try again",
        );
        return None;
    };
    compiled.mesh.report_faults(faults.in_file(Path::new(MESH_POLICY)));
    for (findings, (document, _)) in compiled.findings.iter().zip(governed) {
        findings.report_faults(faults.in_file(&document.file));
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
