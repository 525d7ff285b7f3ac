//! `portcullis policy schema`: what a route's policies may name, or what the documents may hold.

use clap::Args as ClapArgs;

use super::documents::{Looking, unknown};
use crate::cli::out::{Done, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The route whose Cedar schema is printed
    #[arg(required_unless_present = "yaml")]
    route: Option<String>,
    /// A JSON schema of the documents, for editors
    #[arg(long, conflicts_with = "route")]
    yaml: bool,
    #[command(flatten)]
    looking: Looking,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let Some(name) = &args.route else {
        return line(pretty(&policy::authoring::documents_schema(), args)?).map(|()| Done::Well);
    };
    args.looking.ask(|view| {
        let schema = view.schema(name).ok_or_else(|| unknown(view, name))?;
        line(pretty(&schema, args)?).map(|()| Done::Well)
    })
}

/// A schema is JSON for everybody; a person gets it on several lines.
fn pretty(schema: &serde_json::Value, args: &Args) -> Result<String, Failure> {
    if args.looking.documents.json {
        return Ok(schema.to_string());
    }
    serde_json::to_string_pretty(schema).map_err(Failure::new)
}
