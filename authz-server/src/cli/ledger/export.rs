//! `portcullis ledger export`: prints entries as JSON lines, each exactly as it is recorded.

use clap::Args as ClapArgs;

use super::filter::Filter;
use super::log::{LogLocation, OptionalKey};
use super::search;
use crate::cli::out::{ExitStatus, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    location: LogLocation,
    #[command(flatten)]
    key: OptionalKey,
    #[command(flatten)]
    filter: Filter,
    /// The output is always JSON; scripts may give this flag
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let log = args.location.open()?;
    search::entries(&log, &args.key, &args.filter, args.json, |found| line(found.json_line()))?;
    Ok(ExitStatus::Success)
}
