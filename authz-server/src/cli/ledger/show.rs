//! `portcullis ledger show`: finds entries and prints them.

use clap::Args as ClapArgs;

use super::filter::Filter;
use super::log::{LogLocation, OptionalKey};
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

/// Exit status 1 if nothing is found.
pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let log = args.location.open()?;
    let count = search::entries(&log, &args.key, &args.filter, args.json, |found| {
        line(if args.json {
            found.json_line()
        } else {
            describe::lines(found.index, found.stamps, &found.entry)
        })
    })?;
    Ok(if count > 0 { ExitStatus::Success } else { ExitStatus::Denied })
}
