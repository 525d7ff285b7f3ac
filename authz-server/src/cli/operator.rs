//! `portcullis operator`: reads the configuration, then turns the GovernedRoutes of a cluster into signed routes until it is stopped.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::log::LogArgs;
use super::out::Failure;
use super::runtime;
use crate::operator;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The configuration of the operator
    #[arg(long)]
    config: PathBuf,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.log.start();
    let config = operator::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let runtime = runtime::start()?;
    let ended = runtime.block_on(operator::run(config)).map_err(Failure::new);
    // A build that still runs is for nothing now.
    runtime.shutdown_background();
    ended
}
