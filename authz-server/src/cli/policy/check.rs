//! `portcullis policy check`: what would stop a build, and what is probably not meant.

use clap::Args as ClapArgs;
use serde_json::{Map, Value};

use super::documents::Documents;
use super::report::counted;
use crate::cli::out::{Done, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    documents: Documents,
    /// Take every warning for a fault
    #[arg(long)]
    strict: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let report = args.documents.examine(args.strict)?;
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
    let done = report.tell(args.documents.json, more)?;
    if done == Done::Well && !args.documents.json {
        line(format!("sound: {said}"))?;
    }
    Ok(done)
}
