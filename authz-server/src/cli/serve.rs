//! `portcullis serve`: reads the configuration, then serves until it is stopped.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::log::LogArgs;
use super::out::Failure;
use super::runtime;
use crate::server::{Backup, FoundLedger};
use crate::{config, server};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The configuration that `portcullis init` wrote
    #[arg(long)]
    config: PathBuf,
    /// The ledger was restored from a backup: begin a new log that names the old one, with everything halted.
    /// Use it once: it is refused if the ledger is such a new log already
    #[arg(long)]
    restored: bool,
    /// The same, only if the ledger has the log of this name, or if such a restore was cut short. If it has the log that began in
    /// its place, start as always: so it is safe where a supervisor starts the server again. NAME is the first part of the
    /// backup's log.vkey, up to the first `+`
    #[arg(long, value_name = "NAME", conflicts_with = "restored")]
    restored_log: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.log.start();
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let runtime = runtime::start()?;
    runtime.block_on(server::run(config, args.found())).map_err(Failure::new)
}

impl Args {
    fn found(&self) -> FoundLedger {
        match &self.restored_log {
            Some(name) => FoundLedger::Backup(Backup::OfLog(name.clone())),
            None if self.restored => FoundLedger::Backup(Backup::OfAnyLog),
            None => FoundLedger::Own,
        }
    }
}
