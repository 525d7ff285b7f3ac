//! `portcullis policy build`: shows what would be signed, without signing: every file with its digest, and
//! the arguments that will be recorded of each request. With `--from-cluster` the documents are objects of Kubernetes.

use clap::Args as ClapArgs;
use serde_json::{Map, json};

use super::documents::{BuildArgs, DocumentArgs};
use super::from_cluster::{self, FromClusterArgs};
use super::report::counted;
use crate::cli::out::{ExitStatus, Failure, line};
use policy::Digest;
use policy::authoring::{Built, RecordedArgument};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    from_cluster: FromClusterArgs,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    if args.from_cluster.from_cluster {
        let DocumentArgs { home, json, .. } = &args.build.documents;
        return from_cluster::run(&args.from_cluster, home, *json);
    }
    let report = args.build.examine()?;
    let mut more = Map::new();
    if let (ExitStatus::Success, Some(tested)) = (report.status(), &report.tested) {
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
        if !args.build.documents.json {
            print(built, &recorded)?;
        }
    }
    report.print(args.build.documents.json, more)
}

fn print(built: &Built, recorded: &[RecordedArgument]) -> Result<(), Failure> {
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
    line("arguments that will be recorded for each request:")?;
    recorded.iter().try_for_each(|one| {
        let how = if one.is_withheld { "as a keyed digest" } else { "by value" };
        line(format!("  {}: {}, {how}", one.route, one.argument))
    })
}
