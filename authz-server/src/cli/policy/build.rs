//! `portcullis policy build`: what a signature would be over, without signing: every file with its digest, and what of each request
//! the record will hold.

use clap::Args as ClapArgs;
use serde_json::{Map, json};

use super::documents::Building;
use super::report::counted;
use crate::cli::out::{Done, Failure, line};
use policy::Digest;
use policy::authoring::{Built, RecordedArgument};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    building: Building,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let report = args.building.examine()?;
    let mut more = Map::new();
    if let (Done::Well, Some(tested)) = (report.done(), &report.tested) {
        let built = tested.documents();
        let recorded = built.view().recorded();
        let files: Map<_, _> = built
            .packed()
            .iter()
            .map(|(name, bytes)| (name.clone(), json!(Digest::of(bytes).to_string())))
            .collect();
        more.insert("audience".to_owned(), json!(built.audience()));
        more.insert("files".to_owned(), json!(files));
        more.insert("recorded".to_owned(), json!(recorded));
        if !args.building.documents.json {
            tell(built, &recorded)?;
        }
    }
    report.tell(args.building.documents.json, more)
}

fn tell(built: &Built, recorded: &[RecordedArgument]) -> Result<(), Failure> {
    line(format!(
        "for {}: {}, {}",
        built.audience(),
        counted(built.routes().len(), "route"),
        counted(built.packed().len(), "file")
    ))?;
    built.packed().iter().try_for_each(|(name, bytes)| line(format!("  {} {name}", Digest::of(bytes))))?;
    if recorded.is_empty() {
        return line("no argument will be recorded");
    }
    line("the record will hold of each request:")?;
    recorded.iter().try_for_each(|one| {
        let how = if one.is_withheld { "as a keyed digest" } else { "by value" };
        line(format!("  {}: {}, {how}", one.route, one.argument))
    })
}
