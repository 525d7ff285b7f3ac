//! `portcullis ledger export`: entries as JSON lines, each exactly as it is recorded.

use clap::Args as ClapArgs;

use super::filter::Filter;
use super::follow;
use super::opened::{Named, Where};
use crate::cli::out::{Done, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    filter: Filter,
    /// As it always is; for the sake of scripts
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let opened = args.at.open()?;
    follow::all(&opened, &args.named, &args.filter, args.json, |hit| line(hit.json_line()))?;
    Ok(Done::Well)
}
