//! `portcullis ledger show`: finds entries and prints them.

use clap::Args as ClapArgs;

use super::filter::Filter;
use super::log::{LogLocation, OptionalKey};
use super::search::Found;
use super::{describe, search};
use crate::cli::out::{ExitStatus, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    location: LogLocation,
    #[command(flatten)]
    key: OptionalKey,
    #[command(flatten)]
    filter: Filter,
    /// Print JSON, one line for each entry
    #[arg(long)]
    json: bool,
}

/// Exit status 1 if nothing is found, and 2 if nothing is found and not everything could be searched.
pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let log = args.location.open()?;
    let found = search::entries(&log, &args.key, &args.filter, args.json, |found| {
        line(if args.json {
            found.json_line()
        } else {
            describe::lines(found.index, found.stamps, &found.entry)
        })
    })?;
    match found {
        Found { count: 0, from: 0 } => Ok(ExitStatus::Denied),
        Found { count: 0, from } => {
            Err(Failure::new(format!("nothing was found among the entries from {from} on")))
        }
        Found { .. } => Ok(ExitStatus::Success),
    }
}
