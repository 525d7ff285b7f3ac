//! `portcullis ledger show`: entries by what they are about.

use clap::Args as ClapArgs;

use super::filter::Filter;
use super::opened::{Named, Where};
use super::{describe, follow};
use crate::cli::out::{Done, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    filter: Filter,
    /// For machines: one line an entry
    #[arg(long)]
    json: bool,
}

/// Exit status 1 where nothing is found.
pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let opened = args.at.open()?;
    let found = follow::all(&opened, &args.named, &args.filter, args.json, |hit| {
        line(if args.json { hit.json_line() } else { describe::lines(hit.index, hit.stamps, &hit.entry) })
    })?;
    Ok(if found > 0 { Done::Well } else { Done::Denied })
}
