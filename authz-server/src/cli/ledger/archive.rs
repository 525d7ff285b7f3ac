//! `portcullis ledger archive`: moves old entries to a directory of their own. The archive, copied into the
//! log, makes a log that passes every verifier again. The command records the archive in the ledger, so no
//! server may have the ledger open.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use ledger::Ledger;
use serde_json::json;

use crate::cli::out::{ExitStatus, Failure, line};
use crate::clock::Clock;
use crate::{config, facts, server};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The configuration of the server that owns the ledger; stop that server first
    #[arg(long)]
    config: PathBuf,
    /// Move the entries below this index, which must be a multiple of 256
    #[arg(long)]
    below: u64,
    /// The archive: a new directory, or one with earlier archives of this log
    #[arg(long)]
    into: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let clock = Clock::of_the_machine();
    let options = server::ledger_options(&config.ledger.key, &clock).map_err(Failure::new)?;
    let busy = if args.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    busy.enable_steady_tick(Duration::from_millis(100));
    busy.set_message("recovering the ledger");
    let ledger = Ledger::open(&config.ledger.directory, options).map_err(Failure::new)?;
    busy.set_message("saving the facts that are still needed");
    let (facts, _) = facts::fold(&ledger).map_err(Failure::new)?;
    let saved = ledger.save_snapshot(facts.own.as_of, |to| facts::snapshot::write(to, &facts));
    let snapshot = saved.map_err(Failure::new)?;
    busy.set_message("copying, checking, removing");
    let moved = ledger.archive(args.below, &args.into, &snapshot).map_err(Failure::new)?;
    busy.finish_and_clear();
    let (origin, into) = (ledger.origin().to_owned(), args.into.display());
    ledger.close();
    let report = json!({"origin": origin, "below": args.below, "bundles": moved, "into": into.to_string()});
    let plain =
        format!("moved all entries of {origin} below index {} ({moved} entry bundles) to {into}", args.below);
    line(if args.json { report.to_string() } else { plain })?;
    Ok(ExitStatus::Success)
}
