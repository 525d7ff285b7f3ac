//! What a process that stays writes to standard error, and how.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Args)]
pub(super) struct LogArgs {
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

impl LogArgs {
    /// From now on, lines go to standard error.
    pub(super) fn start(&self) {
        let builder =
            tracing_subscriber::fmt().with_env_filter(self.log.clone()).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Human => builder.with_ansi(false).init(),
            LogFormat::Json => builder.json().init(),
        }
    }
}
