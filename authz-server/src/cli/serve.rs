//! `portcullis serve`: reads the configuration, then serves until it is stopped.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::out::Failure;
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
    #[arg(long, value_enum, default_value = "human")]
    log_format: LogFormat,
    /// What to log, for example `info` or `authz_server=debug`
    #[arg(long, default_value = "info")]
    log: EnvFilter,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    log_to_stderr(args);
    let config = config::load(&args.config).map_err(|faults| Failure::all(&faults))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Every thread that may evaluate a policy has the one stack size for which the policy's answer is
        // defined.
        .thread_stack_size(policy::STACK)
        .on_thread_start(policy::mark_this_thread_deep)
        .build()
        .map_err(|e| Failure::new(format!("cannot start: {e}")))?;
    runtime.block_on(server::run(config, args.restored)).map_err(Failure::new)
}

fn log_to_stderr(args: &Args) {
    let builder = tracing_subscriber::fmt().with_env_filter(args.log.clone()).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Human => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}
