//! `portcullis policy check`: what would stop a build, and what is probably not meant.

use clap::Args as ClapArgs;
use serde_json::{Map, Value};

use super::documents::Building;
use super::report::counted;
use crate::cli::out::{Done, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    building: Building,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let report = args.building.examine()?;
    let (mut more, mut said) = (Map::new(), String::new());
    if let Some(tested) = &report.tested {
        let routes = tested.documents().routes().len();
        more.insert("routes".to_owned(), Value::from(routes));
        said = format!(
            "{}, {}, {}",
            counted(routes, "route"),
            counted(tested.documents().outcomes().len(), "test"),
            counted(report.warnings.len(), "warning")
        );
    }
    let done = report.tell(args.building.documents.json, more)?;
    if done == Done::Well && !args.building.documents.json {
        line(format!("sound: {said}"))?;
    }
    Ok(done)
}
