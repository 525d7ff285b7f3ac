//! `portcullis ledger archive`: old entries go to a folder of their own; log and archive laid over each other pass every
//! verifier again. The archive is named in the ledger, so this writes, and no server may have it open.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use ledger::Ledger;
use serde_json::json;

use crate::cli::out::{Done, Failure, line};
use crate::clock::Clock;
use crate::{config, facts, server};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// The configuration of the server whose ledger it is; stop that server first
    #[arg(long)]
    config: PathBuf,
    /// Entries below this index go: a multiple of 256
    #[arg(long)]
    below: u64,
    /// The archive: a folder that other archives of this log may have begun
    #[arg(long)]
    into: PathBuf,
    /// For machines
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<Done, Failure> {
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let clock = Clock::of_the_machine();
    let options = server::ledger_options(&config.ledger.key, &clock).map_err(Failure::new)?;
    let busy = if args.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    busy.enable_steady_tick(Duration::from_millis(100));
    busy.set_message("recovering the ledger");
    let ledger = Ledger::open(&config.ledger.directory, options).map_err(Failure::new)?;
    busy.set_message("keeping the facts that are alive");
    let now = clock.now();
    let (folded, size) = facts::fold(&ledger, now).map_err(Failure::new)?;
    let snapshot =
        ledger.save_snapshot(size, facts::snapshot::to_bytes(&folded, now)).map_err(Failure::new)?;
    busy.set_message("copying, checking, removing");
    let moved = ledger.archive(args.below, &args.into, &snapshot).map_err(Failure::new)?;
    busy.finish_and_clear();
    let (origin, into) = (ledger.origin().to_owned(), args.into.display());
    ledger.close();
    let said = json!({"origin": origin, "below": args.below, "bundles": moved, "into": into.to_string()});
    let plain = format!("moved {moved} bundles, all entries of {origin} below {}, to {into}", args.below);
    line(if args.json { said.to_string() } else { plain })?;
    Ok(Done::Well)
}
