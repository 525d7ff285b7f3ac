//! `portcullis serve`: reads the configuration, then serves until it is stopped.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::log::LogArgs;
use super::out::Failure;
use super::runtime;
use crate::{config, server};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The configuration that `portcullis init` wrote
    #[arg(long)]
    config: PathBuf,
    /// The ledger was restored from a backup: begin a new log that names the old one, with everything halted.
    /// Use it once
    #[arg(long)]
    restored: bool,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.log.start();
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let runtime = runtime::start()?;
    runtime.block_on(server::run(config, args.restored)).map_err(Failure::new)
}
