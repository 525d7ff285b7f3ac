//! `portcullis policy check`: reports what would stop a build, and what is probably a mistake.

use clap::Args as ClapArgs;
use serde_json::{Map, Value};

use super::documents::BuildArgs;
use super::report::counted;
use crate::cli::out::{ExitStatus, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    build: BuildArgs,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let report = args.build.examine()?;
    let (mut more, mut counts) = (Map::new(), String::new());
    if let Some(tested) = &report.tested {
        let routes = tested.documents().routes().len();
        more.insert("routes".to_owned(), Value::from(routes));
        counts = format!(
            "{}, {}, {}",
            counted(routes, "route"),
            counted(tested.documents().outcomes().len(), "test"),
            counted(report.warnings.len(), "warning")
        );
    }
    let status = report.print(args.build.documents.json, more)?;
    if status == ExitStatus::Success && !args.build.documents.json {
        line(format!("no faults: {counts}"))?;
    }
    Ok(status)
}
