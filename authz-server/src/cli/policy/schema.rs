//! `portcullis policy schema`: prints what a route's policies may name, what the documents may contain, or the definition of
//! GovernedRoute for Kubernetes.

use clap::Args as ClapArgs;

use super::documents::{ViewArgs, unknown_route};
use crate::cli::out::{ExitStatus, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The route whose Cedar schema is printed
    #[arg(required_unless_present_any = ["yaml", "crd"])]
    route: Option<String>,
    /// Print the JSON schema of the documents, for editors
    #[arg(long, conflicts_with = "route")]
    yaml: bool,
    /// Print the CustomResourceDefinition of GovernedRoute, for `kubectl apply -f -`
    #[arg(long, conflicts_with_all = ["route", "yaml", "json"])]
    crd: bool,
    #[command(flatten)]
    view: ViewArgs,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    if args.crd {
        policy::authoring::yaml_lines(&policy::authoring::crd()).iter().try_for_each(line)?;
        return Ok(ExitStatus::Success);
    }
    let Some(name) = &args.route else {
        return line(pretty(&policy::authoring::documents_schema(), args)?).map(|()| ExitStatus::Success);
    };
    args.view.with_view(|view| {
        let schema = view.schema(name).ok_or_else(|| unknown_route(view, name))?;
        line(pretty(&schema, args)?).map(|()| ExitStatus::Success)
    })
}

/// A schema is always JSON; without `--json` it is printed on several lines.
fn pretty(schema: &serde_json::Value, args: &Args) -> Result<String, Failure> {
    if args.view.documents.json {
        return Ok(schema.to_string());
    }
    serde_json::to_string_pretty(schema).map_err(Failure::new)
}
