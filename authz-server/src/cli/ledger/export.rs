//! `portcullis ledger export`: prints entries as JSON lines, each exactly as it is recorded; or makes a folder of evidence.

use clap::Args as ClapArgs;

use super::filter::Filter;
use super::log::{LogLocation, OptionalKey};
use super::{evidence, search};
use crate::cli::out::{ExitStatus, Failure, line};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    location: LogLocation,
    #[command(flatten)]
    key: OptionalKey,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    evidence: evidence::EvidenceArgs,
    /// Print JSON. Entries always are JSON; with --evidence this prints what is in the folder
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let log = args.location.open()?;
    if let Some(done) = evidence::make(&args.evidence, &log, &args.key, args.json)? {
        return Ok(done);
    }
    search::entries(&log, &args.key, &args.filter, args.json, |found| line(found.json_line()))?;
    Ok(ExitStatus::Success)
}
