//! `portcullis policy test`: runs every case of every test, and shows which policies and requirements the
//! tests cover.

use clap::Args as ClapArgs;
use serde_json::{Map, json};

use super::documents::DocumentArgs;
use super::report::counted;
use crate::cli::out::{ExitStatus, Failure, line};
use policy::authoring::{Built, Coverage, TestOutcome};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    documents: DocumentArgs,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let report = args.documents.examine(false)?;
    let mut more = Map::new();
    if let Some(tested) = &report.tested {
        let built = tested.documents();
        let coverage = built.coverage();
        more.insert("cases".to_owned(), json!(built.outcomes()));
        more.insert("coverage".to_owned(), coverage.iter().map(coverage_json).collect());
        if !args.documents.json {
            print(built, &coverage)?;
        }
    }
    let status = report.print(args.documents.json, more)?;
    if let (ExitStatus::Success | ExitStatus::Denied, false, Some(tested)) =
        (status, args.documents.json, &report.tested)
    {
        let (cases, failing) = (tested.documents().outcomes().len(), tested.failing());
        line(format!("{}, {failing} failing", counted(cases, "case")))?;
    }
    Ok(status)
}

fn coverage_json(coverage: &Coverage) -> serde_json::Value {
    let policies: Map<_, _> =
        coverage.policies.iter().map(|(id, cases)| (id.clone(), json!(cases))).collect();
    let requirements: Map<_, _> =
        coverage.requirements.iter().map(|(name, cases)| ((*name).to_owned(), json!(cases))).collect();
    json!({"route": coverage.route, "policies": policies, "requirements": requirements})
}

fn print(built: &Built, coverage: &[Coverage]) -> Result<(), Failure> {
    for route in coverage {
        line(&route.route)?;
        built.outcomes().iter().filter(|outcome| outcome.route == route.route).try_for_each(print_case)?;
        line(format!(
            "  policies that decided: {}",
            reached(route.policies.iter().map(|(id, n)| (id.as_str(), *n)))
        ))?;
        if !route.requirements.is_empty() {
            line(format!("  requirements that denied: {}", reached(route.requirements.iter().copied())))?;
        }
    }
    Ok(())
}

fn print_case(outcome: &TestOutcome) -> Result<(), Failure> {
    let answer = policy::decision::result_code(outcome.judged.denial);
    let verdict = if outcome.passed { "ok  " } else { "FAIL" };
    line(format!("  {verdict} {}: {answer}", outcome.case))
}

/// How many of them some case reaches, and the names of those that no case reaches.
fn reached<'a>(all: impl Iterator<Item = (&'a str, usize)> + Clone) -> String {
    let missing: Vec<_> = all.clone().filter(|(_, cases)| *cases == 0).map(|(name, _)| name).collect();
    let (count, hit) = (all.clone().count(), all.filter(|(_, cases)| *cases > 0).count());
    match missing.as_slice() {
        [] => format!("{hit} of {count}"),
        missing => format!("{hit} of {count}; never {}", missing.join(", ")),
    }
}
