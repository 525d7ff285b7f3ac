//! Assembles the documents of a bundle into one policy, and checks what depends on more than one document.
//!
//! The checks run both for files and for a signed bundle: a signature says who wrote a policy, not that it is sound.

mod arguments;
mod callers;
mod floors;
mod hosts;
mod issuance;
mod names;
mod operators;
mod overlaps;
mod requirements;
mod streams;
mod tenancy;
mod ungoverned;
mod warnings;

use std::path::{Path, PathBuf};

use self::requirements::Settled;
use crate::arguments::Declared;
use crate::documents::files::{self, Documents, Files, Form, ISSUANCE, MESH_POLICY, OPERATORS};
use crate::documents::groups::Groups;
use crate::documents::route::RouteDoc;
use crate::documents::teams::Team;
use crate::engine::{self, Compiled, Findings, MeshText, Uncompiled};
use crate::fault::{Fault, Faults, Place, Placed};
use crate::routes::{Hosts, Policy, Route, UngovernedMatch};
use crate::warning::Notice;

/// A document that is not open, with what it requires.
struct Governed<'a> {
    document: &'a RouteDoc,
    settled: Settled,
}

/// The policy of packed files, and of the routes over them if there are any; or every fault. Tests were for who signed them, and are
/// not read.
pub(crate) fn of_packed(files: &Files, routes: Option<&Files>) -> Result<Policy, Vec<Fault>> {
    let faults = Faults::new();
    let routes = routes.map(|routes| (routes, Form::Json));
    let policy = assemble(files::read_without_tests(files, routes, &faults), &faults);
    policy.ok_or_else(|| faults.into_sorted())
}

/// Which proxy serves which hosts, and their names.
pub(crate) fn hosts_of(documents: &Documents, faults: &Faults) -> Hosts {
    hosts::read(documents, faults)
}

/// What is wrong between routes, and with none of them alone: two have one name, or one match. The fault is of the later one.
pub(crate) fn collisions(documents: &Documents) -> Vec<Fault> {
    let faults = Faults::new();
    names::check_names(documents, &faults);
    overlaps::index(documents, &faults);
    faults.into_sorted()
}

/// Assembles a policy; `None` if there is any fault, in the documents or between them.
///
/// Every check runs, also if a document has faults. Then it leaves out what depends on the faulty part.
pub(crate) fn assemble(documents: Documents, faults: &Faults) -> Option<Policy> {
    names::check_names(&documents, faults);
    let hosts = hosts::read(&documents, faults);
    hosts::check_all_canonical(&documents, &hosts, faults);
    tenancy::check_grounds(&documents, &hosts, faults);
    callers::check_callers(&documents, faults);
    issuance::check_tokens_serve_one_use(&documents, faults);
    streams::check_within_the_mesh(&documents, faults);
    let governed = settle(&documents, faults);
    let matcher = overlaps::index(&documents, faults);
    let declared: Vec<_> = governed.iter().map(|governed| Declared::by(governed.document)).collect();
    let compiled = compile(&documents, &governed, &declared, faults)?;
    let (operators, findings_of_operators) = operators::compile(&documents, faults)?;
    let (issuance, findings_of_issuance) = issuance::compile(&documents, faults)?;
    if !faults.is_empty() {
        return None;
    }
    let mut notices = notices(&compiled, &governed);
    let mut written = written(&compiled, &governed);
    for (file, findings) in [(OPERATORS, findings_of_operators), (ISSUANCE, findings_of_issuance)] {
        let file = PathBuf::from(file);
        notices.extend(findings.notices.into_iter().map(|notice| (file.clone(), notice)));
        written.extend(findings.written.into_iter().map(|(at, id)| (file.clone(), Placed::new(at, id))));
    }
    notices.extend(warnings::of(&documents, &hosts));
    notices.extend(documents.duplicates.iter().cloned());
    let untils = untils(&documents);
    let mut routes = Vec::with_capacity(documents.routes.len());
    for ((Governed { document, settled }, declared), slice) in
        governed.into_iter().zip(declared).zip(compiled.slices)
    {
        let max_stream = streams::most(document, &documents);
        routes.push(Route::new(document, settled.in_force?, declared, slice?, max_stream));
    }
    let ungoverned = documents
        .routes
        .iter()
        .filter(|document| document.is_open())
        .filter_map(|document| {
            let most = streams::most(document, &documents);
            Some(UngovernedMatch::new(document, document.ungoverned.as_ref()?, most))
        })
        .collect();
    let by_name =
        routes.iter().enumerate().map(|(position, route)| (route.name().to_owned(), position)).collect();
    Some(Policy {
        mesh: documents.mesh?,
        hosts,
        groups: Groups::new(documents.identities?),
        operators: operators?,
        issuance: issuance?,
        routes,
        ungoverned,
        by_name,
        matcher,
        notices,
        untils,
        written,
    })
}

/// Checks each route alone, and settles what each governed one requires.
fn settle<'a>(documents: &'a Documents, faults: &Faults) -> Vec<Governed<'a>> {
    let mut governed = Vec::new();
    for document in &documents.routes {
        let file_faults = faults.in_file(&document.file);
        let team = team_of(document, documents);
        arguments::check_arguments(document, file_faults);
        if let Some(ungoverned) = &document.ungoverned {
            ungoverned::check_ungoverned(document, ungoverned, team, file_faults);
        }
        if document.broken.has("ungoverned") {
            // It may be meant as an ungoverned route, which requires nothing.
            governed.push(Governed { document, settled: Settled::unknown() });
        } else if !document.is_open() {
            let settled = requirements::settle(document, team, file_faults);
            governed.push(Governed { document, settled });
        }
    }
    governed
}

fn written(compiled: &Compiled, governed: &[Governed<'_>]) -> Vec<(PathBuf, Placed<String>)> {
    let files = governed.iter().map(|governed| governed.document.file.clone());
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
    documents.teams.as_ref()?.list.iter().find(|team| team.name.value == document.team)
}

fn compile(
    documents: &Documents,
    governed: &[Governed<'_>],
    declared: &[Declared],
    faults: &Faults,
) -> Option<Compiled> {
    let uncompiled: Vec<_> = governed
        .iter()
        .zip(declared)
        .map(|(Governed { document, settled }, declared)| Uncompiled {
            document,
            require: &settled.known,
            actions: declared.actions(),
        })
        .collect();
    let groups: Option<Vec<_>> = documents
        .identities
        .as_ref()
        .map(|identities| identities.groups.iter().map(|(name, _)| name.value.as_str()).collect());
    let open = documents.routes.iter().filter(|document| document.is_open()).map(Declared::by);
    let mesh = MeshText {
        policy: documents.mesh_policy.as_ref(),
        unread_routes: &documents.unread_routes,
        open: &open.collect::<Vec<_>>(),
    };
    let Some(compiled) = engine::compile(&mesh, &uncompiled, groups.as_deref()) else {
        return could_not_compile(faults);
    };
    compiled.mesh.report_faults(faults.in_file(Path::new(MESH_POLICY)));
    for (findings, governed) in compiled.findings.iter().zip(governed) {
        findings.report_faults(faults.in_file(&governed.document.file));
    }
    Some(compiled)
}

fn could_not_compile<T>(faults: &Faults) -> Option<T> {
    faults.in_file(Path::new(".")).fault(
        Place::NONE,
        "the policies could not be compiled: could not start a thread",
        "free memory, and try again",
    );
    None
}

fn notices(compiled: &Compiled, governed: &[Governed<'_>]) -> Vec<(PathBuf, Notice)> {
    let mesh = compiled.mesh.notices.iter().map(|notice| (PathBuf::from(MESH_POLICY), notice.clone()));
    let own = compiled.findings.iter().zip(governed).flat_map(|(findings, governed)| {
        findings.notices.iter().map(|notice| (governed.document.file.clone(), notice.clone()))
    });
    mesh.chain(own).collect()
}
